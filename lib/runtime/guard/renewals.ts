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
  const held = new Map<string, AbortController>();

  async function renew(id: string, controller: AbortController): Promise<void> {
    try {
      await leases.renew(id, clock() + leaseMs);
    } catch (error) {
      // anything else may pass before the claim runs out: there is another renewal in time
      if (error instanceof LeaseLostError && held.get(id) === controller) controller.abort(error);
    }
  }

  const timer = setInterval(() => {
    for (const [id, controller] of held) void renew(id, controller);
  }, leaseMs / 2);
  timer.unref();
  return {
    hold(id) {
      const controller = new AbortController();
      held.set(id, controller);
      return controller.signal;
    },
    letGo: (id) => void held.delete(id),
    close: () => clearInterval(timer),
  };
}
