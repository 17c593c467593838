import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InventoryReserved } from '../../events/inventory-reserved.ts';
import { totalCents } from '../../events/order.ts';
import { OrderPlaced } from '../../events/order-placed.ts';
import { PaymentCaptured } from '../../events/payment-captured.ts';
import { PlaceOrder } from '../../events/place-order.ts';
import { bundle } from '../../lib/constructs/code/bundle.ts';
import { createEnvelope, type Envelope } from '../../lib/contracts/index.ts';
import { readOrders } from '../../lib/superstore/orders.ts';
import { type Engines, startEngines } from '../runtime/engines.ts';
import type { Aftermath } from './killing-aftermath.ts';
import { killEverywhere, type Subject } from './killing-everywhere.ts';
import {
  copyOf,
  createWorld,
  deliverTo,
  drain,
  isEmpty,
  type RelayKind,
  relayWith,
  runIn,
  send,
  type World,
  type WorldProps,
} from './killing-world.ts';

const root = resolve(import.meta.dirname, '../..');
const bundles = mkdtempSync(join(tmpdir(), 'baton-no-dual-write-'));
const fileOf = (name: string) => join(bundles, name, 'handler.mjs');
const orders = readOrders(2);
const commands = orders.map((order) => createEnvelope(PlaceOrder, order, { source: '/shop', id: order.orderId }));
const placed = orders.map((order) =>
  createEnvelope(OrderPlaced, order, { source: '/place-order', id: `placed-${order.orderId}` }),
);
const readyToShip = orders.slice(0, 1).flatMap((order): Envelope[] => {
  const { orderId, customerId, shipMode } = order;
  const payment = { orderId, customerId, paymentId: 'pay-1', amountCents: totalCents(order), currency: 'USD' as const };
  return [
    createEnvelope(InventoryReserved, { orderId, shipMode, units: 1 }, { source: '/inventory', id: 'reserved' }),
    createEnvelope(PaymentCaptured, payment, { source: '/billing', id: 'captured' }),
  ];
});

let engines: Engines;

beforeAll(async () => {
  engines = await startEngines();
  // as they are deployed
  const files = {
    ...Object.fromEntries(
      ['place-order', 'inventory', 'billing', 'shipping'].map((name) => [name, `functions/${name}/handler.ts`]),
    ),
    polling: 'lib/runtime/outbox/relay-handler.ts',
    stream: 'lib/runtime/outbox/stream-handler.ts',
    'lost-event': 'test/chaos/killing-lost-event.ts',
    'doubled-event': 'test/chaos/killing-doubled-event.ts',
  };
  bundle(new Map(Object.entries(files).map(([name, file]) => [name, join(root, file)])), root, bundles, '.bundles');
});

afterAll(async () => {
  await engines.stop();
  rmSync(bundles, { recursive: true });
});

/** A handler; the messages that a killed process had are delivered again, to another one. */
function handlerSubject(
  name: string,
  messages: readonly Envelope[],
  props: Partial<WorldProps> & { batchSize?: number },
) {
  const { batchSize = 10, ...worldProps } = props;
  const subject: Subject = {
    async world() {
      const world = await createWorld(engines, { consumer: name, ...worldProps });
      await send(world, messages);
      return world;
    },
    work: (world, killing) =>
      runIn(world, { file: fileOf(name), environment: world.environment, killing }, (process) =>
        deliverTo(process, world, batchSize),
      ),
    async finish(world) {
      if (!isEmpty(world, world.queue)) await subject.work(world);
      await drain(world, 'stream');
    },
  };
  return subject;
}

/** A relay; another one of its kind is started after it. */
function relaySubject(kind: RelayKind, committed: World): Subject {
  return {
    world: () => copyOf(committed),
    work: (world, killing) =>
      runIn(world, { file: fileOf(kind), environment: world.relayEnvironment, killing }, (process) =>
        relayWith(process, world, kind),
      ),
    finish: (world) => drain(world, kind),
  };
}

function typesIn({ events }: Aftermath): string[] {
  return events.map((event) => JSON.parse(event)[0]);
}

describe('a handler whose process is killed around each of its calls', () => {
  it('place-order takes every order once, and says so', async () => {
    const { untouched, operations, wrong } = await killEverywhere(
      handlerSubject('place-order', commands, { ordered: true }),
    );
    expect(wrong).toEqual([]);
    expect(operations).toEqual(expect.arrayContaining(['TransactWriteItems']));
    expect(typesIn(untouched)).toEqual(['order.placed', 'order.placed']);
  }, 60_000);

  it('inventory reserves every order once, and says so', async () => {
    const { untouched, operations, wrong } = await killEverywhere(
      handlerSubject('inventory', placed, { ordered: true }),
    );
    expect(wrong).toEqual([]);
    expect(operations).toEqual(expect.arrayContaining(['TransactWriteItems']));
    expect(typesIn(untouched)).toEqual(['inventory.reserved', 'inventory.reserved']);
  }, 60_000);

  it('billing charges every order once, and says so', async () => {
    const { untouched, operations, wrong } = await killEverywhere(
      handlerSubject('billing', placed, { dependencies: { payments: { timeoutSeconds: 10 } } }),
    );
    expect(wrong).toEqual([]);
    expect(operations).toEqual(
      expect.arrayContaining(['BatchExecuteStatement', 'POST /payments', 'TransactWriteItems']),
    );
    expect(typesIn(untouched)).toEqual(['payment.captured', 'payment.captured']);
    expect(untouched.charges.sort()).toEqual(orders.map((order) => `${order.orderId} ${totalCents(order)}`).sort());
  }, 60_000);

  it.each([
    { how: 'one after the other', batchSize: 1 },
    { how: 'in one batch', batchSize: 10 },
  ])(
    'shipping ships an order once, and says so, when payment and goods come $how',
    async ({ batchSize }) => {
      const { untouched, operations, wrong } = await killEverywhere(
        handlerSubject('shipping', readyToShip, { batchSize }),
      );
      expect(wrong).toEqual([]);
      expect(operations).toEqual(expect.arrayContaining(['BatchExecuteStatement', 'TransactWriteItems']));
      expect(typesIn(untouched)).toEqual(['order.shipped']);
      expect(untouched.rows.length).toBe(1);
    },
    60_000,
  );
});

describe('an outbox relay whose process is killed around each of its calls', () => {
  let committed: World;

  beforeAll(async () => {
    // two consumers, so that every key has events in an order
    committed = await createWorld(engines, { consumer: 'place-order' });
    for (const [consumer, messages] of [
      ['place-order', commands],
      ['inventory', placed],
    ] as const) {
      await send(committed, messages);
      const environment = { ...committed.environment, BATON_CONSUMER: consumer };
      await runIn(committed, { file: fileOf(consumer), environment }, (process) => deliverTo(process, committed, 10));
    }
    await committed.provider.stop();
  });

  it.each([
    { kind: 'polling' as const, calls: ['UpdateItem', 'Query', 'PublishBatch', 'BatchWriteItem', 'DeleteItem'] },
    { kind: 'stream' as const, calls: ['Query', 'PublishBatch', 'BatchWriteItem'] },
  ])(
    '$kind: every event is published, each key in order',
    async ({ kind, calls }) => {
      const { untouched, operations, wrong } = await killEverywhere(relaySubject(kind, committed));
      expect(wrong).toEqual([]);
      expect(operations).toEqual(expect.arrayContaining(calls));
      expect(untouched.order.sort()).toEqual(
        orders.map(({ orderId }) => `${orderId}: order.placed, inventory.reserved`).sort(),
      );
    },
    60_000,
  );
});

describe('the same check', () => {
  it.each([
    { name: 'lost-event', finding: /^killed .* events: missing: \["inventory\.reserved"/ },
    { name: 'doubled-event', finding: /^killed .* events: one too many: \["inventory\.reserved"/ },
  ])(
    'finds the $name of a handler that writes and publishes apart',
    async ({ name, finding }) => {
      const { untouched, wrong } = await killEverywhere(
        handlerSubject(name, placed.slice(0, 1), { publishesApart: true }),
      );
      expect(typesIn(untouched)).toEqual(['inventory.reserved']);
      expect(wrong).toContainEqual(expect.stringMatching(finding));
      expect(wrong).toContainEqual(expect.stringMatching(/torn: a row without its inventory\.reserved/));
    },
    60_000,
  );
});
