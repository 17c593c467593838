import { LeaseLostError } from '../errors.ts';
import type { LeaseTable } from './lease-table.ts';

/** Keeps the claims of an invocation from running out while their handlers run. */
export interface Renewals {
  /** From now on the claim is renewed. @returns a signal that aborts when it was lost all the same */
  hold(id: string): AbortSignal;
  /** The claim is about to be completed or released. */
  letGo(id: string): void;
  close(): void;
}

/** What renewals work with. */
export interface RenewalsProps {
  leases: Pick<LeaseTable, 'renew'>;
  /** How long a claim holds without being renewed, in milliseconds; half of it is how often they are. */
  leaseMs: number;
  /** Milliseconds since the epoch. */
  clock: () => number;
}

/**
 * Renews the claims that are held, all in one call, at half their life. A short claim that is renewed, rather than one
 * for as long as the function may run: what a crash leaves behind blocks its event for seconds instead of minutes.
 */
export function startRenewals({ leases, leaseMs, clock }: RenewalsProps): Renewals {
  const held = new Map<string, Holding>();

  async function renew(id: string, holding: Holding): Promise<void> {
    // a clock that was set back must not look like a lost claim
    const until = Math.max(clock() + leaseMs, holding.until);
    holding.alarm ??= alarmOf(id, holding);
    try {
      await leases.renew(id, until);
      holding.until = until;
      clearTimeout(holding.alarm);
      delete holding.alarm;
    } catch (error) {
      // anything else may pass before the claim runs out: there is another renewal in time, or the alarm
      if (error instanceof LeaseLostError && held.get(id) === holding) holding.controller.abort(error);
    }
  }

  /** Without an answer, a claim has to count as lost before others may think so, by clocks that go before this one. */
  function alarmOf(id: string, { controller, until }: Holding): NodeJS.Timeout {
    const lost = new LeaseLostError(`The claim on '${id}' could not be renewed in time.`);
    return setTimeout(() => controller.abort(lost), Math.max(until - leaseMs / MARGIN - clock(), 0)).unref();
  }

  const timer = setInterval(() => {
    for (const [id, holding] of held) void renew(id, holding);
  }, leaseMs / 2);
  timer.unref();
  return {
    hold(id) {
      const holding = { controller: new AbortController(), until: clock() + leaseMs };
      held.set(id, holding);
      return holding.controller.signal;
    },
    letGo(id) {
      clearTimeout(held.get(id)?.alarm);
      held.delete(id);
    },
    close() {
      clearInterval(timer);
      for (const { alarm } of held.values()) clearTimeout(alarm);
    },
  };
}

/** The part of a lease, as a divisor, that is kept free at its end: clocks may differ by so much. */
const MARGIN = 8;

/** A claim that is renewed. */
interface Holding {
  controller: AbortController;
  /** When it ends unless it is renewed. */
  until: number;
  /** Rings when a renewal has had no answer for too long. */
  alarm?: NodeJS.Timeout;
}
