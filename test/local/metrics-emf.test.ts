import { describe, expect, it, vi } from 'vitest';
import { startAlarmClock } from '../../lib/local/metrics/alarm-clock.ts';
import { createEmfReader, readEmfLine } from '../../lib/local/metrics/emf.ts';
import { MetricStore } from '../../lib/local/metrics/metric-store.ts';

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
});
