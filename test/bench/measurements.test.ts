import { describe, expect, it } from 'vitest';
import { measureBundle } from '../../bench/bundle.ts';
import { diffFigures } from '../../bench/contracts-diff.ts';
import { validateFigures } from '../../bench/contracts-validate.ts';
import { measureGuard } from '../../bench/guard.ts';
import { measureRecord } from '../../bench/record.ts';

const silent = () => undefined;

describe('the benchmarks against the peer', () => {
  it('guard: counts the round trips of both sides for a batch of 10', async () => {
    const figures = await measureGuard(silent, { warmUp: 1, pairs: 2 });
    expect(figures.peerRoundTripsPerBatch).toBe(20);
    expect(figures.roundTripsPerBatch).toBeLessThanOrEqual(2);
    expect(figures.timeRatio).toBeGreaterThan(0);
  });

  it('record: gives the processor time of both sides', async () => {
    const figures = await measureRecord(silent, { rounds: 1, warmUp: 1, batches: 2 });
    expect(figures.cpuRatio).toBeCloseTo(figures.cpuMicros! / figures.peerCpuMicros!);
    expect(figures.cpuMicros).toBeGreaterThan(0);
  });

  it('contracts: times every contestant over the same events, and both sizes of schemas', async () => {
    const figures = validateFigures(silent, { rounds: 1, warmUp: 0, kilobytes: 20 });
    expect(figures.validateToZodRatio).toBeCloseTo(figures.validateMicros! / figures.zodMicros!);
    expect(figures.jsonParseMicros).toBeGreaterThan(0);
    const { diff200Ms, diff2000Ms } = await diffFigures(silent);
    expect(diff200Ms).toBeGreaterThan(0);
    expect(diff2000Ms).toBeGreaterThan(diff200Ms);
  });

  it('bundle: weighs both bundles by what is in them, and finds Baton within its goal', async () => {
    const lines: string[] = [];
    const figures = await measureBundle((line) => lines.push(line), { pairs: 1 });
    expect(figures.sizeRatio).toBeLessThanOrEqual(0.8);
    expect(figures.coldImportRatio).toBeGreaterThan(0);
    expect(lines[0]).toMatch(/^peer: .*@smithy\/core/);
    expect(lines[1]).toMatch(/^baton: .*lib\/runtime/);
  });
});
