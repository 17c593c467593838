import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../../lib/local/free-port.ts';
import { expectedSales } from '../../lib/superstore/effects.ts';
import { lostEffects, subscriptions } from '../../lib/superstore/invariants.ts';
import { readOrders } from '../../lib/superstore/orders.ts';
import { placeOrders } from '../../lib/superstore/placing.ts';
import { baton, type CommandLine } from '../e2e/command-line.ts';
import { eventually } from '../e2e/eventually.ts';
import { openShop, type Shop, shortenTimeouts, shortenVisibility } from '../e2e/shop.ts';

const orders = readOrders(300);

/** What was accepted has every effect, once; and nothing was given up. */
async function expectEveryEffect(shop: Shop, accepted = orders): Promise<void> {
  const effects = await shop.effects();
  for (const [name, owed] of Object.entries(subscriptions)) {
    expect(lostEffects(name, accepted, effects), name).toEqual([]);
    expect(effects.byConsumer.get(name)!.size, name).toBe(accepted.length * owed.effects.length);
  }
  expect(effects.sales).toEqual(expectedSales(accepted));
  expect(await shop.deadLetters()).toEqual([]);
}

describe('engines that end in the middle of a run, and are started again', () => {
  const persist = mkdtempSync(join(tmpdir(), 'baton-engine-killed-'));
  let shop: Shop;

  beforeAll(async () => {
    shop = await openShop({ persist });
    await shortenTimeouts(shop.cloud, 5);
  });
  afterAll(async () => {
    await shop.close();
    rmSync(persist, { recursive: true });
  });

  it('lose nothing that was accepted', async () => {
    const { engines } = shop.cloud;
    const handledBy = (consumer: string) => shop.cloud.consumers().find(({ name }) => name === consumer)?.handled ?? 0;
    const placing = shop.place(orders, { rate: 100 });

    await eventually(() => handledBy('billing') > 30);
    const before = engines.dynamodbPid!;
    process.kill(before, 'SIGKILL');
    await eventually(() => shop.lines.some((line) => /dynamodb/i.test(line)));
    await engines.restartDynamodb();
    expect(engines.dynamodbPid).not.toBe(before);

    await eventually(() => handledBy('billing') > 120);
    expect(handledBy('billing')).toBeLessThan(orders.length);
    await engines.restartMessaging();

    expect(await placing).toBe(orders.length);
    await shop.cloud.untilIdle();
    await expectEveryEffect(shop);
    expect([...shop.provider.ledger.values()].map(({ orderId }) => orderId).sort()).toEqual(
      orders.map(({ orderId }) => orderId).sort(),
    );
  }, 120_000);
});

describe('a process that is killed in the middle of a run, and started again', () => {
  const persist = mkdtempSync(join(tmpdir(), 'baton-process-killed-'));
  let first: CommandLine | undefined;
  let shop: Shop | undefined;

  afterAll(async () => {
    await first?.kill();
    await shop?.close();
    // The test has failed when there are any; they must not outlive it all the same.
    for (const pid of enginesOn(persist)) process.kill(Number(pid), 'SIGKILL');
    rmSync(persist, { recursive: true });
  });

  it('leaves no engine behind, and loses nothing that was accepted', async () => {
    const port = await findFreePort();
    // No orders of its own: what is placed from here is known to be accepted.
    first = baton(
      'start',
      '--persist',
      persist,
      '--orders',
      '0',
      '--poison',
      '0',
      '--port',
      String(port),
      '--payment-failures',
      '0',
    );
    await first.untilItSays('Everything is handled');
    expect(enginesOn(persist)).not.toEqual([]);
    const sqs = new SQSClient({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand());
    await shortenVisibility(sqs, QueueUrls, 5);
    const placeOrder = QueueUrls.find((url) => url.endsWith('-PlaceOrder'))!;

    // All are accepted, and some are on their way through the pipeline.
    await placeOrders({ sqs, queueUrl: placeOrder, orders, rate: 300 });
    sqs.destroy();
    await first.kill();
    await eventually(() => enginesOn(persist).length === 0);

    shop = await openShop({ persist });
    expect(shop.cloud.resumed).toBe(true);
    expect(lostEffects('shipping', orders, await shop.effects())).not.toEqual([]);
    // The claims of the dead functions hold until those would have timed out: half a minute.
    await shop.cloud.untilIdle();
    await expectEveryEffect(shop);

    // Whoever places the same orders again changes nothing.
    await shop.place(orders);
    await shop.cloud.untilIdle();
    await expectEveryEffect(shop);
  }, 150_000);
});

/** Ids of the DynamoDB engines that work in a folder. */
function enginesOn(folder: string): string[] {
  return execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(join(folder, 'dynamodb.db')))
    .map((line) => line.trim().split(' ')[0]!);
}
