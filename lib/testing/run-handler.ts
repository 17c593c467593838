import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { AnyContract } from '../contracts/contract.ts';
import { type Envelope, parseEnvelope } from '../contracts/envelope.ts';
import type { Handler } from '../runtime/batch/delivery.ts';
import { goesBack, type Outcome } from '../runtime/batch/outcome.ts';
import type { Random } from '../runtime/batch/retry.ts';
import { CONSUMPTION, type ConsumeOptions, type Consumption, consume, type SqsFunction } from '../runtime/consume.ts';
import type { Row } from './attribute-values.ts';
import { TestingError, UnsupportedError } from './errors.ts';
import type { DeadLetter } from './memory-queues.ts';
import { capture, type LogLine, type MetricLine } from './output.ts';
import { type BatchEntry, receivedAgain, sqsBatch } from './sqs-batch.ts';
import { createWorld, type World, type WorldProps } from './world.ts';

/** A consumer before it is a function. */
export interface ConsumerUnderTest<C extends AnyContract = AnyContract> {
  contracts: C | readonly C[];
  handler: Handler<C>;
  options?: ConsumeOptions;
}

/** How a batch is run. */
export interface RunOptions extends WorldProps {
  /** Where an earlier run left off. @default a new, empty one of these options */
  world?: World;
  /** Variables of the function's environment: the handler's own, and `BATON_*` settings. @default those of the world */
  environment?: Readonly<Record<string, string>>;
  /** Milliseconds until Lambda would stop the function. They pass as real time does. @default 30000 */
  remainingTimeMs?: number;
  /** What backoff is drawn from. @default always one half */
  random?: Random;
}

/** What became of one record. */
export type RecordOutcome = Outcome & {
  readonly record: SQSRecord;
  /** What its body says, when it is an envelope. */
  readonly event: Envelope | undefined;
};

/** What a run did. */
export interface RunResult {
  /** One for each record of the batch, in its order. */
  readonly outcomes: readonly RecordOutcome[];
  /** What Lambda would be told. */
  readonly response: SQSBatchResponse;
  /** Events that this run published, in order; those of a commit are among them. */
  readonly published: readonly Envelope[];
  /** Records that this run dead-lettered. */
  readonly deadLetters: readonly DeadLetter[];
  /** The items of a table as they are now, by key. */
  rows(table: string): Row[];
  /** The lines of JSON that were logged. */
  readonly logs: readonly LogLine[];
  readonly metrics: readonly MetricLine[];
  /** The records that went back, as they are received the next time. */
  readonly redelivery: SQSEvent;
  /** To run on in. */
  readonly world: World;
}

const WORLD_PROPS = [
  'tables',
  'consumer',
  'publishes',
  'claimCheck',
  'onStatement',
  'beforeCall',
] as const satisfies (keyof WorldProps)[];

/** Runs change the environment and the console of the process: one after the other. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Runs a handler made by `consume` on a batch, in this process, with everything of the runtime but AWS itself: contracts, guards,
 * retries, dead letters, deadlines. AWS is in memory.
 * @throws UnsupportedError when the code asked AWS for something that the in-memory one does not have; TestingError
 */
export function runHandler<C extends AnyContract>(
  handler: SqsFunction | ConsumerUnderTest<C>,
  batch: SQSEvent | readonly BatchEntry[],
  options: RunOptions = {},
): Promise<RunResult> {
  const event = 'Records' in batch ? batch : sqsBatch(batch);
  const run = last.then(() => runAlone(consumptionOf(handler as SqsFunction | ConsumerUnderTest), event, options));
  last = run.catch(() => undefined);
  return run;
}

async function runAlone(consumption: Consumption, batch: SQSEvent, options: RunOptions): Promise<RunResult> {
  refuseConflict(options);
  const { world = createWorld(options), remainingTimeMs = 30_000, random = () => 0.5 } = options;
  const publishedBefore = world.published.length;
  const deadBefore = world.deadLetters().length;
  const fifo = batch.Records.some(({ eventSourceARN }) => eventSourceARN.endsWith('.fifo'));
  const environment = { ...consumption.options.environment, ...world.environment(fifo), ...options.environment };
  const settled = new Map<SQSRecord, Outcome>();
  const twin = consume(consumption.contracts, consumption.handler, {
    ...consumption.options,
    environment,
    clients: world.clients,
    clock: world.now,
    random,
    onSettled: (record, outcome) => {
      settled.set(record, outcome);
      consumption.options.onSettled?.(record, outcome);
    },
  });
  const {
    value: response,
    logs,
    metrics,
  } = await withVariables(environment, () => capture(() => twin(batch, lambdaContext(remainingTimeMs))));
  const [unsupported, ...more] = world.takeUnsupported();
  if (unsupported !== undefined) throw more.length === 0 ? unsupported : all([unsupported, ...more]);
  const outcomes = batch.Records.map((record) => outcomeOf(record, settled));
  return {
    outcomes,
    response,
    published: world.published.slice(publishedBefore),
    deadLetters: world.deadLetters().slice(deadBefore),
    rows: world.rows,
    logs,
    metrics,
    redelivery: receivedAgain(outcomes.filter(goesBack).map(({ record }) => record)),
    world,
  };
}

/** A world has been made already: what it is made of would be ignored. */
function refuseConflict({ world, ...options }: RunOptions): void {
  const ignored = WORLD_PROPS.filter((name) => options[name] !== undefined);
  if (world !== undefined && ignored.length > 0) {
    throw new TestingError(`Give ${ignored.join(', ')} to the world when it is made, not to a run in it.`);
  }
}

function consumptionOf(handler: SqsFunction | ConsumerUnderTest): Consumption {
  if (typeof handler !== 'function') {
    const { contracts, options = {} } = handler;
    return { contracts: [contracts].flat() as AnyContract[], handler: handler.handler, options };
  }
  const consumption = (handler as { [CONSUMPTION]?: Consumption })[CONSUMPTION];
  if (consumption === undefined) {
    throw new TestingError(
      'The handler was not made by consume(). Give what consume() returns, or { contracts, handler }.',
    );
  }
  return consumption;
}

function outcomeOf(record: SQSRecord, settled: ReadonlyMap<SQSRecord, Outcome>): RecordOutcome {
  const outcome = settled.get(record);
  if (outcome === undefined) throw new TestingError(`The message ${record.messageId} was not settled.`);
  let event: Envelope | undefined;
  try {
    event = parseEnvelope(record.body);
  } catch {
    // a malformed body is an outcome of its own
  }
  return { ...outcome, record, event };
}

async function withVariables<Value>(
  variables: Readonly<Record<string, string | undefined>>,
  work: () => Promise<Value>,
): Promise<Value> {
  const before = new Map(Object.keys(variables).map((name) => [name, process.env[name]]));
  const set = (name: string, value: string | undefined) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  for (const [name, value] of Object.entries(variables)) set(name, value);
  try {
    return await work();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

let invocations = 0;

function lambdaContext(remainingTimeMs: number): Context {
  const end = performance.now() + remainingTimeMs;
  const nothing = () => undefined;
  return {
    awsRequestId: `00000000-0000-4000-8000-${String(++invocations).padStart(12, '0')}`,
    functionName: 'test',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:eu-west-1:123456789012:function:test',
    memoryLimitInMB: '256',
    logGroupName: '/aws/lambda/test',
    logStreamName: 'test',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(end - performance.now(), 0),
    done: nothing,
    fail: nothing,
    succeed: nothing,
  };
}

function all(errors: readonly UnsupportedError[]): UnsupportedError {
  const messages = [...new Set(errors.map(({ message }) => message))];
  return new UnsupportedError(messages.join('\n'));
}
