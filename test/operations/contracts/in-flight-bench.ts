import { type Message, SendMessageBatchCommand, SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { type InFlightProps, inFlight } from '../../../lib/operations/contracts/in-flight.ts';
import type { Judgement } from '../../../lib/operations/contracts/judgement.ts';
import type { DeployedConsumer } from '../../../lib/operations/contracts/pipeline.ts';
import { type Engines, startEngines, type TestQueue } from '../../runtime/engines.ts';
import { consumerOf } from './bundles.ts';

/** What a test may answer in place of SQS; `next` asks SQS. */
export type Answer = (command: string, input: unknown, next: () => Promise<object>) => Promise<object>;

/** What is started for the tests of a file. */
export interface Bench {
  engines: Engines;
  /** As inFlight uses it: what it sends is recorded in `sent`. */
  sqs: SQSClient;
  sent: string[];
  answer: Answer;
}

/** A consumer and its queues. */
export interface World {
  queue: TestQueue;
  dlq: TestQueue;
  consumer: DeployedConsumer;
}

/** Starts the engines before the tests of a file, and ends them after. */
export function createBench(): Bench {
  const bench = { sent: [] as string[] } as Bench;
  beforeAll(async () => {
    bench.engines = await startEngines();
    bench.sqs = new SQSClient({
      region: 'eu-west-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      endpoint: bench.engines.endpoints.AWS_ENDPOINT_URL,
      maxAttempts: 1,
    });
    bench.sqs.middlewareStack.add(
      (next, context) => async (args) => {
        const command = String(context.commandName).replace(/Command$/, '');
        bench.sent.push(command);
        let result: Awaited<ReturnType<typeof next>> | undefined;
        const output = await bench.answer(command, args.input, async () => {
          result = await next(args);
          return result.output;
        });
        return { ...(result ?? { response: {} }), output: output as never };
      },
      { step: 'initialize' },
    );
  });
  beforeEach(() => {
    bench.sent = [];
    bench.answer = (_, __, next) => next();
  });
  afterAll(async () => {
    bench.sqs.destroy();
    await bench.engines.stop();
  });
  return bench;
}

/** Makes a consumer with queues of its own. */
export function createWorld({ engines }: Bench, { fifo = false, name = 'billing' } = {}): World {
  const queue = engines.createQueue({ fifo });
  const dlq = engines.createQueue({ fifo });
  const facts = { name, queue: queue.name, deadLetterQueue: dlq.name, ordered: fifo };
  return { queue, dlq, consumer: consumerOf(undefined, facts) };
}

/** Gives the queue of a consumer its redrive policy. */
export async function grantReceives({ engines }: Bench, { queue, dlq }: World, maxReceiveCount: number): Promise<void> {
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dlq.arn, maxReceiveCount });
  await engines.sqs.send(new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes: { RedrivePolicy } }));
}

let ids = 0;

/** Sends message bodies, with an attribute. */
export async function send(
  { engines }: Bench,
  queue: TestQueue,
  bodies: readonly string[],
  group?: string,
): Promise<void> {
  for (let start = 0; start < bodies.length; start += 10) {
    const Entries = bodies.slice(start, start + 10).map((MessageBody, n) => ({
      Id: String(n),
      MessageBody,
      MessageAttributes: { version: { DataType: 'String', StringValue: '1' } },
      ...(group !== undefined && { MessageGroupId: group, MessageDeduplicationId: `dedup-${++ids}` }),
    }));
    await engines.sqs.send(new SendMessageBatchCommand({ QueueUrl: queue.url, Entries }));
  }
}

/** Everything that a consumer could receive now. */
export async function receiveAll({ engines }: Bench, queue: TestQueue): Promise<Message[]> {
  const all: Message[] = [];
  for (;;) {
    const messages = await engines.receive(queue);
    if (messages.length === 0) return all;
    all.push(...messages);
    if (queue.name.endsWith('.fifo')) for (const one of messages) await engines.remove(queue, one.ReceiptHandle!);
  }
}

/** Their bodies. */
export const bodiesOf = (messages: readonly Message[]) => messages.map(({ Body }) => Body!);

/** So many bodies, that differ. */
export const numbered = (count: number, prefix = 'readable') =>
  Array.from({ length: count }, (_, n) => `${prefix} ${n}`);

/** Judges by the first word of a body. */
export function readerFor(consumer: DeployedConsumer, judge?: (bodies: readonly string[]) => Promise<Judgement[]>) {
  const byWord = async (bodies: readonly string[]) =>
    bodies.map((body): Judgement => {
      const verdict = body.split(' ')[0] as Judgement['verdict'];
      const said = { type: 'order.placed', version: 2 };
      return verdict === 'readable' ? { verdict, ...said } : { verdict, ...said, message: `It is ${verdict}.` };
    });
  return { consumer, state: 'open' as const, problems: [], judge: judge ?? byWord };
}

/** Looks into the queues of a consumer. */
export function look({ sqs }: Bench, { consumer }: World, more: Partial<InFlightProps> = {}) {
  const readers = [readerFor(consumer)];
  return inFlight({ sqs, consumers: [consumer], readers, sample: 100, sleep: async () => {}, ...more });
}
