import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Order } from '../../events/order.ts';
import { OrderPlaced } from '../../events/order-placed.ts';
import { createEnvelope } from '../contracts/index.ts';
import { REFUSED_ABOVE_CENTS } from './payment-provider.ts';

/** Where poison can be sent: a consumer's queue. */
export interface PoisonTarget {
  consumer: string;
  queueUrl: string;
  fifo: boolean;
}

/** A message that can never be handled, and the error that its consumer must find. */
export interface Poison {
  consumer: string;
  body: string;
  errorClass: string;
}

/** Makes `count` messages that can never succeed, each in its own way, spread over the consumers. */
export function brewPoison(count: number, targets: readonly PoisonTarget[], order: Order): Poison[] {
  const sound = createEnvelope(OrderPlaced, order, { source: '/poison', id: 'poison', time: new Date(0) });
  const brews: ((id: string) => { body: string; errorClass: string })[] = [
    (id) => ({ body: `this is no JSON: ${id}`, errorClass: 'MalformedEnvelopeError' }),
    (id) => ({ body: JSON.stringify({ ...sound, id, specversion: '0.3' }), errorClass: 'MalformedEnvelopeError' }),
    (id) => ({ body: JSON.stringify({ ...sound, id, type: 'order.lost' }), errorClass: 'UnknownEventTypeError' }),
  ];
  const invalid: typeof brews = [
    (id) => ({
      body: JSON.stringify({ ...sound, id, data: { ...order, lines: 'none' } }),
      errorClass: 'InvalidDataError',
    }),
  ];
  const unsupported: typeof brews = [
    (id) => ({
      body: JSON.stringify({ ...sound, id, dataschema: 'urn:baton:order.placed:99', readablefrom: undefined }),
      errorClass: 'UnsupportedVersionError',
    }),
  ];
  // analytics needs only some fields, and reads any version that has them
  const brewsFor: Record<string, typeof brews> = {
    inventory: [...unsupported, ...invalid, ...brews],
    notifications: [...unsupported, ...invalid, ...brews],
    analytics: [...invalid, ...brews],
  };
  return Array.from({ length: count }, (_, n) => {
    const target = targets[n % targets.length]!;
    const id = `poison-${n}`;
    if (target.consumer === 'billing') {
      const [line] = order.lines;
      const data = { ...order, orderId: id, lines: [{ ...line!, sales: REFUSED_ABOVE_CENTS }] };
      return { consumer: 'billing', body: JSON.stringify({ ...sound, id, data }), errorClass: 'PermanentError' };
    }
    const choice = brewsFor[target.consumer] ?? brews;
    return { consumer: target.consumer, ...choice[n % choice.length]!(id) };
  });
}

/** Sends poison into the queues of its consumers, past the topic, so that each reaches exactly one. */
export async function sendPoison(sqs: SQSClient, poison: readonly Poison[], targets: readonly PoisonTarget[]) {
  await Promise.all(
    poison.map(async ({ consumer, body }, n) => {
      const target = targets.find((candidate) => candidate.consumer === consumer);
      if (target === undefined) throw new Error(`There is no consumer '${consumer}' to poison.`);
      const ordered = target.fifo && { MessageGroupId: `poison-${n}`, MessageDeduplicationId: `poison-${n}` };
      await sqs.send(new SendMessageCommand({ QueueUrl: target.queueUrl, MessageBody: body, ...ordered }));
    }),
  );
}
