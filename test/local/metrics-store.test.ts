import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { startAlarmClock } from '../../lib/local/metrics/alarm-clock.ts';
import { createFunctionMetrics } from '../../lib/local/metrics/function-metrics.ts';
import { MetricStore } from '../../lib/local/metrics/metric-store.ts';
import { sharedReads } from '../../lib/local/metrics/shared-reads.ts';
import { statisticNamed, UnknownStatisticError } from '../../lib/local/metrics/statistic.ts';
import type { Metric } from '../../lib/local/resources.ts';

const MINUTE = 60_000;
const handled: Metric = { namespace: 'Baton', name: 'Handled', dimensions: { service: 'inventory' } };

function read(store: MetricStore, statistic: string, endMs: number, count = 1, periodSeconds = 60) {
  return store.datapoints(handled, { statistic: statisticNamed(statistic), periodSeconds, endMs, count });
}

describe('the metric store', () => {
  it('computes every statistic over the values of a period', () => {
    const store = new MetricStore();
    store.put(handled, [4, 1, 3], 10_000);
    store.put(handled, 2, 50_000);
    const by = (statistic: string) => read(store, statistic, MINUTE)[0];
    expect(by('Sum')).toBe(10);
    expect(by('Average')).toBe(2.5);
    expect(by('Minimum')).toBe(1);
    expect(by('Maximum')).toBe(4);
    expect(by('SampleCount')).toBe(4);
    expect(by('p50')).toBe(2);
    expect(by('p99')).toBe(4);
    expect(by('p0')).toBe(1);
  });

  it('names the statistics that it does not compute', () => {
    for (const name of ['tm99', 'IQM', 'p101', 'p', 'sum']) {
      expect(() => statisticNamed(name)).toThrow(UnknownStatisticError);
    }
  });

  it('returns periods oldest first, with a gap where nothing was reported', () => {
    const store = new MetricStore();
    store.put(handled, 1, 0);
    store.put(handled, 3, 2 * MINUTE);
    expect(read(store, 'Sum', 3 * MINUTE, 4)).toEqual([undefined, 1, undefined, 3]);
  });

  it('merges minutes into longer periods that may begin at any minute', () => {
    const store = new MetricStore();
    for (let minute = 0; minute < 10; minute++) store.put(handled, minute, minute * MINUTE);
    expect(read(store, 'Sum', 10 * MINUTE, 2, 300)).toEqual([0 + 1 + 2 + 3 + 4, 5 + 6 + 7 + 8 + 9]);
    expect(read(store, 'Maximum', 9 * MINUTE, 1, 300)).toEqual([8]);
  });

  it('counts a late datapoint in the period it belongs to', () => {
    const store = new MetricStore();
    store.put(handled, 1, 2 * MINUTE);
    store.put(handled, 1, 0);
    store.put(handled, 1, MINUTE + 1);
    expect(read(store, 'Sum', 3 * MINUTE, 3)).toEqual([1, 1, 1]);
  });

  it('tells seconds apart in a high-resolution metric only', () => {
    const store = new MetricStore();
    store.put(handled, 1, 1000, { resolutionSeconds: 1 });
    store.put(handled, 2, 11_000, { resolutionSeconds: 1 });
    expect(read(store, 'Sum', 20_000, 2, 10)).toEqual([1, 2]);
  });

  it('keeps one sample a minute of a gauge, the latest', () => {
    const store = new MetricStore();
    store.sample(handled, 7, 1000);
    store.sample(handled, 5, 30_000);
    expect(read(store, 'Sum', MINUTE)).toEqual([5]);
    expect(read(store, 'SampleCount', MINUTE)).toEqual([1]);
    expect(read(store, 'Maximum', MINUTE)).toEqual([5]);
  });

  it('holds metrics apart by their exact dimensions, in any order', () => {
    const store = new MetricStore();
    store.put({ ...handled, dimensions: { a: '1', b: '2' } }, 1, 0);
    store.put({ ...handled, dimensions: { b: '2', a: '1' } }, 1, 0);
    store.put({ ...handled, dimensions: { a: '1' } }, 5, 0);
    expect(store.total('Baton', 'Handled', { a: '1', b: '2' })).toBe(2);
    expect(store.total('Baton', 'Handled', {})).toBe(0);
    expect(store.inspect()).toHaveLength(2);
  });

  it('forgets datapoints, never totals', () => {
    const store = new MetricStore({ retentionMs: 5 * MINUTE });
    for (let minute = 0; minute < 100; minute++) store.put(handled, 1, minute * MINUTE);
    expect(read(store, 'SampleCount', 100 * MINUTE, 100).filter((value) => value !== undefined)).toHaveLength(6);
    expect(store.total('Baton', 'Handled', { service: 'inventory' })).toBe(100);
  });

  it('keeps what an alarm needs, of the metrics of that alarm only', () => {
    const store = new MetricStore({ retentionMs: 5 * MINUTE });
    const other = { ...handled, name: 'Other' };
    store.retainAtLeast(handled, 20 * MINUTE);
    for (let minute = 0; minute < 100; minute++)
      for (const metric of [handled, other]) store.put(metric, 1, minute * MINUTE);
    const query = { statistic: statisticNamed('Sum'), periodSeconds: 60, endMs: 100 * MINUTE, count: 100 };
    const kept = (metric: typeof handled) =>
      store.datapoints(metric, query).filter((value) => value !== undefined).length;
    expect([kept(handled), kept(other)]).toEqual([21, 6]);
  });

  it('drops the metric that was silent longest when there are too many', () => {
    const store = new MetricStore({ maximumMetrics: 3 });
    for (let at = 0; at < 4; at++) store.put({ ...handled, name: `M${at}` }, 1, at);
    expect(store.inspect().map(({ metric }) => metric.name)).toEqual(['M1', 'M2', 'M3']);
  });

  it('drops values that are no finite number', () => {
    const store = new MetricStore();
    store.put(handled, [Number.NaN, Infinity], 0);
    store.sample(handled, Number.NaN, 0);
    expect(store.inspect()).toEqual([]);
  });

  it('tells its subscribers of every put until they leave', () => {
    const store = new MetricStore();
    const heard: number[] = [];
    const leave = store.subscribe((_, values) => heard.push(...values));
    store.put(handled, [1, 2], 0);
    leave();
    store.put(handled, 3, 0);
    expect(heard).toEqual([1, 2]);
    expect(store.latest('Baton', 'Handled', { service: 'inventory' })).toBe(3);
  });

  it('reads percentiles by nearest rank, and within 0.5% of it beyond 512 different values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 1200 }),
        fc.integer({ min: 1, max: 100 }),
        (values, percent) => {
          const store = new MetricStore();
          for (const value of values) store.put(handled, value, 0);
          const exact = values.toSorted((a, b) => a - b)[Math.ceil((percent / 100) * values.length) - 1]!;
          const found = read(store, `p${percent}`, MINUTE)[0]!;
          expect(Math.abs(found - exact) / exact).toBeLessThanOrEqual(values.length > 512 ? 0.00501 : 0);
        },
      ),
    );
  });
});

describe('statistics of ranges', () => {
  it.each([
    ['PR(:2)', 50],
    ['PR(2:4)', 50],
    ['PR(3:)', 25],
    ['TC(1:3)', 2],
    ['TC(-1.5:0.5)', 0],
  ])('%s of 1, 2, 3 and 4 is %s', (name, expected) => {
    const store = new MetricStore();
    store.put(handled, [1, 2, 3, 4], 0);
    expect(read(store, name, MINUTE)[0]).toBe(expected);
  });
});

describe('reads that alarms share', () => {
  it('are made once for a moment, for the same metric, statistic and periods', () => {
    const store = new MetricStore();
    const reads = sharedReads(store);
    const both = { namespace: 'Shop', name: 'Depth', dimensions: { a: '1', b: '2' } };
    const one = reads.prepare(both, 'Sum', 60, 3);
    const same = reads.prepare({ ...both, dimensions: { b: '2', a: '1' } }, 'Sum', 60, 3);
    const other = reads.prepare(both, 'Maximum', 60, 3);
    store.put(both, [1, 2], 0);
    expect(one(3 * MINUTE)).toEqual([3, undefined, undefined]);
    expect(same(3 * MINUTE)).toBe(one(3 * MINUTE));
    expect(other(3 * MINUTE)).toEqual([2, undefined, undefined]);
    store.put(both, 4, 3 * MINUTE);
    expect(one(4 * MINUTE)).toEqual([undefined, undefined, 4]);
  });
});

describe('the alarm clock', () => {
  it('runs faster than the wall clock from the same start', () => {
    let now = 1_000_000;
    const clock = startAlarmClock({ realNow: () => now, speed: 60 });
    expect(clock.now()).toBe(1_000_000);
    now += 5000;
    expect(clock.now() - 1_000_000).toBe(300_000);
    expect(clock.toRealTime(clock.now())).toBe(now);
  });

  it('refuses a speed that is not positive', () => {
    for (const speed of [0, -1, Number.NaN, Infinity]) expect(() => startAlarmClock({ speed })).toThrow(RangeError);
  });
});

describe('the metrics of functions', () => {
  it('are published as Lambda does: an error of 0 for a success, a throttle that is no invocation', () => {
    const store = new MetricStore();
    const metrics = createFunctionMetrics(store, startAlarmClock({ realNow: () => 0 }));
    metrics.invoked('f', { durationMs: 12, failed: false });
    metrics.invoked('f', { durationMs: 8, failed: true });
    metrics.throttled('f');
    metrics.running('f', 2);
    const total = (name: string) => store.total('AWS/Lambda', name, { FunctionName: 'f' });
    expect([total('Invocations'), total('Errors'), total('Throttles'), total('Duration')]).toEqual([2, 1, 1, 20]);
    expect(store.latest('AWS/Lambda', 'ConcurrentExecutions', { FunctionName: 'f' })).toBe(2);
    const errors = { namespace: 'AWS/Lambda', name: 'Errors', dimensions: { FunctionName: 'f' } };
    const query = { statistic: statisticNamed('SampleCount'), periodSeconds: 60, endMs: MINUTE, count: 1 };
    expect(store.datapoints(errors, query)).toEqual([2]);
  });
});
