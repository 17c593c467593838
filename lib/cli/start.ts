import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LocalCloud, startLocalCloud } from '../local/cloud.ts';
import { notEmulatedLines } from '../local/not-emulated.ts';
import type { ConsumerStatus } from '../local/status.ts';
import { readDeadLetters } from '../superstore/dead-letters.ts';
import { readEffects } from '../superstore/effects.ts';
import { judge, lostEffects, type Outcome, subscriptions } from '../superstore/invariants.ts';
import { readOrders } from '../superstore/orders.ts';
import { type PaymentProvider, startPaymentProvider } from '../superstore/payment-provider.ts';
import { placeOrders } from '../superstore/placing.ts';
import { brewPoison, type Poison, type PoisonTarget, sendPoison } from '../superstore/poison.ts';
import { seededRandom } from '../superstore/random.ts';
import { createLiveView, type LiveView } from './live-view.ts';
import { publishEndpoints } from './local-endpoints.ts';
import { type MemoryWatch, watchMemory } from './process-memory.ts';
import { checkWritable, type Report, summary, writeReport } from './report.ts';

/** The options of `baton start`, as the command line gives them. */
export interface StartOptions {
  env: string;
  exit?: boolean;
  report?: string;
  orders?: number;
  rate?: number;
  paymentFailures: number;
  duplicates: number;
  poison: number;
  seed?: number;
  speed: number;
  concurrency: number;
  persist?: string;
  port?: number;
  dynamodbPort?: number;
  cloudwatchPort?: number;
  sqsEndpoint?: string;
  dynamodbEndpoint?: string;
}

/** Relative to the project. */
const LOG = '.baton/functions.log';
const project = fileURLToPath(new URL('../..', import.meta.url));
/** Milliseconds between two looks at the pipeline. */
const LOOK_INTERVAL = 500;

/** Runs the order pipeline on this machine; returns the exit code. */
export async function start(options: StartOptions): Promise<number> {
  if (options.report !== undefined) checkWritable(options.report);
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
  const interrupted = onInterrupt();
  const memory = watchMemory();
  const view = createLiveView();
  const provider = await startPaymentProvider({
    failureRate: options.paymentFailures,
    random: seededRandom(seed),
  });
  const log = openLog();
  let cloud: LocalCloud | undefined;
  let unpublish = () => {};
  try {
    view.say(`Starting the '${options.env}' environment on this machine ...`);
    const starting = startLocalCloud({
      projectDirectory: project,
      env: options.env,
      environment: { PAYMENT_PROVIDER_URL: provider.url },
      speed: options.speed,
      concurrency: options.concurrency,
      duplicateRate: options.duplicates,
      random: seededRandom(seed + 1),
      persist: options.persist,
      messagingPort: options.port,
      dynamodbPort: options.dynamodbPort,
      cloudwatchPort: options.cloudwatchPort,
      sqsEndpoint: options.sqsEndpoint,
      dynamodbEndpoint: options.dynamodbEndpoint,
      onLog: (line, functionName) => log.write(`${functionName} ${line}\n`),
      say: (line) => view.say(line),
    });
    const orders = readOrders(options.orders);
    cloud = await starting;
    unpublish = publishEndpoints(cloud, options.env);
    return await runOrders({ options, seed, cloud, provider, orders, view, memory, interrupted });
  } catch (error) {
    // Ctrl-C reaches the processes that we start as well: that they end is no failure then.
    if (!interrupted.signal.aborted) throw error;
    return options.exit ? 1 : 0;
  } finally {
    view.end();
    memory.stop();
    unpublish();
    await cloud?.stop();
    await provider.stop();
    log.end();
    interrupted.dispose();
  }
}

interface Run {
  options: StartOptions;
  seed: number;
  cloud: LocalCloud;
  provider: PaymentProvider;
  orders: ReturnType<typeof readOrders>;
  view: LiveView;
  memory: MemoryWatch;
  interrupted: Interrupt;
}

async function runOrders(run: Run): Promise<number> {
  const { options, seed, cloud, orders, view, memory, interrupted } = run;
  view.say('In the templates, and not emulated here:');
  for (const line of notEmulatedLines(cloud.resources.notEmulated)) view.say(`  ${line}`);
  view.say(`What the functions log is in ${LOG}.`);
  view.say(
    'In another terminal: `npx baton maintenance list --local`, or `eval "$(npx baton endpoints)"` for the AWS CLI and SDKs.',
  );
  const targets = poisonTargets(cloud);
  const poison = brewPoison(options.poison, targets, readOrders(1)[0]!);
  let placed = 0;
  let readyMs = 0;
  let started = performance.now();
  const placing = Promise.all([
    placeOrders({
      sqs: cloud.engines.clients.sqs,
      queueUrl: queueOf(cloud, 'place-order'),
      orders,
      rate: options.rate,
      signal: interrupted.signal,
      onAccepted(accepted) {
        if (placed === 0) {
          started = performance.now();
          readyMs = Math.round(started);
          view.say(`Ready in ${(readyMs / 1000).toFixed(1)} s: the first orders are accepted. Seed ${seed}.`);
        }
        placed = accepted;
      },
    }),
    sendPoison(cloud.engines.clients.sqs, poison, targets),
  ]);

  let ended: number | undefined;
  const show = () =>
    view.update({
      placed,
      orders: orders.length,
      seconds: ((ended ?? performance.now()) - started) / 1000,
      consumers: consumersOf(cloud),
      alarms: cloud.alarms(),
    });
  const timer = setInterval(show, LOOK_INTERVAL);
  try {
    await placing;
    ended = await cloud.untilIdle(interrupted.signal);
    show();
    const finished = ended !== undefined;
    if (finished && !interrupted.signal.aborted) {
      const report = await reportOf(run, { poison, published: placed, readyMs, seconds: (ended! - started) / 1000 });
      view.end();
      view.say(summary(report));
      if (options.report !== undefined) writeReport(options.report, report);
      if (options.exit) return report.invariants.every(({ held }) => held) ? 0 : 1;
      view.say('Everything is handled; the pipeline stays up and reloads handlers when they change. Ctrl-C ends it.');
      cloud.watch();
      await interrupted.happened;
    }
    if (options.exit && !finished) return 1;
    return 0;
  } finally {
    clearInterval(timer);
    memory.stop();
  }
}

async function reportOf(
  { cloud, provider, orders, memory, seed }: Run,
  {
    poison,
    published,
    readyMs,
    seconds,
  }: { poison: readonly Poison[]; published: number; readyMs: number; seconds: number },
): Promise<Report> {
  const consumers = new Map(consumersOf(cloud).map((consumer) => [consumer.name, consumer]));
  const effects = await readEffects(cloud.engines.clients.dynamodb, shopTableOf(cloud));
  const deadLetters = (
    await Promise.all(cloud.deadLetterQueues().map(({ url }) => readDeadLetters(cloud.engines.clients.sqs, url)))
  ).flat();
  const outcome: Outcome = {
    orders,
    poison,
    consumers,
    effects,
    resumed: cloud.resumed,
    ledger: provider.ledger,
    deadLetters,
    outOfOrder: cloud.outOfOrder(),
  };
  const handled = [...consumers.values()].reduce((sum, consumer) => sum + consumer.handled, 0);
  const speaking = new Set(cloud.alarms().flatMap(({ name, speaks }) => (speaks ? [name] : [])));
  return {
    published,
    seconds,
    eventsPerSecond: seconds > 0 ? handled / seconds : 0,
    readyMs,
    peakRssBytes: memory.peakBytes(),
    seed,
    alarms: cloud.alarmHistory().map(({ name, states }) => ({
      name,
      speaks: speaking.has(name),
      states: states.map(({ state, at }) => ({ state, at: new Date(at).toISOString() })),
    })),
    consumers: Object.fromEntries(
      [...consumers].map(([name, { delivered, handled: done, duplicates, retried, deadLettered }]) => [
        name,
        {
          delivered,
          handled: done,
          duplicates,
          retried,
          deadLettered,
          effects: effects.byConsumer.get(name)?.size ?? 0,
          lost: lostEffects(name, orders, effects).length,
        },
      ]),
    ),
    invariants: judge(outcome),
  };
}

/** The functions' log lines go into a file: on a terminal they would tear the table apart. */
function openLog(): WriteStream {
  mkdirSync(join(project, '.baton'), { recursive: true });
  return createWriteStream(join(project, LOG));
}

/** The consumers, whoever added them; not what else has a queue and a function, such as the keeper of circuits. */
function consumersOf(cloud: LocalCloud): ConsumerStatus[] {
  const names = new Set(cloud.resources.functions.map(({ environment }) => environment.BATON_CONSUMER));
  return cloud.consumers().filter(({ name }) => names.has(name));
}

/** The shop's consumers: it is known what each of them refuses. */
function poisonTargets(cloud: LocalCloud): PoisonTarget[] {
  return cloud
    .consumerQueues()
    .filter(({ consumer }) => Object.hasOwn(subscriptions, consumer))
    .map(({ consumer, queueUrl, fifo }) => ({ consumer, queueUrl, fifo }));
}

function queueOf(cloud: LocalCloud, consumer: string): string {
  const found = cloud.consumerQueues().find((queue) => queue.consumer === consumer);
  if (found === undefined) throw new Error(`The templates have no consumer '${consumer}'.`);
  return found.queueUrl;
}

function shopTableOf(cloud: LocalCloud): string {
  const name = cloud.resources.functions.find((fn) => fn.environment.SHOP_TABLE)?.environment.SHOP_TABLE;
  if (name === undefined) throw new Error('No function of the templates has SHOP_TABLE in its environment.');
  return name;
}

interface Interrupt {
  signal: AbortSignal;
  happened: Promise<void>;
  dispose(): void;
}

/** The first Ctrl-C (or SIGTERM) ends the run in good order; the second ends the process at once. */
function onInterrupt(): Interrupt {
  const controller = new AbortController();
  let happen = () => {};
  const happened = new Promise<void>((resolve) => {
    happen = resolve;
  });
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    happen();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return {
    signal: controller.signal,
    happened,
    dispose() {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    },
  };
}
