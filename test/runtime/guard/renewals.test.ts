import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LeaseLostError } from '../../../lib/runtime/errors.ts';
import { type Renewals, startRenewals } from '../../../lib/runtime/guard/renewals.ts';

const LEASE_MS = 8_000;

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

let renewals: Renewals;

afterEach(() => renewals.close());

function start(renew: (id: string, until: number) => Promise<void>): AbortSignal {
  renewals = startRenewals({ leases: { renew }, leaseMs: LEASE_MS, clock: Date.now });
  return renewals.hold('event');
}

describe('a claim that is held', () => {
  test('is renewed at half its life, each time for a whole one', async () => {
    const until: number[] = [];
    const began = Date.now();
    const signal = start(async (_, end) => void until.push(end - began));
    await vi.advanceTimersByTimeAsync(3 * (LEASE_MS / 2));
    expect(until).toEqual([12_000, 16_000, 20_000]);
    expect(signal.aborted).toBe(false);
  });

  test('counts as lost when its table says so', async () => {
    const lost = new LeaseLostError('gone');
    const signal = start(() => Promise.reject(lost));
    await vi.advanceTimersByTimeAsync(LEASE_MS / 2);
    expect(signal.reason).toBe(lost);
  });

  test('counts as lost an eighth before its end when the table does not answer', async () => {
    const signal = start(() => new Promise(() => undefined));
    await vi.advanceTimersByTimeAsync(LEASE_MS - LEASE_MS / 8 - 1);
    expect(signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(signal.reason).toBeInstanceOf(LeaseLostError);
  });

  test('survives a renewal that fails, when the next one succeeds', async () => {
    let calls = 0;
    const signal = start(async () => {
      if (++calls === 1) throw new Error('throttled');
    });
    vi.setSystemTime(Date.now() - 3_000);
    await vi.advanceTimersByTimeAsync(2 * LEASE_MS);
    expect(calls).toBe(4);
    expect(signal.aborted).toBe(false);
  });

  test('is left alone once it is let go', async () => {
    const renew = vi.fn(() => new Promise<void>(() => undefined));
    const signal = start(renew);
    await vi.advanceTimersByTimeAsync(LEASE_MS / 2);
    renewals.letGo('event');
    await vi.advanceTimersByTimeAsync(2 * LEASE_MS);
    expect(renew).toHaveBeenCalledTimes(1);
    expect(signal.aborted).toBe(false);
  });
});
