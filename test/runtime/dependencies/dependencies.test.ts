import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDependencies } from '../../../lib/runtime/dependencies/dependencies.ts';
import { DependencyOpenError, DependencyTimeoutError } from '../../../lib/runtime/dependencies/errors.ts';
import { ConfigurationError, PermanentError } from '../../../lib/runtime/errors.ts';
import { answering, type Engines, startEngines } from '../engines.ts';
import { calls, createWorld, ill, many, NEVER, turn, type World, well } from './circuits.ts';

let engines: Engines;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});

/** A circuit that is half-open. */
async function halfOpenWorld(settings = {}): Promise<World> {
  const world = await createWorld(engines, { settings });
  await world.invoke(world.worker(), many(ill));
  await world.keep(world.keeper());
  world.now += 31_000;
  await world.keep(world.keeper());
  expect((await world.circuit()).state).toBe('half-open');
  return world;
}

describe('a circuit that all workers share', () => {
  it('opens on the calls of all of them together', async () => {
    const world = await createWorld(engines);
    const workers = [world.worker(), world.worker(), world.worker(), world.worker()];
    for (const worker of workers.slice(0, 3)) await world.invoke(worker, many(ill, 6));
    expect((await world.circuit()).state).toBe('closed');
    await world.invoke(workers[3]!, many(ill, 2));
    expect((await world.circuit()).state).toBe('open');
    world.now += 1_000;
    for (const worker of workers) expect(await world.invoke(worker, [well])).toEqual(['refused']);
  });

  it('stays closed below the failure rate, and below the least number of calls', async () => {
    const world = await createWorld(engines);
    await world.invoke(world.worker(), many(ill, 19));
    world.now += 61_000;
    await world.invoke(world.worker(), [...many(well, 21), ...many(ill, 19)]);
    expect((await world.circuit()).state).toBe('closed');
  });

  it('is opened by one of them, who tells the keeper once', async () => {
    const world = await createWorld(engines);
    const workers = Array.from({ length: 8 }, () => world.worker());
    await Promise.all(workers.map((worker) => world.invoke(worker, many(ill))));
    expect((await world.circuit()).generation).toBe(1);
    expect(world.sent.map(({ body }) => JSON.parse(body).generation)).toEqual([1]);
    expect(world.metrics.filter(({ CircuitOpened }) => CircuitOpened === 1)).toMatchObject([
      { CircuitState: 2, dependency: 'payments', service: expect.any(String) },
    ]);
    expect(world.log).toMatchObject([{ level: 'warn', message: 'The circuit of a dependency opened.' }]);
  });

  it('loses no call when many write at once, nor when a half window begins', async () => {
    const world = await createWorld(engines, { settings: { minimumCalls: 1_000 } });
    const workers = Array.from({ length: 6 }, () => world.worker());
    for (let round = 0; round < 3; round++) {
      await Promise.all(workers.map((worker) => world.invoke(worker, [well, ill])));
      world.now += 1_000;
    }
    world.now += 30_000;
    await Promise.all(workers.map((worker) => world.invoke(worker, [well])));
    expect(await world.circuit()).toMatchObject({ calls: 6, failures: 0, earlierCalls: 36, earlierFailures: 18 });
  });

  it('forgets calls after the window', async () => {
    const world = await createWorld(engines);
    const worker = world.worker();
    await world.invoke(worker, many(ill, 19));
    world.now += 61_000;
    await world.invoke(worker, [ill]);
    expect(await world.circuit()).toMatchObject({ state: 'closed', calls: 1, earlierCalls: 0 });
  });

  it('opens within a long batch, not only at its end', async () => {
    const world = await createWorld(engines);
    const worker = world.worker();
    await worker.begin();
    const dependency = worker.dependency('payments', NEVER);
    for (let call = 0; call < 20; call++) await dependency.call(ill).catch(() => undefined);
    await expect.poll(() => dependency.state).toBe('open');
    await expect(dependency.call(well)).rejects.toBeInstanceOf(DependencyOpenError);
    await worker.end();
  });

  it('knows its own work again when the answer to it was lost', async () => {
    const world = await createWorld(engines);
    const { dynamodb, sqs } = engines.clients;
    const twice = {
      call: async (operation: string, input: { ConditionExpression?: string }) => {
        // as the client does when the connection breaks after the request
        const call = () => (dynamodb.call as (operation: string, input: object) => Promise<object>)(operation, input);
        if (
          operation === 'UpdateItem' &&
          input.ConditionExpression?.includes('state') &&
          JSON.stringify(input).includes('movedBy')
        )
          await call();
        return await call();
      },
    };
    const worker = createDependencies({
      dependencies: world.settings,
      clients: { dynamodb: twice as never, sqs },
      table: world.table,
      consumer: 'lost-answers',
      keeperQueueUrl: world.queue.url,
      logger: { info() {}, warn() {}, error() {} },
      clock: () => world.now,
      random: () => 0.5,
      write: () => undefined,
    });
    await world.invoke(worker, many(ill));
    expect((await engines.receive(world.queue)).map(({ Body }) => JSON.parse(Body!))).toMatchObject([
      { generation: 1 },
    ]);
  });
});

describe('what a circuit costs', () => {
  it('is one read a second and one write an invocation, and nothing when nothing is called', async () => {
    const world = await createWorld(engines);
    const worker = world.worker();
    engines.calls.length = 0;
    for (let batch = 0; batch < 5; batch++) await world.invoke(worker, []);
    expect(engines.calls.map(({ operation }) => operation)).toEqual(['BatchExecuteStatement']);
    for (let batch = 0; batch < 5; batch++) await world.invoke(worker, many(well, 50));
    expect(engines.count('UpdateItem')).toBe(5);
    expect(engines.count('BatchExecuteStatement')).toBe(1);
    world.now += 1_000;
    await world.invoke(worker, []);
    expect(engines.count('BatchExecuteStatement')).toBe(2);
  });

  it('is nothing at all without dependencies', async () => {
    const world = await createWorld(engines, { dependencies: [] });
    world.settings = {};
    engines.calls.length = 0;
    const worker = world.worker();
    await worker.begin();
    expect(worker.wait()).toBeUndefined();
    await worker.end();
    expect(engines.calls).toEqual([]);
  });
});

describe('probes', () => {
  it('are no more than allowed, however many workers ask', async () => {
    const world = await halfOpenWorld();
    const workers = Array.from({ length: 12 }, () => world.worker());
    await Promise.all(workers.map((worker) => worker.begin()));
    const { work, ends } = calls();
    const ask = () =>
      workers.map((worker) =>
        worker
          .dependency('payments', NEVER)
          .call(work)
          .catch((error) => error),
      );
    const first = ask();
    await expect.poll(async () => (await world.circuit()).probes).toBe(5);
    const late = await Promise.all(ask());
    expect(late.every((result) => result instanceof DependencyOpenError)).toBe(true);
    expect(ends.length).toBe(5);
    world.now += 10_000;
    const second = ask();
    await expect.poll(() => ends.length).toBe(10);
    await turn();
    for (const end of ends) end('fine');
    const results = await Promise.all([...first, ...second]);
    expect(results.filter((result) => result === 'fine').length).toBe(10);
    expect(results.filter((result) => result instanceof DependencyOpenError).length).toBe(14);
  });

  it('close the circuit when enough succeed, over all workers', async () => {
    const world = await halfOpenWorld();
    for (let probe = 0; probe < 5; probe++) {
      expect((await world.circuit()).state).toBe('half-open');
      await world.invoke(world.worker(), [well]);
    }
    expect(await world.circuit()).toMatchObject({ state: 'closed', calls: 0, ramp: 2, round: 0 });
    expect(world.metrics.filter(({ CircuitClosed }) => CircuitClosed === 1).length).toBe(1);
  });

  it('open it again with the first that fails', async () => {
    const world = await halfOpenWorld();
    await world.invoke(world.worker(), [well, well, ill, well]);
    expect(await world.circuit()).toMatchObject({ state: 'open', round: 1, until: world.now + 60_000 });
  });

  it('of a worker that dies are given out again in the next interval', async () => {
    const world = await halfOpenWorld();
    const dying = world.worker();
    await dying.begin();
    for (let probe = 0; probe < 5; probe++) void dying.dependency('payments', NEVER).call(() => new Promise(() => {}));
    await expect.poll(async () => (await world.circuit()).probes).toBe(5);
    expect(await world.invoke(world.worker(), [well])).toEqual(['refused']);
    world.now += 10_000;
    expect(await world.invoke(world.worker(), many(well, 5))).toEqual(many(well, 5).map(() => 'succeeded'));
    expect((await world.circuit()).state).toBe('closed');
  });
});

describe('waiting', () => {
  it('is for as long as the circuit is open', async () => {
    const world = await createWorld(engines);
    const worker = world.worker();
    expect(worker.wait()).toBeUndefined();
    await world.invoke(worker, many(ill));
    expect(worker.wait()).toBe(30);
    world.now += 12_500;
    expect(worker.wait()).toBe(18);
    const refused = await worker
      .dependency('payments', NEVER)
      .call(well)
      .catch((error) => error);
    expect(refused).toMatchObject({ name: 'DependencyOpenError', seconds: 18, dependency: 'payments' });
    world.now += 20_000;
    expect(worker.wait()).toBe(5);
  });

  it('is for the next probes when these are given out', async () => {
    const world = await halfOpenWorld({ probes: 1 });
    const worker = world.worker();
    const { work, ends } = calls();
    await worker.begin();
    expect(worker.wait()).toBeUndefined();
    const probe = worker.dependency('payments', NEVER).call(work);
    await expect.poll(() => ends.length).toBe(1);
    const toNext = Math.ceil(10 - ((world.now / 1_000) % 10));
    expect(worker.wait()).toBe(toNext);
    ends[0]!('fine');
    await probe;
    await worker.end();
    expect(worker.wait()).toBeUndefined();
  });
});

describe('a failure', () => {
  const aborted = AbortSignal.abort(new Error('The end is near.'));

  it.each([
    ['is what a call throws', () => Promise.reject(new Error('503')), {}, 1],
    [
      'is what a call throws at once',
      () => {
        throw new Error('503');
      },
      {},
      1,
    ],
    ['is not a permanent error', () => Promise.reject(new PermanentError('No such card.')), {}, 0],
    ['is not what the handler says is none', () => Promise.reject(new Error('409')), { isFailure: () => false }, 0],
  ] as const)('%s', async (_, work, options, failures) => {
    const world = await createWorld(engines);
    const worker = world.worker();
    await worker.begin();
    await expect(worker.dependency('payments', NEVER).call(work, options)).rejects.toThrow();
    await worker.end();
    expect(await world.circuit()).toMatchObject({ calls: 1, failures });
  });

  it('is not what the deadline of the function ended', async () => {
    const world = await createWorld(engines);
    const worker = world.worker();
    const end = new AbortController();
    await worker.begin();
    const call = worker
      .dependency('payments', end.signal)
      .call((signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))));
    await turn();
    end.abort(new Error('The end is near.'));
    await expect(call).rejects.toThrow('The end is near.');
    await expect(worker.dependency('payments', aborted).call(well)).rejects.toThrow('The end is near.');
    await world.invoke(worker, [well]);
    expect(await world.circuit()).toMatchObject({ calls: 1, failures: 0 });
  });

  it('is a call that takes too long, whether or not it listens', async () => {
    const world = await createWorld(engines, { settings: { timeoutSeconds: 0.01 } });
    const worker = world.worker();
    const { work, signals } = calls();
    await worker.begin();
    await expect(worker.dependency('payments', NEVER).call(work)).rejects.toBeInstanceOf(DependencyTimeoutError);
    expect(signals[0]!.aborted).toBe(true);
    await worker.end();
    expect(await world.circuit()).toMatchObject({ calls: 1, failures: 1 });
  });

  it('of an earlier generation says nothing about this one', async () => {
    const world = await createWorld(engines);
    const late = world.worker();
    await late.begin();
    const { work, ends } = calls();
    const slow = late
      .dependency('payments', NEVER)
      .call((signal) => work(signal).then(ill))
      .catch(() => undefined);
    await turn();
    await world.invoke(world.worker(), many(ill));
    world.now += 31_000;
    for (let wake = 0; wake < 2; wake++) await world.keep(world.keeper());
    await world.invoke(world.worker(), many(well, 5));
    ends[0]!('late');
    await slow;
    await late.end();
    expect(await world.circuit()).toMatchObject({ state: 'closed', calls: 0, failures: 0 });
  });
});

describe('a table that does not answer', () => {
  it('stops no batch', async () => {
    const world = await createWorld(engines);
    const log: string[] = [];
    const dynamodb = answering<never>(() => {
      throw new Error('no answer');
    });
    const worker = createDependencies({
      dependencies: world.settings,
      clients: { dynamodb, sqs: engines.clients.sqs },
      table: world.table,
      consumer: 'inventory',
      logger: { info() {}, error() {}, warn: (message) => void log.push(String(message)) },
      clock: () => world.now,
    });
    expect(await world.invoke(worker, [well, ill])).toEqual(['succeeded', 'failed']);
    expect(log.length).toBe(2);
  });
});

describe('a dependency that was not declared', () => {
  it('is told from those that were', async () => {
    const world = await createWorld(engines, { dependencies: ['payments', 'stock'] });
    expect(() => world.worker().dependency('payment', NEVER)).toThrow(ConfigurationError);
    expect(() => world.worker().dependency('payment', NEVER)).toThrow('payments, stock');
  });
});
