import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DependencyOpenError, DependencyTimeoutError } from '../../../lib/runtime/dependencies/errors.ts';
import { type Engines, startEngines } from '../engines.ts';
import { calls, createWorld, ill, many, NEVER, turn, well } from './circuits.ts';

let engines: Engines;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});

describe('a bulkhead', () => {
  async function bounded(settings = {}) {
    const world = await createWorld(engines, { settings: { maximumConcurrency: 2, ...settings } });
    const worker = world.worker();
    await worker.begin();
    return { world, worker, ...calls() };
  }

  it('lets so many calls through at a time, in the order they came', async () => {
    const { worker, work, ends } = await bounded();
    const order: number[] = [];
    const dependency = worker.dependency('payments', NEVER);
    const all = [0, 1, 2, 3].map((n) =>
      dependency.call((signal) => {
        order.push(n);
        return work(signal);
      }),
    );
    await turn();
    expect(order).toEqual([0, 1]);
    ends[1]!('fine');
    await turn();
    expect(order).toEqual([0, 1, 2]);
    for (const end of ends) end('fine');
    await expect.poll(() => ends.length).toBe(4);
    ends[3]!('fine');
    expect(await Promise.all(all)).toEqual(['fine', 'fine', 'fine', 'fine']);
  });

  it('is left without a call when the signal aborts', async () => {
    const { worker, work, ends } = await bounded();
    const end = new AbortController();
    const held = [0, 1].map(() => worker.dependency('payments', NEVER).call(work));
    const gone = worker.dependency('payments', end.signal).call(work);
    const last = worker.dependency('payments', NEVER).call(work);
    await turn();
    end.abort(new Error('The end is near.'));
    await expect(gone).rejects.toThrow('The end is near.');
    ends[0]!('fine');
    await expect.poll(() => ends.length).toBe(3);
    for (const each of ends) each('fine');
    await Promise.all([...held, last]);
  });

  it('keeps the place of a call that goes on although its time is up', async () => {
    const { worker, work, ends } = await bounded({ maximumConcurrency: 1, timeoutSeconds: 0.01 });
    const dependency = worker.dependency('payments', NEVER);
    await expect(dependency.call(work)).rejects.toBeInstanceOf(DependencyTimeoutError);
    const next = dependency.call(() => 'fine');
    expect(await Promise.race([next, turn().then(() => 'waits')])).toBe('waits');
    ends[0]!('late');
    expect(await next).toBe('fine');
  });

  it('refuses those who wait when the circuit opens meanwhile', async () => {
    const { world, worker, work, ends } = await bounded({ maximumConcurrency: 1 });
    const dependency = worker.dependency('payments', NEVER);
    const held = dependency.call(work);
    const waiting = [dependency.call(well), dependency.call(well)].map((each) => each.catch((error) => error));
    await world.invoke(world.worker(), many(ill));
    world.now += 1_000;
    await worker.begin();
    ends[0]!('fine');
    await held;
    for (const each of await Promise.all(waiting)) expect(each).toBeInstanceOf(DependencyOpenError);
  });
});
