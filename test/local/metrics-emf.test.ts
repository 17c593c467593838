import { describe, expect, it, vi } from 'vitest';
import { startAlarmClock } from '../../lib/local/metrics/alarm-clock.ts';
import { createEmfReader, readEmfLine } from '../../lib/local/metrics/emf.ts';
import { MetricStore } from '../../lib/local/metrics/metric-store.ts';
import { statisticNamed } from '../../lib/local/metrics/statistic.ts';

function line(directive: Record<string, unknown>, members: Record<string, unknown>, timestamp = 1000) {
  return JSON.stringify({ _aws: { Timestamp: timestamp, CloudWatchMetrics: [directive] }, ...members });
}

describe('Embedded Metric Format', () => {
  it('puts every metric once per dimension set, with arrays of values', () => {
    const read = readEmfLine(
      line(
        {
          Namespace: 'Baton',
          Dimensions: [['service'], ['service', 'region'], []],
          Metrics: [
            { Name: 'Handled', Unit: 'Count' },
            { Name: 'Latency', StorageResolution: 1 },
          ],
        },
        { service: 'inventory', region: 'eu', Handled: 9, Latency: [1, 2] },
      ),
    );
    expect(read).toMatchObject({ kind: 'metrics', timestampMs: 1000 });
    const puts = read.kind === 'metrics' ? read.puts : [];
    expect(puts.map(({ metric }) => `${metric.name} ${Object.keys(metric.dimensions)}`)).toEqual([
      'Handled service',
      'Handled service,region',
      'Handled ',
      'Latency service',
      'Latency service,region',
      'Latency ',
    ]);
    expect(puts[0]).toMatchObject({ values: [9], unit: 'Count', resolutionSeconds: 60 });
    expect(puts[3]).toMatchObject({ values: [1, 2], unit: 'None', resolutionSeconds: 1 });
  });

  it('leaves all other lines alone, and does not even parse those without "_aws"', () => {
    const parse = vi.spyOn(JSON, 'parse');
    const logs = ['', 'hello', '{"level":"INFO"}', '  {}', 'the word "_aws" in a sentence'];
    for (const log of logs) expect(readEmfLine(log)).toEqual({ kind: 'log' });
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
    for (const log of ['{"_aws"', '{"_aws":1}', '{"message":"about \\"_aws\\""}', '{"text":"x","_aws":null}']) {
      expect(readEmfLine(log)).toEqual({ kind: 'log' });
    }
  });

  it.each([
    [{ Namespace: 1, Dimensions: [['service']], Metrics: [] }, 'Namespace is not a text'],
    [{ Namespace: 'B', Dimensions: ['service'], Metrics: [] }, 'Dimensions is not an array of arrays'],
    [{ Namespace: 'B', Dimensions: [['absent']], Metrics: [] }, "the dimension 'absent' has no text at the top level"],
    [{ Namespace: 'B', Dimensions: [[]], Metrics: [{ Name: 'Absent' }] }, "'Absent' has no number at the top level"],
    [{ Namespace: 'B', Dimensions: [[]], Metrics: [{ Name: 'Many' }] }, "'Many' has 101 values, more than 100"],
    [{ Namespace: 'B', Dimensions: [[]], Metrics: {} }, 'Metrics is not an array'],
    [{ Namespace: 'B', Dimensions: [[]], Metrics: [{}] }, 'a metric has no Name'],
  ])('says what is wrong with %j', (directive, reason) => {
    const read = readEmfLine(line(directive, { service: 'inventory', Many: new Array(101).fill(1) }));
    expect(read).toEqual({ kind: 'invalid', reason });
  });

  it('goes into the store at the time of the alarm clock', () => {
    let now = 0;
    const clock = startAlarmClock({ realNow: () => now, speed: 60 });
    const store = new MetricStore();
    const onInvalid = vi.fn();
    const read = createEmfReader({ store, clock, onInvalid });
    const directive = { Namespace: 'Baton', Dimensions: [['service']], Metrics: [{ Name: 'Handled' }] };
    now = 3000;
    expect(read(line(directive, { service: 'a', Handled: 2 }, 2500))).toBe(true);
    expect(read('a line of log')).toBe(false);
    expect(read(line(directive, { service: 'a' }))).toBe(true);
    expect(store.inspect()).toMatchObject([{ sum: 2, latestAt: 150_000 }]);
    expect(onInvalid).toHaveBeenCalledTimes(1);
  });

  it('keeps up to 100 observations a line, by service and by service and type, for percentiles', () => {
    let now = 0;
    const clock = startAlarmClock({ realNow: () => now });
    const store = new MetricStore();
    const read = createEmfReader({ store, clock });
    const directive = {
      Namespace: 'Baton',
      Dimensions: [['service'], ['service', 'type']],
      Metrics: [
        { Name: 'Latency', Unit: 'Milliseconds' },
        { Name: 'Handled', Unit: 'Count' },
      ],
    };
    const observations = (from: number) => Array.from({ length: 100 }, (_, index) => from + index);
    for (const [type, from] of [
      ['order.placed', 1],
      ['order.cancelled', 101],
    ] as const) {
      now += 60_000;
      read(line(directive, { service: 'billing', type, Latency: observations(from), Handled: 100, batch: 7 }, now));
    }
    const value = (dimensions: Record<string, string>, statistic: string) =>
      store.datapoints(
        { namespace: 'Baton', name: 'Latency', dimensions },
        { statistic: statisticNamed(statistic), periodSeconds: 300, endMs: 300_000, count: 1 },
      )[0];
    const service = { service: 'billing' };
    const placed = { type: 'order.placed', ...service };
    expect(['p50', 'p99', 'p99.9', 'Maximum', 'SampleCount'].map((name) => value(service, name))).toEqual([
      100, 198, 200, 200, 200,
    ]);
    expect(['p50', 'p99', 'p100', 'Average', 'SampleCount'].map((name) => value(placed, name))).toEqual([
      50, 99, 100, 50.5, 100,
    ]);
    expect(store.total('Baton', 'Handled', service)).toBe(200);
    expect(store.total('Baton', 'Handled', placed)).toBe(100);
    expect(store.inspect().map(({ metric, unit }) => `${metric.name} ${unit}`)).toContain('Latency Milliseconds');
  });

  it('takes an empty list of observations for none', () => {
    const store = new MetricStore();
    const read = createEmfReader({ store, clock: startAlarmClock() });
    const directive = { Namespace: 'Baton', Dimensions: [['service']], Metrics: [{ Name: 'Latency' }] };
    expect(read(line(directive, { service: 'billing', Latency: [] }))).toBe(true);
    expect(store.inspect()).toEqual([]);
  });
});
