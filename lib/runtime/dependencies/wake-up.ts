import type { Sqs } from '../aws/clients.ts';
import { KeeperError } from './errors.ts';

/** Tells the keeper to look at a circuit. What there is to do, it reads from the circuit itself. */
export interface WakeUp {
  consumer: string;
  dependency: string;
  /** The circuit's, when this was sent. */
  generation: number;
  /** The number of the keeper's own timer. @default none: a worker changed the circuit */
  tick?: number;
}

/** @param delaySeconds up to 900 (source: SendMessage, Amazon SQS API reference) @default 0 */
export async function sendWakeUp(sqs: Sqs, queueUrl: string, wakeUp: WakeUp, delaySeconds = 0): Promise<void> {
  await sqs.call('SendMessage', {
    QueueUrl: queueUrl,
    MessageBody: JSON.stringify(wakeUp),
    ...(delaySeconds > 0 && { DelaySeconds: delaySeconds }),
  });
}

/** @throws KeeperError when the message is none */
export function readWakeUp(body: string): WakeUp {
  try {
    const { consumer, dependency, generation, tick } = JSON.parse(body) as WakeUp;
    if (typeof consumer === 'string' && typeof dependency === 'string' && Number.isInteger(generation)) {
      return { consumer, dependency, generation, ...(tick !== undefined && { tick: Number(tick) }) };
    }
  } catch {
    // said below
  }
  throw new KeeperError(`This is no wake-up: ${body.slice(0, 200)} Nothing but the runtime may send to this queue.`);
}
