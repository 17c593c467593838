import { PutItemCommand, ScanCommand, type TransactWriteItem } from '@aws-sdk/client-dynamodb';
import type { SQSEvent } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { EventOf } from '../../lib/contracts/index.ts';
import {
  ConditionFailedError,
  type ConsumeOptions,
  consume,
  type Handler,
  type HandlerContext,
  outgoing,
} from '../../lib/runtime/index.ts';
import { batchOf, type Engines, lambdaContext, recordOf, startEngines } from './engines.ts';
import { failedIds, OrderCancelled, OrderPlaced, orderPlaced, type Surroundings, send, surround } from './pipeline.ts';

vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');

let engines: Engines;
let around: Surroundings;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(async () => {
  around = await surround(engines);
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  return () => vi.restoreAllMocks();
});

function inventory(handler: Handler<typeof OrderPlaced>, options: ConsumeOptions = {}) {
  return consume(OrderPlaced, handler, {
    environment: around.environment,
    clients: engines.clients,
    random: () => 0.5,
    ...options,
  });
}

/** Sends what is given and receives it as Lambda would. */
async function deliver(...bodies: Parameters<typeof send>[2]): Promise<SQSEvent> {
  await send(engines, around.queue, bodies);
  return batchOf(around.queue, await engines.receive(around.queue));
}

const orders = (count: number) => Array.from({ length: count }, (_, n) => orderPlaced(`order-${n + 1}`));

describe('under a transaction', () => {
  const row = (id: string): TransactWriteItem => ({
    Update: {
      TableName: effects,
      Key: { id: { S: id } },
      UpdateExpression: 'ADD effects :one',
      ExpressionAttributeValues: { ':one': { N: '1' } },
    },
  });
  let effects: string;

  beforeEach(async () => {
    effects = await engines.createTable();
  });

  function transactional(
    handler: (event: EventOf<typeof OrderPlaced>, context: HandlerContext) => unknown,
    options: Partial<ConsumeOptions> = {},
  ) {
    return inventory(handler, { guard: 'transaction', ...options });
  }

  const countOf = async (id: string) => {
    const { Items = [] } = await engines.dynamodb.send(new ScanCommand({ TableName: effects, ConsistentRead: true }));
    return Number(Items.find((item) => item.id?.S === id)?.effects?.N ?? 0);
  };

  test('a batch of ten costs one call, effects and guards together', async () => {
    const handler = transactional(({ data }, context) => context.commit({ writes: [row(data.orderId)] }));
    const batch = await deliver(...orders(10));
    engines.calls.length = 0;
    expect(failedIds(await handler(batch, lambdaContext()))).toEqual([]);
    expect(engines.calls.map(({ operation }) => operation)).toEqual(['TransactWriteItems']);
    expect(await countOf('order-7')).toBe(1);
  });

  test('a second delivery changes nothing, in the same batch or later', async () => {
    const handler = transactional(({ data }, context) => context.commit({ writes: [row(data.orderId)] }));
    const outcomes: string[] = [];
    const settling = transactional(({ data }, context) => context.commit({ writes: [row(data.orderId)] }), {
      onSettled: (_, { kind }) => outcomes.push(kind),
    });
    await settling(await deliver(orderPlaced('1'), orderPlaced('1')), lambdaContext());
    await handler(await deliver(orderPlaced('1')), lambdaContext());
    expect(outcomes).toEqual(['handled', 'duplicate']);
    expect(await countOf('1')).toBe(1);
  });

  test('a handler that commits nothing is guarded all the same', async () => {
    const seen: string[] = [];
    const handler = transactional(({ id }) => void seen.push(id));
    await handler(await deliver(orderPlaced('1')), lambdaContext());
    const outcomes: string[] = [];
    const again = transactional(() => undefined, { onSettled: (_, { kind }) => outcomes.push(kind) });
    await again(await deliver(orderPlaced('1')), lambdaContext());
    expect(outcomes).toEqual(['duplicate']);
  });

  test('a failed attempt is counted, a returned one is not, and the last one goes to the DLQ', async () => {
    const attempts: number[] = [];
    const handler = transactional((_, { attempt }) => {
      attempts.push(attempt);
      throw new Error('no stock');
    });
    const batch = await deliver(orderPlaced('1'));
    const deliveries = [1, 7, 9];
    for (const count of deliveries) {
      batch.Records[0]!.attributes.ApproximateReceiveCount = String(count);
      await handler(batch, lambdaContext());
    }
    expect(attempts).toEqual([1, 2, 3]);
    expect(await engines.receive(around.deadLetters)).toHaveLength(1);
    // it comes back with all its attempts
    await handler(batch, lambdaContext());
    expect(attempts.at(-1)).toBe(1);
  });

  test('a handler that fails after its commit has handled the event', async () => {
    const outcomes: string[] = [];
    const handler = transactional(
      async ({ data }, context) => {
        await context.commit({ writes: [row(data.orderId)] });
        throw new Error('too late');
      },
      { onSettled: (_, { kind }) => outcomes.push(kind) },
    );
    expect(failedIds(await handler(await deliver(orderPlaced('1')), lambdaContext()))).toEqual([]);
    expect(outcomes).toEqual(['handled']);
  });

  test("a failed condition of the handler's own is a typed error, and what it catches may be followed by another commit", async () => {
    const occupied: TransactWriteItem = {
      Put: { TableName: effects, Item: { id: { S: 'one' } }, ConditionExpression: 'attribute_not_exists(id)' },
    };
    const handler = transactional(async ({ data }, context) => {
      try {
        await context.commit({ writes: [occupied] });
      } catch (error) {
        if (!(error instanceof ConditionFailedError)) throw error;
        await context.commit({ writes: [row(data.orderId)] });
      }
    });
    expect(failedIds(await handler(await deliver(...orders(3)), lambdaContext()))).toEqual([]);
    expect(await Promise.all(['order-1', 'order-2', 'order-3'].map(countOf))).toHaveLength(3);
    const { Count } = await engines.dynamodb.send(new ScanCommand({ TableName: effects }));
    expect(Count).toBe(3);
  });

  test('publishing past the transaction is refused, and so is publishing without an outbox', async () => {
    const errors: unknown[] = [];
    const handler = transactional(async (_, context) => {
      await context.publish(OrderCancelled, { orderId: '1', reason: 'x' }).catch((error) => errors.push(error));
      const event = outgoing(OrderCancelled, { orderId: '1', reason: 'x' });
      await context.commit({ publish: [event] }).catch((error) => errors.push(error));
    });
    await handler(await deliver(orderPlaced('1')), lambdaContext());
    expect(String(errors[0])).toMatch(/commit\(\{ publish: \[outgoing/);
    expect(String(errors[1])).toMatch(/has no outbox for 'order.cancelled': BATON_OUTBOX_TABLE is not set/);
  });

  test('what is published goes to the outbox with the effect, under the same id on every attempt', async () => {
    const outbox = await engines.createTable({ sortKey: true });
    const environment = { ...around.environment, BATON_OUTBOX_TABLE: outbox, BATON_OUTBOX_SHARDS: '1' };
    let failing = true;
    const handler = transactional(
      async ({ data: { orderId } }, context) => {
        const cancelled = outgoing(OrderCancelled, { orderId, reason: 'x' });
        const impossible = {
          ConditionCheck: { ...row('nothing').Update!, ConditionExpression: 'attribute_exists(id)' },
        };
        const { TableName, Key, ConditionExpression } = impossible.ConditionCheck;
        if (failing) {
          await context
            .commit({ writes: [{ ConditionCheck: { TableName, Key, ConditionExpression } }], publish: [cancelled] })
            .catch(() => undefined);
        }
        failing = false;
        await context.commit({ writes: [row(orderId)], publish: [cancelled] });
      },
      { environment },
    );
    await handler(await deliver(orderPlaced('1')), lambdaContext());
    const { Items = [] } = await engines.dynamodb.send(new ScanCommand({ TableName: outbox }));
    const [entry] = Items.filter((item) => item.events);
    const [published] = entry!.events!.L!.map(({ S }) => JSON.parse(S!));
    expect(published).toMatchObject({ type: 'order.cancelled', causationid: 'event-1', source: '/inventory' });
    expect(Items.filter((item) => item.events)).toHaveLength(1);
  });

  test('a group on a FIFO queue runs in order, each effect before the next handler', async () => {
    around = await surround(engines, { fifo: true });
    const log: string[] = [];
    const handler = transactional(async ({ data }, context) => {
      log.push(`run ${data.orderId}`);
      await context.commit({ writes: [row(data.orderId)] });
      log.push(`done ${data.orderId}`);
    });
    const records = ['1', '2', '3'].map((id) =>
      recordOf(around.queue, {
        body: JSON.stringify(orderPlaced(id)),
        attributes: { MessageGroupId: 'a', ApproximateReceiveCount: '1' } as never,
      }),
    );
    await handler({ Records: records }, lambdaContext());
    expect(log).toEqual(['run 1', 'done 1', 'run 2', 'done 2', 'run 3', 'done 3']);
  });
});

describe('under a lease', () => {
  test('a commit completes the claim in the same transaction, those of a batch in one call', async () => {
    const effects = await engines.createTable();
    const handler = inventory(async ({ data }, context) => {
      await context.commit({ writes: [{ Put: { TableName: effects, Item: { id: { S: data.orderId } } } }] });
    });
    const batch = await deliver(...orders(5));
    engines.calls.length = 0;
    expect(failedIds(await handler(batch, lambdaContext()))).toEqual([]);
    expect(engines.calls.map(({ operation }) => operation)).toEqual(['BatchExecuteStatement', 'TransactWriteItems']);
    const { Items = [] } = await engines.dynamodb.send(new ScanCommand({ TableName: around.table }));
    expect(new Set(Items.map(({ status }) => status?.S))).toEqual(new Set(['COMPLETED']));
  });

  test('a claim is renewed while its handler runs longer than the lease', async () => {
    const environment = { ...around.environment, BATON_LEASE_SECONDS: '0.2' };
    const until: number[] = [];
    const handler = inventory(
      async () => {
        for (let looks = 0; looks < 200 && new Set(until).size < 3; looks++) {
          const { Items = [] } = await engines.dynamodb.send(new ScanCommand({ TableName: around.table }));
          until.push(Number(Items[0]?.in_progress_expiration?.N));
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      },
      { environment },
    );
    expect(failedIds(await handler(await deliver(orderPlaced('1')), lambdaContext()))).toEqual([]);
    expect(new Set(until).size).toBe(3);
    expect([...until].sort((a, b) => a - b)).toEqual(until);
  });

  test('a claim that is lost all the same aborts the signal of its handler', async () => {
    const environment = { ...around.environment, BATON_LEASE_SECONDS: '0.2' };
    const handler = inventory(
      async (_, { signal }) => {
        const { Items = [] } = await engines.dynamodb.send(new ScanCommand({ TableName: around.table }));
        const stolen = { ...Items[0]!, owner: { S: 'thief' } };
        await engines.dynamodb.send(new PutItemCommand({ TableName: around.table, Item: stolen }));
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
      { environment },
    );
    const outcomes: unknown[] = [];
    expect(failedIds(await handler(await deliver(orderPlaced('1')), lambdaContext()))).toHaveLength(1);
    const { Items = [] } = await engines.dynamodb.send(new ScanCommand({ TableName: around.table }));
    expect(Items[0]).toMatchObject({ owner: { S: 'thief' }, status: { S: 'INPROGRESS' } });
    expect(outcomes).toEqual([]);
  });
});
