import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency';
import { GetItemCommand, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createStatements } from '../../../lib/runtime/aws/statements.ts';
import { ClaimedElsewhereError, GuardError, LeaseLostError } from '../../../lib/runtime/errors.ts';
import { recordIdOf } from '../../../lib/runtime/guard/claim.ts';
import { createGuard, type Guard } from '../../../lib/runtime/guard/guard.ts';
import { LeaseTable } from '../../../lib/runtime/guard/lease-table.ts';
import { type Engines, lambdaContext, startEngines } from '../engines.ts';

let engines: Engines;
let table: string;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(async () => {
  table = await engines.createTable();
});

/** A guard such as each invocation has one. */
function guardOf(owner: string, timeoutMs = 30_000) {
  const client = engines.clients.dynamodb;
  return guardWith(
    new LeaseTable({
      client,
      table,
      owner,
      read: createStatements({ client, kind: 'reads' }),
      write: createStatements({ client, kind: 'writes' }),
      idOf: (guarded) => (guarded as { id: string }).id,
    }),
    timeoutMs,
  );
}

function guardWith(leases: LeaseTable, timeoutMs = 30_000, leaseMs = 60_000) {
  const guard = createGuard({
    leases,
    leaseMs,
    clock: Date.now,
    config: new IdempotencyConfig({ expiresAfterSeconds: 3_600 }),
    lambdaContext: lambdaContext(timeoutMs),
  });
  const run = (id: string, work: Parameters<Guard['run']>[1]) => guard.run({ id, data: undefined }, work);
  return { ...guard, run };
}

async function stored(id: string) {
  const { Item } = await engines.dynamodb.send(new GetItemCommand({ TableName: table, Key: { id: { S: id } } }));
  return Item && { status: Item.status?.S, owner: Item.owner?.S };
}

async function expire(id: string, attributes: { expiration?: number; in_progress_expiration?: number }) {
  const { Item } = await engines.dynamodb.send(new GetItemCommand({ TableName: table, Key: { id: { S: id } } }));
  for (const [name, value] of Object.entries(attributes)) Item![name] = { N: String(value) };
  await engines.dynamodb.send(new PutItemCommand({ TableName: table, Item }));
}

const nothing = async () => undefined;

describe('a claim', () => {
  test('is completed by its owner when the work succeeds, and then known to everybody', async () => {
    expect(await guardOf('one').run('event', nothing)).toBe(true);
    expect(await stored('event')).toEqual({ status: 'COMPLETED', owner: 'one' });
    const work = vi.fn(nothing);
    expect(await guardOf('two').run('event', work)).toBe(false);
    expect(work).not.toHaveBeenCalled();
    expect(await guardOf('three').isCompleted('event')).toBe(true);
  });

  test('is released when the work fails, whose own error comes through', async () => {
    const error = new Error('no stock');
    await expect(guardOf('one').run('event', () => Promise.reject(error))).rejects.toBe(error);
    expect(await stored('event')).toEqual({ status: 'RELEASED#1', owner: 'one' });
    const failures: number[] = [];
    await guardOf('two').run('event', async (held) => void failures.push(held.failures));
    expect(failures).toEqual([1]);
  });

  test('keeps others out until the end of its function', async () => {
    const work = Promise.withResolvers<undefined>();
    const first = guardOf('one', 20_000).run('event', () => work.promise);
    await vi.waitFor(async () => expect(await stored('event')).toBeDefined());

    const refusal = guardOf('two').run('event', nothing);

    await expect(refusal).rejects.toThrow(ClaimedElsewhereError);
    const { expiresAt } = (await refusal.catch((error) => error)) as ClaimedElsewhereError;
    expect((expiresAt - Date.now()) / 1_000).toBeCloseTo(20, 0);
    work.resolve(undefined);
    expect(await first).toBe(true);
  });

  test('that has expired goes to one of those who want it', async () => {
    const left = guardOf('dead');
    left.keep('event');
    await left.run('event', () => Promise.reject(new Error('killed'))).catch(nothing);
    await expire('event', { in_progress_expiration: Date.now() - 1 });

    const work = vi.fn(() => new Promise<void>((resolve) => setTimeout(resolve, 50)));
    const takers = ['one', 'two', 'three', 'four'].map((owner) => guardOf(owner).run('event', work));

    const results = await Promise.allSettled(takers);
    expect(work).toHaveBeenCalledTimes(1);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await stored('event'))?.status).toBe('COMPLETED');
  });

  test('can be made anew when the TTL of the old one has passed but DynamoDB has not deleted it yet', async () => {
    await guardOf('one').run('event', nothing);
    await expire('event', { expiration: Math.floor(Date.now() / 1_000) - 10 });
    expect(await guardOf('two').run('event', nothing)).toBe(true);
    expect(await stored('event')).toEqual({ status: 'COMPLETED', owner: 'two' });
  });

  test('that was taken over can be neither completed nor released by its former owner', async () => {
    const loseIt = async () => {
      await expire('event', { in_progress_expiration: Date.now() - 1 });
      const taker = guardOf('two');
      taker.keep('event');
      await taker.run('event', () => Promise.reject(new Error('still at it'))).catch(nothing);
    };
    await expect(guardOf('one').run('event', loseIt)).rejects.toThrow(LeaseLostError);
    expect(await stored('event')).toEqual({ status: 'INPROGRESS', owner: 'two' });

    await expire('event', { in_progress_expiration: Date.now() - 1 });
    const failing = guardOf('three').run('event', async () => {
      await loseIt();
      throw new Error('and failed');
    });
    await expect(failing).rejects.toThrow('and failed');
    expect(await stored('event')).toEqual({ status: 'INPROGRESS', owner: 'two' });
  });

  test('is recognised as its own when the answer to it was lost and the SDK sent it again', async () => {
    const client = engines.clients.dynamodb;
    const write = createStatements({ client, kind: 'writes' });
    let lost = 0;
    const guard = guardWith(
      new LeaseTable({
        client,
        table,
        owner: 'one',
        read: createStatements({ client, kind: 'reads' }),
        write: async (statement) => {
          if (lost++ === 0) await write(statement);
          return await write(statement);
        },
        idOf: (guarded) => (guarded as { id: string }).id,
      }),
    );
    expect(await guard.run('event', nothing)).toBe(true);
  });

  test('for a second copy in the same invocation waits for the first', async () => {
    const guard = guardOf('one');
    const log: string[] = [];
    const [first, second] = await Promise.all([
      guard.run('event', async () => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        log.push('first');
      }),
      guard.run('event', async () => void log.push('second')),
    ]);
    expect({ first, second, log }).toEqual({ first: true, second: false, log: ['first'] });
  });

  test('that cannot be made is an error, and the work does not run', async () => {
    table = 'no-such-table';
    const work = vi.fn(nothing);
    await expect(guardOf('one').run('event', work)).rejects.toThrow(GuardError);
    expect(work).not.toHaveBeenCalled();
  });

  test('expires with the TTL that the consumer has', async () => {
    await guardOf('one').run('event', nothing);
    const { Items } = await engines.dynamodb.send(new ScanCommand({ TableName: table }));
    expect(Number(Items?.[0]?.expiration?.N) - Date.now() / 1_000).toBeCloseTo(3_600, -1);
  });
});

describe('a record id', () => {
  test('reads as consumer, source and event id', () => {
    expect(recordIdOf('inventory', { source: '/orders', id: 'e-1' })).toBe('inventory#/orders#e-1');
  });

  test('stays within 1,024 bytes and unique when the event id is very long', () => {
    const [one, other] = ['a', 'b'].map((end) =>
      recordIdOf('inventory', { source: '/ö', id: `${'ü'.repeat(2_000)}${end}` }),
    );
    expect(Buffer.byteLength(one!)).toBeLessThanOrEqual(1_024);
    expect(one).not.toBe(other);
  });
});
