import { AwsError } from '../../../lib/runtime/aws/aws-error.ts';
import type { Clients, Lambda } from '../../../lib/runtime/aws/clients.ts';
import { type Circuit, isAtRest } from '../../../lib/runtime/dependencies/circuit.ts';
import { createCircuitTable } from '../../../lib/runtime/dependencies/circuit-table.ts';
import { createDependencies, type Dependencies } from '../../../lib/runtime/dependencies/dependencies.ts';
import { DEFAULT_SETTINGS, type DependencySettings } from '../../../lib/runtime/dependencies/dependency-settings.ts';
import type { WatchedSource } from '../../../lib/runtime/dependencies/event-source.ts';
import { createKeeper, type Keeper } from '../../../lib/runtime/dependencies/keeper.ts';
import { readWakeUp } from '../../../lib/runtime/dependencies/wake-up.ts';
import type { Engines, TestQueue } from '../engines.ts';

/** A call of any service: what to do instead, or around it. */
export type Around = (service: string, operation: string, go: () => Promise<object>) => Promise<object>;

export const NEVER = new AbortController().signal;
export const ill = () => Promise.reject(new Error('503'));
export const well = () => Promise.resolve('fine');

/** The calls of a batch. */
export const many = (work: () => Promise<unknown>, count = 20) => Array.from({ length: count }, () => work);

/** Lets what is ready happen. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Promises that tests end themselves. */
export function calls() {
  const ends: ((value: string) => void)[] = [];
  const signals: AbortSignal[] = [];
  const work = (signal: AbortSignal) => {
    signals.push(signal);
    return new Promise<string>((resolve) => ends.push(resolve));
  };
  return { work, ends, signals };
}

/** What a client's `call` looks like from outside. */
interface Callable {
  call(operation: string, input: object): Promise<object>;
}

/** Event source mappings as Lambda has them, one of them, in memory. */
export function fakeLambda(initial: { batchSize: number; maximumConcurrency?: number }) {
  const mapping = {
    State: 'Enabled',
    BatchSize: initial.batchSize,
    ScalingConfig: initial.maximumConcurrency ? { MaximumConcurrency: initial.maximumConcurrency } : undefined,
  };
  const fake = {
    mapping,
    /** What was asked for, in order. */
    updates: [] as object[],
    /** So many updates are refused because the mapping is still changing. */
    conflicts: 0,
    client: {
      async call(operation: string, input: Record<string, unknown>) {
        if (operation === 'GetEventSourceMapping') return { ...mapping };
        if (fake.conflicts > 0) {
          fake.conflicts--;
          throw new AwsError('ResourceConflictException', 'It is being updated.', { status: 409 });
        }
        const { UUID: _, ...changes } = input;
        fake.updates.push(changes);
        const { Enabled, BatchSize, ScalingConfig } = changes as { Enabled: boolean } & typeof mapping;
        mapping.State = Enabled ? 'Enabled' : 'Disabled';
        mapping.BatchSize = BatchSize ?? mapping.BatchSize;
        if (ScalingConfig) mapping.ScalingConfig = 'MaximumConcurrency' in ScalingConfig ? ScalingConfig : undefined;
        return { ...mapping };
      },
    },
  };
  return fake;
}

/** A timer on its way: what SQS would hold back, held back by the world's own clock. */
interface Timer {
  body: string;
  dueAt: number;
  receives: number;
}

export interface World {
  now: number;
  readonly queue: TestQueue;
  readonly table: string;
  readonly lambda: ReturnType<typeof fakeLambda>;
  /** Delays that were asked for, in seconds, with the wake-up. */
  readonly sent: { body: string; delay: number }[];
  readonly metrics: Record<string, unknown>[];
  readonly log: { level: string; message: string; extra: unknown }[];
  /** Wraps every call of the keepers made from now on. */
  around: Around;
  settings: Record<string, DependencySettings>;
  worker(options?: { keeper?: boolean; clock?: () => number }): Dependencies;
  keeper(): Keeper;
  circuit(dependency?: string): Promise<Circuit>;
  /** A whole invocation with these calls, one after the other. What was refused is 'refused'. */
  invoke(worker: Dependencies, works: readonly (() => Promise<unknown>)[], dependency?: string): Promise<string[]>;
  /** Takes what is in the keeper's queue by now, and is due. */
  due(): Promise<Timer[]>;
  /** Lets a keeper handle what is due, again when it fails, up to so many times. */
  keep(keeper: Keeper): Promise<void>;
}

let worlds = 0;

/** A consumer with its workers and its keeper, on the real table and queue, and a clock that only tests move. */
export async function createWorld(
  engines: Engines,
  options: { settings?: Partial<DependencySettings>; source?: Partial<WatchedSource>; dependencies?: string[] } = {},
): Promise<World> {
  const { dependencies = ['payments'], source = {} } = options;
  const consumer = `consumer-${++worlds}`;
  const queue = engines.createQueue();
  const table = await engines.createTable();
  const lambda = fakeLambda({ batchSize: 10, ...source });
  const timers: Timer[] = [];
  const each = { ...DEFAULT_SETTINGS, ...options.settings };

  const say = (level: string) => (message: unknown, extra?: unknown) => {
    world.log.push({ level, message: String(message), extra });
  };
  const logger = { info: say('info'), warn: say('warn'), error: say('error') } as never;
  const write = (text: string) => void world.metrics.push(JSON.parse(text) as Record<string, unknown>);
  // no jitter to speak of, and yet every change of state has a token of its own
  let drawn = 0;
  const random = () => ++drawn * 1e-9;

  /** The real queue, but time is the world's. */
  const sqs = {
    async call(operation: string, input: { MessageBody: string; DelaySeconds?: number }) {
      const { DelaySeconds: delay = 0, ...now } = input;
      world.sent.push({ body: input.MessageBody, delay });
      const MessageAttributes = { dueAt: { DataType: 'Number', StringValue: String(world.now + delay * 1_000) } };
      return await (engines.clients.sqs as unknown as Callable).call(operation, { ...now, MessageAttributes });
    },
  };
  const wrapped = <Client>(service: string, client: unknown): Client =>
    ({
      call: (operation: string, input: object) =>
        world.around(service, operation, () => (client as Callable).call(operation, input)),
    }) as Client;

  const world: World = {
    now: 1_700_000_000_000,
    queue,
    table,
    lambda,
    sent: [],
    metrics: [],
    log: [],
    around: (_service, _operation, go) => go(),
    settings: Object.fromEntries(dependencies.map((name) => [name, each])),
    worker: ({ keeper = true, clock = () => world.now } = {}) =>
      createDependencies({
        dependencies: world.settings,
        clients: { dynamodb: engines.clients.dynamodb, sqs } as unknown as Clients,
        table,
        consumer,
        ...(keeper && { keeperQueueUrl: queue.url }),
        logger,
        clock,
        random,
        write,
      }),
    keeper: () =>
      createKeeper({
        sources: new Map([
          [
            consumer,
            {
              uuid: 'uuid-1',
              batchSize: 10,
              dependencies: Object.fromEntries(dependencies.map((name) => [name, {}])),
              ...source,
            },
          ],
        ]),
        clients: { dynamodb: wrapped('dynamodb', engines.clients.dynamodb), sqs: wrapped('sqs', sqs) } as never,
        lambda: wrapped<Lambda>('lambda', lambda.client),
        table,
        queueUrl: queue.url,
        logger,
        clock: () => world.now,
        random,
        pause: async () => undefined,
        write,
      }),
    async circuit(dependency = dependencies[0]!) {
      const circuits = createCircuitTable({
        client: engines.clients.dynamodb,
        table,
        consumer,
        clock: () => world.now,
        random,
      });
      return (await circuits.find([dependency])).get(dependency)!;
    },
    async invoke(worker, works, dependency = dependencies[0]!) {
      await worker.begin();
      const results: string[] = [];
      for (const work of works) {
        const result = worker.dependency(dependency, NEVER).call(work);
        results.push(
          await result.then(
            () => 'succeeded',
            (error: Error) => (error.name === 'DependencyOpenError' ? 'refused' : 'failed'),
          ),
        );
      }
      await worker.end();
      return results;
    },
    async due() {
      for (let found = await engines.receive(queue); found.length > 0; found = await engines.receive(queue)) {
        for (const { Body, MessageAttributes } of found) {
          timers.push({ body: Body!, dueAt: Number(MessageAttributes!.dueAt!.StringValue), receives: 0 });
        }
      }
      const now = timers.filter(({ dueAt }) => dueAt <= world.now);
      for (const timer of now) timers.splice(timers.indexOf(timer), 1);
      return now;
    },
    async keep(keeper) {
      for (let due = await world.due(); due.length > 0; due = await world.due()) {
        for (const timer of due) {
          timer.receives++;
          await keeper.wake(readWakeUp(timer.body), timer.receives > 1).catch(() => timers.push(timer));
        }
      }
    },
  };
  return world;
}

/** Lets time pass, with a keeper at work and workers that call when they are allowed to, until the circuit rests. */
export async function untilRest(world: World, keeper: Keeper, probe: () => Promise<unknown> = well): Promise<Circuit> {
  const worker = world.worker();
  for (let step = 0; step < 400; step++) {
    await world.keep(keeper);
    const circuit = await world.circuit();
    if (isAtRest(circuit)) return circuit;
    if (world.lambda.mapping.State === 'Enabled' && circuit.state !== 'closed') await world.invoke(worker, [probe]);
    world.now += 2_000;
  }
  throw new Error(`No rest after 800 seconds: ${JSON.stringify(await world.circuit())}`);
}
