import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { circuitId } from '../../../lib/runtime/dependencies/circuit-table.ts';
import { readWakeUp, sendWakeUp } from '../../../lib/runtime/dependencies/wake-up.ts';
import { type Engines, startEngines } from '../engines.ts';
import { createWorld, ill, many, untilRest, type World, well } from './circuits.ts';

let engines: Engines;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});

/** A world whose circuit has just opened; the keeper has not heard of it yet. */
async function openWorld(options: Parameters<typeof createWorld>[1] = {}): Promise<World> {
  const world = await createWorld(engines, options);
  await world.invoke(world.worker(), many(ill));
  expect((await world.circuit()).state).toBe('open');
  return world;
}

/** What was asked of Lambda, in short: `paused`, `1 at 2`, `10 at -`. */
function story({ lambda }: World): string[] {
  return lambda.updates.map((update) => {
    const { Enabled, BatchSize, ScalingConfig } = update as {
      Enabled: boolean;
      BatchSize?: number;
      ScalingConfig?: { MaximumConcurrency?: number };
    };
    return Enabled ? `${BatchSize} at ${ScalingConfig?.MaximumConcurrency ?? '-'}` : 'paused';
  });
}

describe('the keeper', () => {
  it('pauses the consumer, probes gently, and takes it back to full size step by step', async () => {
    const world = await openWorld();
    await untilRest(world, world.keeper());
    expect(story(world)).toEqual([
      'paused',
      ...[2, 5, 10, 20, 40, 80].map((concurrency) => `1 at ${concurrency}`),
      '10 at -',
    ]);
  });

  it('ends the ramp at the limit of the consumer, with its batching window', async () => {
    const world = await openWorld({ source: { maximumConcurrency: 12, batchSize: 50, batchWindow: 3 } });
    await untilRest(world, world.keeper());
    expect(story(world)).toEqual(['paused', '1 at 2', '1 at 5', '1 at 10', '50 at 12']);
    expect(world.lambda.updates.at(-1)).toMatchObject({ MaximumBatchingWindowInSeconds: 3 });
  });

  it('asks for a timer at the end of the open time, and never for one that an alarm would miss', async () => {
    const world = await openWorld();
    await world.keep(world.keeper());
    expect(world.sent.map(({ delay }) => delay)).toEqual([0, 30]);
    world.now += 30_000;
    await world.keep(world.keeper());
    expect((await world.circuit()).state).toBe('half-open');
    expect(world.sent.at(-1)!.delay).toBe(45);
  });

  it('writes the state while it is not closed, often enough for an alarm', async () => {
    const world = await openWorld({ settings: { openSeconds: 300 } });
    const keeper = world.keeper();
    for (let second = 0; second < 280; second += 5) {
      await world.keep(keeper);
      world.now += 5_000;
    }
    const minutes = world.metrics
      .filter(({ CircuitState }) => CircuitState === 2)
      .map(({ _aws }) => Math.floor((_aws as { Timestamp: number }).Timestamp / 60_000));
    expect(new Set(minutes).size).toBe(Math.max(...minutes) - Math.min(...minutes) + 1);
    expect(new Set(minutes).size).toBeGreaterThanOrEqual(5);
  });

  it('doubles the open time with each round of probes that fails', async () => {
    const world = await openWorld();
    const keeper = world.keeper();
    const worker = world.worker();
    const lengths: number[] = [];
    for (let round = 0; round < 7; round++) {
      const { until, movedAt } = await world.circuit();
      lengths.push((until - movedAt) / 1_000);
      await world.keep(keeper);
      expect(world.lambda.mapping.State).toBe('Disabled');
      for (world.now += 1_000; world.now <= until + 46_000; world.now += 15_000) await world.keep(keeper);
      expect(world.lambda.mapping).toMatchObject({ State: 'Enabled', BatchSize: 1 });
      expect(await world.invoke(worker, [ill])).toEqual(['failed']);
    }
    expect(lengths).toEqual([30, 60, 120, 240, 480, 600, 600]);
  });

  it('waits for an event source that is still changing', async () => {
    const world = await openWorld();
    world.lambda.conflicts = 3;
    await world.keeper().wake(readWakeUp((await world.due())[0]!.body), false);
    expect(story(world)).toEqual(['paused']);
  });

  it('lets the wake-up come back when the event source does not stop changing', async () => {
    const world = await openWorld();
    world.lambda.conflicts = 50;
    const [first] = await world.due();
    await expect(world.keeper().wake(readWakeUp(first!.body), false)).rejects.toThrow('still changing');
    world.lambda.conflicts = 0;
    await world.keeper().wake(readWakeUp(first!.body), true);
    expect(story(world)).toEqual(['paused']);
  });

  it('does nothing for timers of earlier generations', async () => {
    const world = await openWorld();
    const keeper = world.keeper();
    await world.keep(keeper);
    const old = world.sent.map(({ body }) => readWakeUp(body));
    world.now += 31_000;
    await world.keep(keeper);
    const before = { updates: story(world), sent: world.sent.length, circuit: await world.circuit() };
    world.now += 600_000;
    for (const wakeUp of old) await keeper.wake(wakeUp, false);
    expect({ updates: story(world), sent: world.sent.length, circuit: await world.circuit() }).toEqual(before);
  });

  it('leaves the event source of a healthy consumer to its operators', async () => {
    const world = await openWorld();
    await untilRest(world, world.keeper());
    const updates = world.lambda.updates.length;
    world.lambda.mapping.State = 'Disabled';
    for (const { body } of [...world.sent]) await world.keeper().wake(readWakeUp(body), false);
    expect(world.lambda.updates.length).toBe(updates);
  });

  it('keeps a consumer paused as long as one of its dependencies is ill', async () => {
    const world = await createWorld(engines, { dependencies: ['payments', 'stock'] });
    const keeper = world.keeper();
    const worker = world.worker();
    await world.invoke(worker, many(ill), 'payments');
    await world.keep(keeper);
    world.now += 20_000;
    await world.invoke(worker, many(ill), 'stock');
    await world.keep(keeper);
    world.now += 12_000;
    await world.keep(keeper);
    expect([(await world.circuit('payments')).state, (await world.circuit('stock')).state]).toEqual([
      'half-open',
      'open',
    ]);
    expect(world.lambda.mapping.State).toBe('Disabled');
    world.now += 20_000;
    await world.keep(keeper);
    expect(story(world)).toEqual(['paused', '1 at 2']);
  });

  it('drops wake-ups for what it does not watch', async () => {
    const world = await openWorld();
    await world.keeper().wake({ consumer: 'nobody', dependency: 'payments', generation: 1 }, false);
    expect(world.lambda.updates).toEqual([]);
    expect(world.log.at(-1)).toMatchObject({ level: 'warn' });
  });
});

describe('a keeper that dies', () => {
  /** Runs an outage from its beginning to its end, with the keeper dying at its call number `deadly`. */
  async function outage(deadly: number, isMade: boolean): Promise<{ world: World; calls: number }> {
    const world = await openWorld({ source: { maximumConcurrency: 6 } });
    let calls = 0;
    world.around = async (service, operation, go) => {
      calls++;
      if (calls !== deadly) return await go();
      if (isMade) await go();
      throw new Error(`died at ${service} ${operation}`);
    };
    await untilRest(world, world.keeper());
    return { world, calls };
  }

  test.each([
    ['before', false],
    ['after', true],
  ])(
    '%s any of its calls loses no consumer',
    async (_, isMade) => {
      const { calls } = await outage(Number.POSITIVE_INFINITY, isMade);
      expect(calls).toBeGreaterThan(20);
      for (let deadly = 1; deadly <= calls; deadly++) {
        const { world } = await outage(deadly, isMade);
        const told = `dies at call ${deadly}: ${story(world).join(', ')}`;
        expect(world.lambda.mapping, told).toEqual({
          State: 'Enabled',
          BatchSize: 10,
          ScalingConfig: { MaximumConcurrency: 6 },
        });
        expect(story(world)[0], told).toBe('paused');
        expect(world.log.filter(({ message }) => message.includes('half-open')).length, told).toBeLessThanOrEqual(1);
      }
    },
    60_000,
  );
});

describe('wake-ups that come twice, to two keepers at once', () => {
  it('leave the consumer as it was, and their number does not grow', async () => {
    const world = await openWorld();
    const keepers = [world.keeper(), world.keeper()];
    const both = {
      wake: async (...args: Parameters<(typeof keepers)[0]['wake']>) =>
        void (await Promise.all(keepers.map((each) => each.wake(...args)))),
    };
    await untilRest(world, both);
    expect(world.lambda.mapping).toEqual({ State: 'Enabled', BatchSize: 10, ScalingConfig: undefined });
    const ticks = world.sent.map(({ body }) => body);
    for (const tick of new Set(ticks)) expect(ticks.filter((each) => each === tick).length).toBeLessThanOrEqual(4);
  });
});

describe('a keeper with an older view', () => {
  /** Between its look at the circuits and its update, minutes pass in which all becomes well again. */
  async function overtaken(dies: boolean) {
    const world = await openWorld();
    const slow = world.keeper();
    const [first] = await world.due();
    const wakeUp = readWakeUp(first!.body);
    let isOvertaken = false;
    world.around = async (service, operation, go) => {
      if (isOvertaken || service !== 'lambda' || operation !== 'UpdateEventSourceMapping') return await go();
      isOvertaken = true;
      await world.keeper().wake(wakeUp, false);
      await untilRest(world, world.keeper());
      await go();
      if (dies) throw new Error('died');
      return {};
    };
    return { world, slow, wakeUp };
  }

  it('puts right what it did to the event source', async () => {
    const { world, slow, wakeUp } = await overtaken(false);
    await slow.wake(wakeUp, false);
    expect(story(world).filter((each) => each === 'paused').length).toBe(2);
    expect(world.lambda.mapping).toMatchObject({ State: 'Enabled', BatchSize: 10 });
  });

  it('has it put right by the wake-up that comes back, when it dies first', async () => {
    const { world, slow, wakeUp } = await overtaken(true);
    await expect(slow.wake(wakeUp, false)).rejects.toThrow('died');
    expect(world.lambda.mapping.State).toBe('Disabled');
    await world.keeper().wake(wakeUp, true);
    expect(world.lambda.mapping).toMatchObject({ State: 'Enabled', BatchSize: 10 });
  });
});

describe('a worker that dies before it tells the keeper', () => {
  it('is made up for by the next one that looks', async () => {
    const world = await createWorld(engines);
    await world.invoke(world.worker({ keeper: false }), many(ill));
    expect(world.sent).toEqual([]);
    const worker = world.worker();
    await worker.begin();
    expect(world.sent).toEqual([]);
    world.now += 6_000;
    await worker.begin();
    await worker.begin();
    expect(world.sent.length).toBe(1);
    await untilRest(world, world.keeper());
    expect(story(world)[0]).toBe('paused');
  });

  it('is made up for by the keeper, when its timer is under way', async () => {
    const world = await openWorld();
    const keeper = world.keeper();
    await world.keep(keeper);
    world.now += 31_000;
    await world.keep(keeper);
    await world.invoke(world.worker({ keeper: false }), [ill]);
    expect((await world.circuit()).state).toBe('open');
    expect(world.lambda.mapping.State).toBe('Enabled');
    world.now += 46_000;
    await world.keep(keeper);
    expect(world.lambda.mapping.State).toBe('Disabled');
  });
});

test('a lost timer is found out by the workers', async () => {
  const world = await openWorld();
  const keeper = world.keeper();
  await world.keep(keeper);
  world.now += 31_000;
  await world.keep(keeper);
  await world.invoke(world.worker(), many(well, 5));
  await world.keep(keeper);
  expect((await world.circuit()).ramp).toBe(2);
  world.now += 70_000;
  await world.due();
  await world.worker().begin();
  await world.keep(keeper);
  expect((await world.circuit()).ramp).toBe(5);
});

test('a timer is held back by SQS', async () => {
  const queue = engines.createQueue();
  await sendWakeUp(engines.clients.sqs, queue.url, { consumer: 'a', dependency: 'b', generation: 1 }, 45);
  expect(await engines.receive(queue)).toEqual([]);
  expect(engines.calls.at(-1)).toMatchObject({ operation: 'SendMessage', input: { DelaySeconds: 45 } });
});

test('a message that is no wake-up is an error', () => {
  expect(() => readWakeUp('{"consumer":1}')).toThrow('no wake-up');
  expect(() => readWakeUp('nonsense')).toThrow('no wake-up');
});

test('circuits are told from idempotency records by their id', () => {
  expect(circuitId('billing', 'payments')).toBe('circuit#billing#payments');
});
