import { randomUUID } from 'node:crypto';
import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { AnyContract } from '../contracts/contract.ts';
import { type Clients, clients as sharedClients } from './aws/clients.ts';
import { createStatements, type Execute } from './aws/statements.ts';
import { processBatch } from './batch/batch.ts';
import { createDeadLetters } from './batch/dead-letter.ts';
import { startDeadline } from './batch/deadline.ts';
import { deliver, type Handler, type Invocation } from './batch/delivery.ts';
import { createLanes } from './batch/lanes.ts';
import { goesBack, type Outcome } from './batch/outcome.ts';
import { createRendezvous } from './batch/rendezvous.ts';
import { checkRetryOptions, type Random, type RetryOptions, type RetryPolicy } from './batch/retry.ts';
import { delay } from './batch/visibility.ts';
import { createClaimCheck } from './claim-check/claim-check.ts';
import { createFetching } from './claim-check/fetching.ts';
import { createMemoryShares, memoryBudget } from './claim-check/memory-share.ts';
import { createDependencies, type Dependencies } from './dependencies/dependencies.ts';
import { readSettings, type Settings } from './environment.ts';
import { createGuard, type Guarded, type IdempotencyOptions } from './guard/guard.ts';
import { LeaseTable } from './guard/lease-table.ts';
import { createPacker, type Packer } from './guard/transaction-size.ts';
import { createTransactions } from './guard/transactions.ts';
import { createOutbox } from './outbox/outbox-entry.ts';
import { createParking } from './parking/parking.ts';
import { Publisher } from './publish/publisher.ts';
import { createTelemetry, type Telemetry } from './telemetry/telemetry.ts';

/** What `consume` returns: the Lambda handler of a function behind an SQS event source mapping. */
export type SqsFunction = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;

/** What may be different from the defaults. */
export interface ConsumeOptions {
  /**
   * What makes sure that an event is handled once.
   *
   * - `lease`, for any side effect: the event is claimed before its handler runs, and marked as handled after.
   * - `transaction`, for handlers whose effects are in DynamoDB: they are written by `context.commit`, together with the
   *   mark. Nothing is claimed, so a handler may run more than once; its commit happens once.
   *
   * @default 'lease'
   */
  guard?: 'lease' | 'transaction';
  /** What is different about some errors, by their class. @default nothing */
  retry?: RetryOptions;
  /** Handlers that run side by side within one invocation. @default 100 */
  concurrency?: number;
  /** Options of Powertools' idempotency, for leases. @default no payload validation, no local cache, no response kept */
  idempotency?: IdempotencyOptions;
  /** Where the `BATON_*` settings are read from, at the first batch. @default process.env */
  environment?: Record<string, string | undefined>;
  /** @default the module's clients */
  clients?: Clients;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
  /** @default Math.random */
  random?: Random;
  /** Called with what became of each record, before the batch is answered. For tests. @default nobody */
  onSettled?: (record: SQSRecord, outcome: Outcome) => void;
}

/** Where tools find what a function was made of; see {@link Consumption}. */
export const CONSUMPTION: unique symbol = Symbol.for('baton.consume');

/** What a function made by `consume` was made of. */
export interface Consumption {
  contracts: readonly AnyContract[];
  handler: Handler<AnyContract>;
  options: ConsumeOptions;
}

/**
 * Makes a Lambda handler for the events (or commands) of some contracts. `switch (event.type)` narrows the event.
 * Each event is handled once per consumer; a failed one is retried with backoff, and dead-lettered with its failure
 * context after the last attempt, or at once when it cannot succeed (`PermanentError`, a broken contract).
 * @throws ConfigurationError at the first batch, when the environment is incomplete
 */
export function consume<C extends AnyContract>(
  contracts: C | readonly C[],
  handler: Handler<C>,
  options: ConsumeOptions = {},
): SqsFunction {
  const consumption: Consumption = {
    contracts: [contracts].flat() as C[],
    handler: handler as Handler<AnyContract>,
    options,
  };
  let equipment: Equipment | undefined;
  const fn: SqsFunction = async (event, lambdaContext) => {
    equipment ??= equip(consumption);
    const { tracing } = equipment.telemetry;
    try {
      const work = () => consumeBatch(event, lambdaContext, consumption, equipment!);
      return await tracing.receive(event?.Records ?? [], work);
    } finally {
      // the batch is settled: no collector may be waited for until the function is stopped, and all of it comes again
      await tracing.flush(Math.min(1_000, lambdaContext.getRemainingTimeInMillis() / 2));
    }
  };
  return Object.assign(fn, { [CONSUMPTION]: consumption });
}

/** What a consumer keeps from batch to batch. */
interface Equipment {
  settings: Settings;
  clients: Clients;
  telemetry: Telemetry;
  publisher: Publisher | undefined;
  write: Execute;
  read: Execute;
  leases: LeaseTable;
  idempotency: IdempotencyConfig;
  outbox: ReturnType<typeof createOutbox> | undefined;
  fetchData: Invocation['fetchData'];
  dependencies: Dependencies;
  policy: RetryPolicy;
  pack: Packer;
  clock: () => number;
  random: Random;
}

function equip({ contracts, options }: Consumption): Equipment {
  const { clients = sharedClients, clock = Date.now, random = Math.random } = options;
  const { keepResponse = false, ...powertools } = options.idempotency ?? {};
  const settings = readSettings(options.environment);
  const { consumer, topicArn, idempotencyTable: table, outbox, claimCheckBucket: bucket } = settings;
  const { s3 = sharedClients.s3 } = clients;
  const write = createStatements({ client: clients.dynamodb, kind: 'writes', random });
  const read = createStatements({ client: clients.dynamodb, kind: 'reads', random });
  const telemetry = createTelemetry(consumer, { contracts, clock, promises: settings.promises });
  return {
    settings,
    clients,
    clock,
    random,
    write,
    read,
    telemetry,
    publisher:
      topicArn === undefined
        ? undefined
        : new Publisher({
            topicArn,
            source: `/${consumer}`,
            client: clients.sns,
            claimCheckBucket: bucket ?? '',
            s3,
            random,
            tracing: telemetry.tracing,
          }),
    leases: new LeaseTable({
      table,
      client: clients.dynamodb,
      write,
      read,
      owner: '',
      leaseMs: settings.leaseSeconds * 1_000,
      keepResponse,
      idOf: (guarded) => (guarded as Guarded).id,
      clock,
    }),
    idempotency: new IdempotencyConfig({ ...powertools, expiresAfterSeconds: settings.idempotencyTtlSeconds }),
    outbox:
      outbox &&
      createOutbox({
        ...outbox,
        clock,
        ...(bucket !== undefined && { claimCheck: createClaimCheck({ bucket, client: s3 }) }),
      }),
    fetchData: createFetching({ bucket, client: s3 }),
    policy: policyOf(settings, options),
    pack: createPacker(),
    dependencies: createDependencies({
      dependencies: settings.dependencies,
      ...(settings.keeperQueueUrl !== undefined && { keeperQueueUrl: settings.keeperQueueUrl }),
      clients,
      table,
      consumer,
      logger: telemetry.logger,
      clock,
      random,
    }),
  };
}

function policyOf(settings: Settings, { retry = {} }: ConsumeOptions): RetryPolicy {
  const { maxAttempts, backoffBaseSeconds: base, backoffCapSeconds: cap, retention, maxReceives } = settings;
  const { classes } = checkRetryOptions(retry);
  return {
    maxAttempts,
    backoff: { base, cap },
    ...(classes && { classes }),
    ...(retention && { retention }),
    ...(maxReceives !== undefined && { maxReceives }),
  };
}

async function consumeBatch(
  event: SQSEvent,
  lambdaContext: Context,
  consumption: Consumption,
  equipment: Equipment,
): Promise<SQSBatchResponse> {
  const { settings, clients, telemetry, publisher, dependencies } = equipment;
  const { concurrency = 100, onSettled } = consumption.options;
  const invocation = begin(lambdaContext, consumption, equipment);
  try {
    invocation.parking?.prepare(event.Records ?? []);
    await dependencies.begin();
    const { outcomes, response } = await processBatch(event, (record) => deliver(record, invocation), concurrency);
    const delays = [];
    for (const [record, outcome] of outcomes) {
      onSettled?.(record, outcome);
      if (goesBack(outcome)) delays.push({ record, seconds: outcome.delaySeconds });
    }
    const [undelayed, unpublished = []] = await Promise.all([
      delay(clients.sqs, settings.queueUrl, delays),
      publisher?.flush(),
      dependencies.end(),
    ]);
    if (undelayed.length > 0) {
      telemetry.logger.warn('Some records come back when the visibility timeout of the queue ends.', { undelayed });
    }
    if (unpublished.length > 0) {
      telemetry.logger.error('Some events were not published.', { unpublished: unpublished.map(String) });
    }
    telemetry.measure(invocation.settlements);
    return response;
  } finally {
    invocation.deadline.close();
    invocation.guard.close();
  }
}

/** What the deliveries of one batch share. */
function begin(lambdaContext: Context, { contracts, handler, options }: Consumption, equipment: Equipment): Invocation {
  const { settings, clients, telemetry, publisher, dependencies, write, read, leases, idempotency, outbox } = equipment;
  const { policy, pack, clock, random, fetchData } = equipment;
  const { consumer, idempotencyTable: table, leaseSeconds } = settings;
  const { awsRequestId, functionVersion } = lambdaContext;
  const { dynamodb, sqs } = clients;
  const owner = `${awsRequestId}/${randomUUID().slice(0, 8)}`;
  telemetry.begin(lambdaContext);
  leases.begin(owner);
  const deadline = startDeadline(lambdaContext);
  return {
    consumer,
    contracts,
    handler,
    deadline,
    telemetry,
    random,
    clock,
    policy,
    transactional: options.guard === 'transaction',
    running: new Map(),
    settlements: [],
    lanes: createLanes(),
    rendezvous: createRendezvous(),
    fetchData,
    memoryShare: createMemoryShares({ budget: memoryBudget(lambdaContext.memoryLimitInMB) }),
    guard: createGuard({ leases, config: idempotency, lambdaContext, leaseMs: leaseSeconds * 1_000, clock }),
    transactions: createTransactions({
      client: dynamodb,
      table,
      ttlSeconds: settings.idempotencyTtlSeconds,
      owner,
      read,
      write,
      ...(outbox && { outbox }),
      pack,
      clock,
      random,
    }),
    deadLetter: createDeadLetters({
      client: sqs,
      queueUrl: settings.deadLetterQueueUrl,
      consumer,
      functionVersion,
      clock,
    }),
    parking: settings.strict ? createParking({ table, consumer, read, dynamodb, clock }) : undefined,
    contextProps: {
      consumer,
      publisher,
      outbox: outbox !== undefined,
      execute: write,
      read,
      dynamodb,
      dependencies,
      loggerFor: telemetry.loggerFor,
      traceparentFor: telemetry.tracing.traceparentFor,
    },
  };
}
