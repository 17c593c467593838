import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createStatements } from '../../../lib/runtime/aws/statements.ts';
import { LeaseLostError } from '../../../lib/runtime/errors.ts';
import { LeaseTable, type LeaseTableProps } from '../../../lib/runtime/guard/lease-table.ts';
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
  engines.calls.length = 0;
  return () => vi.unstubAllEnvs();
});

interface Payment {
  paymentId: string;
  amount: number;
}

function leaseTable(owner: string, props: Partial<LeaseTableProps> = {}): LeaseTable {
  const client = engines.clients.dynamodb;
  return new LeaseTable({
    client,
    table,
    owner,
    read: createStatements({ client, kind: 'reads' }),
    write: createStatements({ client, kind: 'writes' }),
    ...props,
  });
}

type Config = ConstructorParameters<typeof IdempotencyConfig>[0];

/** A function as a team that has Powertools writes it, on our store. */
function pay(work: (payment: Payment) => unknown, persistenceStore: LeaseTable, config: Config = {}) {
  return makeIdempotent(async (payment: Payment) => work(payment), {
    persistenceStore,
    config: new IdempotencyConfig({ eventKeyJmesPath: 'paymentId', lambdaContext: lambdaContext(), ...config }),
  });
}

const stored = async () => (await engines.dynamodb.send(new ScanCommand({ TableName: table }))).Items ?? [];

describe("as a store of Powertools' makeIdempotent", () => {
  test('keys are those of Powertools, and no response is kept', async () => {
    const work = vi.fn(() => 'receipt');
    expect(await pay(work, leaseTable('one'))({ paymentId: 'p-1', amount: 5 })).toBe('receipt');
    expect(await pay(work, leaseTable('two'))({ paymentId: 'p-1', amount: 5 })).toBeUndefined();
    expect(work).toHaveBeenCalledTimes(1);
    const [item] = await stored();
    expect(item?.id?.S).toMatch(/^#[\w+/]+=*$/);
    expect(item).not.toHaveProperty('data');
  });

  test('a response is kept, and given to duplicates, when asked', async () => {
    const work = vi.fn(({ amount }: Payment) => ({ receipt: amount }));
    const paying = (owner: string) =>
      pay(work, leaseTable(owner, { keepResponse: true }))({ paymentId: 'p', amount: 5 });
    expect([await paying('one'), await paying('two')]).toEqual([{ receipt: 5 }, { receipt: 5 }]);
    expect(work).toHaveBeenCalledTimes(1);
  });

  test('the response hook sees what is given to a duplicate', async () => {
    const responseHook = vi.fn((response) => ({ ...(response as object), replayed: true }));
    const paying = (owner: string) =>
      pay(() => ({ ok: true }), leaseTable(owner, { keepResponse: true }), { responseHook })({
        paymentId: 'p',
        amount: 1,
      });
    await paying('one');
    expect(await paying('two')).toEqual({ ok: true, replayed: true });
    expect(responseHook).toHaveBeenCalledTimes(1);
  });

  test('another payload under the same key is refused, with payload validation', async () => {
    const paying = (owner: string, amount: number) =>
      pay(() => undefined, leaseTable(owner), { payloadValidationJmesPath: 'amount' })({ paymentId: 'p', amount });
    await paying('one', 5);
    await expect(paying('two', 6)).rejects.toThrow(/Payload does not match/);
    await expect(paying('two', 5)).resolves.toBeUndefined();
  });

  test('the local cache answers without a call', async () => {
    const leases = leaseTable('one');
    const paying = pay(() => undefined, leases, { useLocalCache: true });
    await paying({ paymentId: 'p', amount: 5 });
    engines.calls.length = 0;
    await paying({ paymentId: 'p', amount: 5 });
    expect(engines.calls).toEqual([]);
  });

  test('disabled by the environment, nothing is guarded', async () => {
    vi.stubEnv('POWERTOOLS_IDEMPOTENCY_DISABLED', 'true');
    const work = vi.fn();
    const paying = pay(work, leaseTable('one'));
    await paying({ paymentId: 'p', amount: 5 });
    await paying({ paymentId: 'p', amount: 5 });
    expect(work).toHaveBeenCalledTimes(2);
    expect(await stored()).toEqual([]);
  });
});

describe('a lease', () => {
  test('ends after leaseMs, or at the deadline of the function when that is sooner', async () => {
    const leased = async (leaseMs: number, timeoutMs: number) => {
      table = await engines.createTable();
      const leases = leaseTable('one', { leaseMs, clock: () => 1_000_000 });
      await pay(() => undefined, leases, { lambdaContext: lambdaContext(timeoutMs) })({ paymentId: 'p', amount: 1 });
      return Number((await stored())[0]?.in_progress_expiration?.N) - 1_000_000;
    };
    expect(await leased(5_000, 60_000)).toBe(5_000);
    expect(await leased(60_000, 5_000)).toBeLessThanOrEqual(5_000);
    expect(await leased(60_000, 5_000)).toBeGreaterThan(4_000);
  });

  test('that was taken over can be renewed by nobody but its new owner', async () => {
    const one = leaseTable('one');
    const two = leaseTable('two');
    const ids: string[] = [];
    await pay(async () => {
      const id = (await stored())[0]!.id!.S!;
      ids.push(id);
      await one.renew(id, Date.now() + 100_000);
      await expect(two.renew(id, Date.now() + 200_000)).rejects.toThrow(LeaseLostError);
    }, one)({ paymentId: 'p', amount: 5 });
    expect(ids).toHaveLength(1);
  });

  test('writes nothing under the token of an invocation that has ended', async () => {
    const leases = leaseTable('one');
    const paying = pay(() => leases.begin('two'), leases)({ paymentId: 'p', amount: 5 });
    await expect(paying).rejects.toThrow();
    expect(await stored()).toMatchObject([{ status: { S: 'INPROGRESS' }, owner: { S: 'one' } }]);
  });
});
