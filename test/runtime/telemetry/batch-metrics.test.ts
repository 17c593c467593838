import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchMetrics, type Settlement, sample } from '../../../lib/runtime/telemetry/batch-metrics.ts';
import type { EmfLine } from '../../../lib/runtime/telemetry/emf.ts';
import { seeded } from '../seed.ts';

const settlement = (props: Partial<Settlement> = {}): Settlement => ({
  outcome: { kind: 'handled' },
  type: 'order.placed',
  ...props,
});

function valuesOf({ metrics }: EmfLine): Record<string, number | readonly number[]> {
  return Object.fromEntries(Object.entries(metrics).map(([name, { value }]) => [name, value]));
}

const sum = (lines: readonly EmfLine[], name: string): number =>
  lines.reduce((total, { metrics }) => total + (metrics[name]!.value as number), 0);

describe('the metrics of a batch', () => {
  it('are one line for one type, every count in it', () => {
    const lines = batchMetrics('inventory', [
      settlement({ latencyMs: 120, durationMs: 12.3456 }),
      settlement({ outcome: { kind: 'duplicate' } }),
      settlement({ outcome: { kind: 'retry', delaySeconds: 1, error: 'down' }, durationMs: 7 }),
      settlement({ outcome: { kind: 'deadLettered', error: 'poison' }, latencyMs: 900, outOfOrder: true }),
      settlement({ outcome: { kind: 'parked', behind: 'e-0' } }),
      settlement({ outcome: { kind: 'returned', reason: 'claimed-elsewhere', delaySeconds: 2 } }),
      settlement({ outcome: { kind: 'returned', reason: 'deadline', delaySeconds: 0 } }),
    ]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      dimensions: { service: 'inventory', type: 'order.placed' },
      dimensionSets: [['service'], ['service', 'type']],
    });
    expect(valuesOf(lines[0]!)).toEqual({
      Delivered: 7,
      Handled: 1,
      Duplicates: 1,
      Retried: 1,
      DeadLettered: 1,
      Returned: 2,
      Failed: 2,
      InProgress: 1,
      Parked: 1,
      OutOfOrder: 1,
      Latency: [120, 900],
      Duration: [12.35, 7],
    });
  });

  it('are a line for each type, and the lines add up', () => {
    const lines = batchMetrics('inventory', [
      settlement(),
      settlement({ type: 'order.cancelled' }),
      settlement(),
      settlement({ type: undefined, outcome: { kind: 'deadLettered', error: 'no envelope' } }),
    ]);
    expect(lines.map(({ dimensions }) => dimensions.type)).toEqual(['order.placed', 'order.cancelled', undefined]);
    expect(lines[2]!.dimensionSets).toEqual([['service']]);
    expect(sum(lines, 'Delivered')).toBe(4);
    expect(sum(lines, 'Handled')).toBe(3);
    expect(sum(lines, 'Failed')).toBe(1);
  });

  it('have no series for a type that the consumer does not accept: it may be anything', () => {
    const lines = batchMetrics(
      'inventory',
      [settlement({ type: 'x.1' }), settlement({ type: 'x.2' })],
      new Set(['a.b']),
    );
    expect(lines.map(({ dimensions }) => dimensions)).toEqual([{ service: 'inventory' }]);
    expect(sum(lines, 'Delivered')).toBe(2);
  });

  it('count what was handled later than promised, zero included', () => {
    const lines = batchMetrics(
      'inventory',
      [
        settlement({ latencyMs: 30_000 }),
        settlement({ latencyMs: 30_001 }),
        settlement({ latencyMs: 90_000, outcome: { kind: 'deadLettered', error: 'poison' } }),
        settlement({ latencyMs: 90_000, outcome: { kind: 'parked', behind: 'e-0' } }),
        settlement({ outcome: { kind: 'duplicate' } }),
        settlement({ latencyMs: Number.NaN }),
        settlement({ type: 'order.cancelled', latencyMs: 1 }),
      ],
      undefined,
      { lateAfterMs: 30_000 },
    );
    expect(lines.map(({ metrics }) => metrics.Late?.value)).toEqual([1, 0]);
    expect(batchMetrics('inventory', [settlement({ latencyMs: 90_000 })])[0]!.metrics).not.toHaveProperty('Late');
  });

  it('add up over the consumers of a flow: one series, without the consumer or the type', () => {
    const promises = { flow: 'checkout' };
    const [line] = batchMetrics('inventory', [settlement()], undefined, promises);
    expect(line).toMatchObject({
      dimensions: { service: 'inventory', type: 'order.placed', flow: 'checkout' },
      dimensionSets: [['service'], ['service', 'type'], ['flow']],
    });
    const [untyped] = batchMetrics('inventory', [settlement({ type: undefined })], undefined, promises);
    expect(untyped!.dimensionSets).toEqual([['service'], ['flow']]);
  });

  it('are no line for no records, and none for what is no event', () => {
    expect(batchMetrics('inventory', [])).toEqual([]);
    expect(batchMetrics('inventory', [settlement({ outcome: { kind: 'control' }, type: undefined })])).toEqual([]);
  });

  it('leave out times that nobody took', () => {
    const [line] = batchMetrics('inventory', [settlement(), settlement({ latencyMs: Number.NaN })]);
    expect(Object.keys(line!.metrics)).not.toContain('Latency');
    expect(Object.keys(line!.metrics)).not.toContain('Duration');
  });

  it('know no time below zero, though clocks differ', () => {
    const [line] = batchMetrics('inventory', [settlement({ latencyMs: -40 })]);
    expect(line!.metrics.Latency).toEqual({ unit: 'Milliseconds', value: [0] });
  });

  it('never carry more values than EMF takes', () => {
    const [line] = batchMetrics(
      'inventory',
      Array.from({ length: 10_000 }, (_, n) => settlement({ latencyMs: n, durationMs: n })),
    );
    expect(line!.metrics.Latency!.value).toHaveLength(100);
    expect(line!.metrics.Duration!.value).toHaveLength(100);
    expect(line!.metrics.Delivered!.value).toBe(10_000);
  });
});

describe('a sample', () => {
  it('is all of up to 100 values, in their order', () => {
    const values = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect(sample(values)).toEqual(values);
  });

  it('has the quantiles of all values, the extremes included', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 101, maxLength: 2_000 }), (values) => {
        const sorted = values.toSorted((a, b) => a - b);
        const sampled = sample(values);
        expect(sampled).toHaveLength(100);
        expect([sampled[0], sampled[99]]).toEqual([sorted[0], sorted.at(-1)]);
        for (const [rank, value] of sampled.entries()) {
          const at = (rank / 99) * (sorted.length - 1);
          expect(value).toBeGreaterThanOrEqual(sorted[Math.floor(at)]!);
          expect(value).toBeLessThanOrEqual(sorted[Math.ceil(at)]!);
        }
      }),
      seeded(),
    );
  });
});
