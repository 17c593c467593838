/** Why a record went back although nothing failed. */
export type ReturnReason =
  /** The function's deadline was near, so the record was not started. */
  | 'deadline'
  /** Another invocation is handling the same event. */
  | 'claimed-elsewhere'
  /** A record before it in its message group went back. */
  | 'behind'
  /** The event comes in a newer version as well, which says more. */
  | 'newer-version'
  /** The claim was lost while the handler ran: its new owner decides. */
  | 'lease-lost'
  /** The circuit of something that the handler depends on is open. */
  | 'circuit-open';

/** What became of one record of a batch. */
export type Outcome =
  /** The handler succeeded now. */
  | { readonly kind: 'handled' }
  /** An earlier delivery had been handled; acknowledged without running the handler. */
  | { readonly kind: 'duplicate' }
  /** It failed and goes back, to be seen again after the delay (seconds). */
  | { readonly kind: 'retry'; readonly delaySeconds: number; readonly error: unknown }
  /** It failed for good and is in the DLQ now; acknowledged. */
  | { readonly kind: 'deadLettered'; readonly error: unknown }
  /** An earlier one of its key is in the DLQ, and it followed, unharmed; acknowledged. */
  | { readonly kind: 'parked'; readonly behind: string }
  /** It told the runtime something and is no event; acknowledged. */
  | { readonly kind: 'control' }
  /** It goes back unharmed, to be seen again after the delay (seconds). */
  | { readonly kind: 'returned'; readonly delaySeconds: number; readonly reason: ReturnReason };

/** An outcome that leaves the record in its queue. */
export type BackInQueue = Extract<Outcome, { kind: 'retry' | 'returned' }>;

/** Whether the record stays in its queue: exactly these are reported as batch item failures. */
export function goesBack(outcome: Outcome): outcome is BackInQueue {
  return outcome.kind === 'retry' || outcome.kind === 'returned';
}
