import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A payment provider on loopback: real HTTP, unreliable on purpose, and honest about idempotency keys. */
export interface PaymentProvider {
  url: string;
  /** What was charged, by idempotency key. */
  ledger: ReadonlyMap<string, Payment>;
  /** How many calls failed on purpose. */
  failures(): number;
  stop(): Promise<void>;
}

/** Money that the provider took. */
export interface Payment {
  paymentId: string;
  orderId: string;
  amountCents: number;
}

/** A charge over this is refused (402) every time, 10 million dollars in cents: no order of a shop is that large. */
export const REFUSED_ABOVE_CENTS = 1_000_000_000;

/**
 * Starts the provider. Of the calls, `failureRate` answer 503: half of them before the charge is made, half after,
 * when only the answer is lost. A key that was charged gets its first answer again.
 */
export async function startPaymentProvider({
  failureRate,
  random,
}: {
  failureRate: number;
  random: () => number;
}): Promise<PaymentProvider> {
  const ledger = new Map<string, Payment>();
  let failures = 0;

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const answer = (status: number, body: object) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      const key = request.headers['idempotency-key'];
      if (request.method !== 'POST' || request.url !== '/payments' || typeof key !== 'string') {
        answer(400, { error: 'POST /payments with an idempotency-key header' });
        return;
      }
      const charge = JSON.parse(Buffer.concat(chunks).toString()) as { orderId: string; amountCents: number };
      if (charge.amountCents > REFUSED_ABOVE_CENTS) {
        answer(402, { error: `a charge of ${charge.amountCents} cents is over the limit` });
        return;
      }
      const fate = random();
      if (fate < failureRate / 2) {
        failures++;
        answer(503, { error: 'unavailable' });
        return;
      }
      let payment = ledger.get(key);
      if (payment === undefined) {
        payment = { paymentId: `pay-${ledger.size + 1}`, orderId: charge.orderId, amountCents: charge.amountCents };
        ledger.set(key, payment);
      }
      if (fate < failureRate) {
        failures++;
        answer(503, { error: 'unavailable' });
        return;
      }
      answer(200, { paymentId: payment.paymentId });
    });
  });
  server.keepAliveTimeout = 30_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ledger,
    failures: () => failures,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
