import { PermanentError, RetryAfterError } from '../../lib/runtime/index.ts';

/** A charge, as the provider takes it. */
export interface Charge {
  orderId: string;
  amountCents: number;
  currency: 'USD';
}

/**
 * Asks the payment provider for the money. The idempotency key makes it one payment, however often this is called.
 * @throws RetryAfterError when the provider says when to come back
 * @throws PermanentError when the provider refuses the charge: a retry would be refused as well
 */
export async function capturePayment(
  charge: Charge,
  { idempotencyKey, signal }: { idempotencyKey: string; signal: AbortSignal },
): Promise<{ paymentId: string }> {
  const response = await fetch(`${process.env.PAYMENT_PROVIDER_URL}/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
    body: JSON.stringify(charge),
    signal,
  });
  const body = await response.text();
  if (response.ok) return JSON.parse(body) as { paymentId: string };
  const said = `The payment provider answered ${response.status} for order ${charge.orderId}: ${body.slice(0, 200)}`;
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  if (Number.isFinite(retryAfter)) throw new RetryAfterError(retryAfter, said);
  if (response.status >= 400 && response.status < 500 && response.status !== 429) throw new PermanentError(said);
  throw new Error(said);
}
