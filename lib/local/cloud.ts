import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Alarms, startAlarms } from './alarms/alarm-evaluator.ts';
import { separateEmulated, whatAlarmsLack } from './alarms/emulation.ts';
import { readAssembly } from './assembly.ts';
import { startCloudWatchApi } from './cloudwatch-api/cloudwatch-api.ts';
import { watchCode } from './code-watch.ts';
import { consumerNamed, consumerOf, statusOf } from './consumers.ts';
import { type Engines, startEngines } from './engines.ts';
import { queueCalls, startEventSources } from './event-sources/event-sources.ts';
import { createFunction, type LambdaFunction } from './functions/lambda-function.ts';
import { untilIdle } from './idle.ts';
import { startLambdaApi } from './lambda-api/lambda-api.ts';
import { type AlarmClock, startAlarmClock } from './metrics/alarm-clock.ts';
import { createEmfReader } from './metrics/emf.ts';
import { createFunctionMetrics } from './metrics/function-metrics.ts';
import { MetricStore } from './metrics/metric-store.ts';
import { startQueueGauges } from './metrics/queue-gauges.ts';
import { startTopicMetrics } from './metrics/topic-metrics.ts';
import { OrderWatch } from './order-watch.ts';
import { outboxesOf } from './outboxes.ts';
import { provision } from './provision/provision.ts';
import type { AlarmResource, FunctionResource, QueueResource, Resources } from './resources.ts';
import { startSchedules } from './schedules/schedules.ts';
import type { AlarmStatus, ConsumerStatus } from './status.ts';
import { synthesize } from './synth.ts';
import { startFunctionSubscriptions } from './topics/function-subscriptions.ts';

/** What to run, and how. */
export interface LocalCloudProps {
  /** The folder with `cdk.json`. */
  projectDirectory: string;
  /** The environment whose templates to run: CDK context `env`. */
  env: string;
  /** Variables that replace those of the same name in functions that declare them. @default {} */
  environment?: Record<string, string>;
  /** How many times faster time runs for alarms, and for schedules at a rate. @default 1 */
  speed?: number;
  /** Execution environments per function, at most. @default 1 */
  concurrency?: number;
  /** The share of deliveries that are made twice. @default 0 */
  duplicateRate?: number;
  /** @default Math.random */
  random?: () => number;
  /** A folder that keeps queues and tables over a restart. @default everything is gone at the end */
  persist?: string;
  messagingPort?: number;
  dynamodbPort?: number;
  cloudwatchPort?: number;
  sqsEndpoint?: string;
  dynamodbEndpoint?: string;
  /** Where the functions' log lines go, apart from metrics. @default nowhere */
  onLog?: (line: string, functionName: string) => void;
  /** Told of what a developer wants to see: reloads, alarms, engines that end. */
  say?: (line: string) => void;
}

/** The templates of an app, running on this machine. */
export interface LocalCloud {
  readonly engines: Engines;
  /** Where the API of Lambda is, as far as it is here: event source mappings can be read, listed and changed. */
  readonly lambdaEndpoint: string;
  /** Where the API of CloudWatch is, as far as it is here: alarms, their history and states, and metrics. */
  readonly cloudwatchEndpoint: string;
  readonly resources: Resources;
  /** True when `persist` names a folder that an earlier run left. */
  readonly resumed: boolean;
  consumers(): ConsumerStatus[];
  /** The queue that each consumer takes from. */
  consumerQueues(): { consumer: string; queueUrl: string; fifo: boolean }[];
  deadLetterQueues(): QueueResource[];
  alarms(): AlarmStatus[];
  /** The states that every alarm has been in, with the wall-clock times (epoch milliseconds) at which it came into them. */
  alarmHistory(): { name: string; states: { state: string; at: number }[] }[];
  /** FIFO records that were handled before an earlier one of their group. */
  outOfOrder(): number;
  /** Stops or restarts the deliveries to a consumer. Throws when there is no such consumer. */
  setEnabled(consumer: string, enabled: boolean): Promise<void>;
  /** Ends a busy worker of a consumer as a failing host would; false when none is busy. */
  killWorker(consumer: string): Promise<boolean>;
  /**
   * Waits until no queue but the dead-letter queues has a message, no stream an unread record, and what a schedule runs has
   * had time to bring more; returns when that began (`performance.now`), undefined when aborted.
   */
  untilIdle(signal?: AbortSignal): Promise<number | undefined>;
  /** Synthesizes again, and replaces the code of the functions that changed; what else changed needs a new start. */
  reload(): Promise<void>;
  /** Reloads whenever a source file changes. */
  watch(): void;
  stop(): Promise<void>;
}

/** The region that stacks get which are bound to none. */
const REGION = 'us-east-1';

/**
 * Synthesizes the app, starts the engines, provisions the templates and starts the functions, their event sources and
 * schedules, and the alarms.
 * @throws SynthError, AssemblyError, EngineError, ProvisionError, FunctionLoadError
 */
export async function startLocalCloud(props: LocalCloudProps): Promise<LocalCloud> {
  const { say = () => {}, persist } = props;
  const resumed = persist !== undefined && existsSync(persist) && readdirSync(persist).length > 0;
  if (persist !== undefined) mkdirSync(persist, { recursive: true });
  const closing = new AsyncDisposableStack();
  try {
    const assemblies = mkdtempSync(join(tmpdir(), 'baton-assembly-'));
    closing.defer(() => rmSync(assemblies, { recursive: true, force: true }));
    let synths = 0;
    const synthesizeAgain = async () =>
      readAssembly(
        await synthesize({
          projectDirectory: props.projectDirectory,
          env: props.env,
          outputDirectory: join(assemblies, String(++synths)),
        }),
      );

    // The app takes a second to synthesize: the engines start meanwhile.
    const starting = startEngines({
      region: REGION,
      dataDir: persist,
      messagingPort: props.messagingPort,
      dynamodbPort: props.dynamodbPort,
      sqsEndpoint: props.sqsEndpoint,
      dynamodbEndpoint: props.dynamodbEndpoint,
      onCrash: (error) => {
        say(error.message);
        if (persist !== undefined) void revive(starting, say);
      },
    });
    const [assembly, started] = await Promise.allSettled([synthesizeAgain(), starting]);
    if (started.status === 'fulfilled') closing.defer(() => started.value.stop());
    if (assembly.status === 'rejected') throw assembly.reason;
    if (started.status === 'rejected') throw started.reason;
    const engines = started.value;

    const provisionAgain = (from: typeof assembly.value) =>
      provision(from, engines, { environment: props.environment });
    const resources = await provisionAgain(assembly.value);
    const separated = separateEmulated(resources.alarms, { topicsSeen: engines.direct !== undefined });
    resources.alarms = separated.emulated;
    resources.notEmulated.push(...whatAlarmsLack(separated));
    const clock = startAlarmClock({ speed: props.speed });
    const store = new MetricStore();
    const lambdaApi = await startLambdaApi({ region: engines.region, accountId: engines.accountId });
    closing.defer(() => lambdaApi.stop());
    const cloudwatchApi = await startCloudWatchApi({ store, clock, port: props.cloudwatchPort });
    closing.defer(() => cloudwatchApi.stop());
    const environment = {
      ...engines.environment(),
      AWS_ENDPOINT_URL_LAMBDA: lambdaApi.url,
      AWS_ENDPOINT_URL_CLOUDWATCH: cloudwatchApi.url,
    };
    const functions = startFunctions(resources.functions, environment, clock, store, props);
    closing.defer(async () => {
      await Promise.all([...functions.values()].map((fn) => fn.stop()));
    });
    await Promise.all([...functions.values()].map((fn) => fn.warm(1)));

    const subscriptions = startFunctionSubscriptions({ functions, onError: (error) => say(error.message) });
    closing.defer(() => subscriptions.stop());
    const topicMetrics = startTopicMetrics({ store, clock });
    closing.defer(() => topicMetrics.stop());
    engines.observeTopics({ ...topicMetrics, notify: subscriptions.notify });
    const gauges = startQueueGauges({
      queues: resources.queues,
      attributesOf: (url, names) => queueCalls(engines, url).attributes(names),
      store,
      clock,
      oldestMessageSentAt: engines.oldestMessageSentAt,
    });
    closing.defer(() => gauges.stop());
    const told = new Map<string, string>();
    const alarms = startAlarms({
      alarms: resources.alarms,
      notEvaluated: separated.refused.map(({ alarm }) => alarm),
      absent: separated.absent,
      store,
      clock,
      sns: engines.clients.sns,
      onTransition: ({ alarm, from, to }) => {
        told.delete(alarm.name);
        // That an alarm has data at last is no news, and what tells nobody is heard through a composite that does.
        if (speaks(alarm) && (to === 'ALARM' || from === 'ALARM')) say(`${to} ${alarm.name}`);
      },
      onNotification: ({ alarm, to, action, outcome }) => {
        // What a reader knows a topic by: its place in the app, `OnCall/Page`.
        const topic =
          resources.topics
            .find(({ arn }) => arn === action)
            ?.path.split('/')
            .slice(1)
            .join('/') ?? action;
        told.set(alarm.name, outcome === 'delivered' ? topic : `${topic} (${outcome})`);
        if (to === 'ALARM') say(`  ${outcome} to ${topic}`);
      },
      onSuppressed: ({ alarm, to }, by) => {
        if (by !== 'Alarm') return;
        told.set(alarm.name, 'nobody (suppressed)');
        if (to === 'ALARM') say('  held back by its suppressor');
      },
    });
    closing.defer(() => alarms.stop());
    cloudwatchApi.serve(alarms);

    const order = new OrderWatch();
    const eventSources = await startEventSources(resources, {
      engines,
      functionNamed: (name, fifo) => {
        const fn = functions.get(name);
        return fn !== undefined && fifo ? order.watching(fn) : fn;
      },
      concurrency: props.concurrency ?? 1,
      duplicateRate: props.duplicateRate,
      random: props.random,
      onError: (name, error) => say(`${name}: ${error.message}`),
    });
    closing.defer(async () => {
      await Promise.all(eventSources.map((source) => source.stop()));
    });
    lambdaApi.serve(eventSources);
    const outboxes = outboxesOf(resources, engines.clients.dynamodb);
    const unfinished = { isEmpty: async () => !subscriptions.busy() && (await outboxes.isEmpty()) };
    const schedules = startSchedules({
      schedules: resources.schedules,
      functions,
      sqs: engines.clients.sqs,
      speed: props.speed,
      onError: (error) => say(error.message),
    });
    closing.defer(() => schedules.stop());

    const consumers = resources.functions.flatMap((fn) =>
      eventSources
        .filter(({ resource }) => resource.kind === 'queue' && resource.functionName === fn.name)
        .map((source) => consumerOf(fn, source, resources, functions)),
    );
    const cloud: LocalCloud = {
      engines,
      lambdaEndpoint: lambdaApi.url,
      cloudwatchEndpoint: cloudwatchApi.url,
      resources,
      resumed,
      consumers: () => consumers.map((consumer) => statusOf(consumer, store, clock)),
      consumerQueues: () =>
        consumers.flatMap(({ name, source: { resource } }) =>
          resource.kind === 'queue' ? [{ consumer: name, queueUrl: resource.queueUrl, fifo: resource.fifo }] : [],
        ),
      deadLetterQueues: () => deadLetterQueues(resources),
      alarms: () => alarmStatuses(resources.alarms, alarms, told),
      alarmHistory: () => alarms.history(),
      outOfOrder: () => order.overtaken,
      async setEnabled(name, enabled) {
        const { source } = consumerNamed(consumers, name);
        if (enabled) source.resume();
        else source.pause();
      },
      killWorker: async (name) => await consumerNamed(consumers, name).fn.killOne(),
      untilIdle: (signal) => untilIdle(eventSources, schedules, unfinished, signal),
      async reload() {
        const changed = await provisionAgain(await synthesizeAgain());
        say(replaceCode(resources.functions, changed.functions, functions));
      },
      watch() {
        const watching = watchCode(props.projectDirectory, async (files) => {
          try {
            await cloud.reload();
          } catch (error) {
            say(`${files.join(', ')} changed, but the old code stays: ${(error as Error).message}`);
          }
        });
        closing.defer(() => watching.stop());
      },
      stop: () => closing.disposeAsync(),
    };
    return cloud;
  } catch (error) {
    await closing.disposeAsync();
    throw error;
  }
}

/** With a folder to start from, an engine that crashed comes back with all it had accepted. */
async function revive(starting: Promise<Engines>, say: (line: string) => void): Promise<void> {
  try {
    await (await starting).restartDynamodb();
    say('The dynamodb engine is up again, with its data.');
  } catch (error) {
    say(`The dynamodb engine could not be started again: ${(error as Error).message}`);
  }
}

function startFunctions(
  resources: readonly FunctionResource[],
  environment: Record<string, string>,
  clock: AlarmClock,
  store: MetricStore,
  { concurrency = 1, onLog, say }: LocalCloudProps,
): Map<string, LambdaFunction> {
  const readEmf = createEmfReader({
    store,
    clock,
    onInvalid: (reason) => say?.(`A function wrote metrics that CloudWatch would drop: ${reason}`),
  });
  const metrics = createFunctionMetrics(store, clock);
  return new Map(
    resources.map((resource) => [
      resource.name,
      createFunction(resource, {
        environment,
        concurrency,
        onLog: (line, name) => {
          if (!readEmf(line)) onLog?.(line, name);
        },
        onInvocation: ({ functionName, durationMs, error, throttled }) => {
          if (throttled) metrics.throttled(functionName);
          else {
            metrics.invoked(functionName, {
              durationMs,
              failed: error !== undefined,
            });
          }
        },
      }),
    ]),
  );
}

function alarmStatuses(
  resources: readonly AlarmResource[],
  alarms: Alarms,
  told: ReadonlyMap<string, string>,
): AlarmStatus[] {
  const speaking = new Set(resources.filter(speaks).map(({ name }) => name));
  return [...alarms.states()].map(([name, status]) => ({
    name,
    ...status,
    speaks: speaking.has(name),
    notified: told.get(name),
  }));
}

function speaks({ alarmActions }: AlarmResource): boolean {
  return alarmActions.length > 0;
}

/** Queues that nothing delivers from and others dead-letter to. */
function deadLetterQueues({ queues, eventSources }: Resources): QueueResource[] {
  const sources = new Set(eventSources.flatMap((source) => (source.kind === 'queue' ? [source.queueArn] : [])));
  return queues.filter(({ arn }) => !sources.has(arn));
}

/** Gives functions their new code; returns what to tell the developer. */
function replaceCode(
  before: readonly FunctionResource[],
  after: readonly FunctionResource[],
  functions: ReadonlyMap<string, LambdaFunction>,
): string {
  const changed = after.filter((fn) => {
    const old = before.find(({ name }) => name === fn.name);
    if (old === undefined) return false;
    const same =
      basename(old.codeDirectory) === basename(fn.codeDirectory) &&
      JSON.stringify(old.environment) === JSON.stringify(fn.environment);
    if (!same) Object.assign(old, fn);
    return !same;
  });
  for (const fn of changed) functions.get(fn.name)?.replaceCode(fn);
  const names = changed.map((fn) => fn.environment.POWERTOOLS_SERVICE_NAME ?? fn.name).join(', ');
  const reloaded = changed.length === 0 ? 'Nothing changed in any function.' : `Reloaded ${names}.`;
  return after.length === before.length
    ? reloaded
    : `${reloaded} Consumers were added or removed: start again to run them.`;
}
