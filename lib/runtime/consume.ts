import { randomUUID } from 'node:crypto';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { AnyContract } from '../contracts/contract.ts';
import { type Clients, clients as sharedClients } from './aws/clients.ts';
import { createStatements, type Execute } from './aws/statements.ts';
import { processBatch } from './batch/batch.ts';
import { createDeadLetters } from './batch/dead-letter.ts';
import { startDeadline } from './batch/deadline.ts';
import { deliver, type Handler, type Invocation } from './batch/delivery.ts';
import { createLanes } from './batch/lanes.ts';
import { goesBack } from './batch/outcome.ts';
import { createRendezvous } from './batch/rendezvous.ts';
import type { Random } from './batch/retry.ts';
import { delay } from './batch/visibility.ts';
import { readSettings, type Settings } from './environment.ts';
import { createGuard } from './guard/guard.ts';
import { Publisher } from './publish/publisher.ts';
import { createTelemetry, type Telemetry } from './telemetry/telemetry.ts';

/** What `consume` returns: the Lambda handler of a function behind an SQS event source mapping. */
export type SqsFunction = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;

/** What may be different from the defaults. */
export interface ConsumeOptions {
  /** Handlers that run side by side within one invocation. @default 100 */
  concurrency?: number;
  /** Where the `BATON_*` settings are read from, at the first batch. @default process.env */
  environment?: Record<string, string | undefined>;
  /** @default the module's clients, each made when it is first used */
  clients?: Clients;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
  /** @default Math.random */
  random?: Random;
}

/**
 * Makes a Lambda handler for the events (or commands) of some contracts. `switch (event.type)` narrows the event.
 * Each event is handled once per consumer, under a lease; a failed one is retried with backoff, and dead-lettered with
 * its failure context after the last attempt, or at once when it cannot succeed (`PermanentError`, a broken contract).
 * @throws ConfigurationError at the first batch, when the environment is incomplete
 */
export function consume<C extends AnyContract>(
  contracts: C | readonly C[],
  handler: Handler<C>,
  options: ConsumeOptions = {},
): SqsFunction {
  const accepted = [contracts].flat() as C[];
  let equipment: Equipment | undefined;
  return async (event, lambdaContext) => {
    equipment ??= equip(options);
    return await consumeBatch(event, lambdaContext, accepted, handler as Handler<AnyContract>, equipment);
  };
}

/** What a consumer keeps from batch to batch. */
interface Equipment {
  settings: Settings;
  clients: Clients;
  telemetry: Telemetry;
  publisher: Publisher | undefined;
  write: Execute;
  read: Execute;
  concurrency: number;
  clock: () => number;
  random: Random;
}

function equip(options: ConsumeOptions): Equipment {
  const { concurrency = 100, clients = sharedClients, clock = Date.now, random = Math.random } = options;
  const settings = readSettings(options.environment);
  const { consumer, topicArn } = settings;
  const source = `/${consumer}`;
  return {
    settings,
    clients,
    concurrency,
    clock,
    random,
    telemetry: createTelemetry(consumer),
    publisher: topicArn === undefined ? undefined : new Publisher({ topicArn, source, client: clients.sns, random }),
    write: createStatements({ client: clients.dynamodb, kind: 'writes', random }),
    read: createStatements({ client: clients.dynamodb, kind: 'reads', random }),
  };
}

async function consumeBatch(
  event: SQSEvent,
  lambdaContext: Context,
  contracts: readonly AnyContract[],
  handler: Handler<AnyContract>,
  equipment: Equipment,
): Promise<SQSBatchResponse> {
  const { settings, clients, telemetry } = equipment;
  const invocation = begin(event, lambdaContext, contracts, handler, equipment);
  try {
    const { outcomes, response } = await processBatch(event, (record) => deliver(record, invocation));
    const delays = [];
    for (const [record, outcome] of outcomes) {
      if (goesBack(outcome)) delays.push({ record, seconds: outcome.delaySeconds });
    }
    const undelayed = await delay(clients.sqs, settings.queueUrl, delays);
    if (undelayed.length > 0) {
      telemetry.logger.warn('Some records come back when the visibility timeout of the queue ends.', { undelayed });
    }
    telemetry.measure(outcomes.values());
    return response;
  } finally {
    invocation.deadline.close();
  }
}

/** What the deliveries of one batch share. */
function begin(
  event: SQSEvent,
  lambdaContext: Context,
  contracts: readonly AnyContract[],
  handler: Handler<AnyContract>,
  { settings, clients, telemetry, publisher, write, read, concurrency, clock, random }: Equipment,
): Invocation {
  const { consumer, maxAttempts, backoffBaseSeconds: base, backoffCapSeconds: cap } = settings;
  const { awsRequestId, functionVersion } = lambdaContext;
  telemetry.begin(lambdaContext);
  const deadline = startDeadline(lambdaContext);
  const lanes = createLanes(event.Records ?? [], concurrency);
  return {
    consumer,
    contracts,
    handler,
    deadline,
    lanes,
    telemetry,
    random,
    policy: { maxAttempts, backoff: { base, cap } },
    rendezvous: createRendezvous(lanes.size),
    guard: createGuard({
      lambdaContext,
      read,
      write,
      client: clients.dynamodb,
      table: settings.idempotencyTable,
      ttlSeconds: settings.idempotencyTtlSeconds,
      owner: `${awsRequestId}/${randomUUID().slice(0, 8)}`,
    }),
    deadLetter: createDeadLetters({
      client: clients.sqs,
      queueUrl: settings.deadLetterQueueUrl,
      consumer,
      functionVersion,
      clock,
    }),
    contextProps: {
      consumer,
      publisher,
      signal: deadline.signal,
      execute: write,
      read,
      dynamodb: clients.dynamodb,
      loggerFor: telemetry.loggerFor,
    },
  };
}
