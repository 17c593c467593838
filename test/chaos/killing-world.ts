import { PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import type { SQSBatchResponse } from 'aws-lambda';
import type { Envelope } from '../../lib/contracts/index.ts';
import { createPollingRelay } from '../../lib/runtime/outbox/relay-handler.ts';
import { createStreamRelay } from '../../lib/runtime/outbox/stream-handler.ts';
import { type PaymentProvider, startPaymentProvider } from '../../lib/superstore/payment-provider.ts';
import { eventually } from '../e2e/eventually.ts';
import { batchOf, type Engines, lambdaContext, type TestQueue } from '../runtime/engines.ts';
import { surround } from '../runtime/pipeline.ts';
import { type FunctionProcess, type FunctionProcessProps, launch } from './killing-process.ts';

/** What one function works on, and nobody else: tables, queues, a topic, a payment provider. */
export interface World {
  engines: Engines;
  provider: PaymentProvider;
  shop: string;
  /** Idempotency records. */
  records: string;
  outbox: string;
  queue: TestQueue;
  deadLetters: TestQueue;
  /** Hears all that is published. */
  heard: TestQueue;
  /** Of a consumer's function. */
  environment: Record<string, string>;
  /** Of an outbox relay. */
  relayEnvironment: Record<string, string>;
}

/** What a world is made for. */
export interface WorldProps {
  consumer: string;
  /** Whether its queue is FIFO. @default false */
  ordered?: boolean;
  /** Settings of what it calls, by name. @default it has no dependencies */
  dependencies?: Record<string, object>;
  /** Whether the function may publish by `context.publish`. @default false: nothing in the pipeline may */
  publishesApart?: boolean;
}

/** What became of a process. */
export interface Run {
  /** The operations that it asked for. */
  calls: readonly string[];
  /** Whether it was killed before it was done. */
  killed: boolean;
}

/** A relay's name in settings: how it is woken. */
export type RelayKind = 'polling' | 'stream';

/** Milliseconds. Of these a polling relay keeps 300 free at the end: it looks around for a fifth of a second. */
const RELAY_TIMEOUT = 500;
/** Milliseconds. When the next relay of a schedule starts; the lease of one that was killed is over by then. */
const NEXT_START = 60_000;

export async function createWorld(engines: Engines, props: WorldProps): Promise<World> {
  const { consumer, dependencies, ordered = false, publishesApart = false } = props;
  const provider = await startPaymentProvider({ failureRate: 0, random: () => 0.5 });
  const [shop, outbox] = await Promise.all([
    engines.createTable({ sortKey: true }),
    engines.createTable({ sortKey: true }),
  ]);
  // not the FIFO topic of the pipeline, which would hide an event that is published again
  const topic = await engines.createTopic();
  const heard = engines.createQueue();
  await engines.subscribe(topic, heard);
  const outboxEnvironment = {
    BATON_OUTBOX_TABLE: outbox,
    BATON_OUTBOX_SHARDS: '2',
    BATON_OUTBOX_FENCED: 'true',
  };
  const { queue, deadLetters, table, environment } = await surround(engines, {
    fifo: ordered,
    environment: {
      ...outboxEnvironment,
      BATON_CONSUMER: consumer,
      // what a killed process had claimed is soon free
      BATON_LEASE_SECONDS: '0.2',
      ...(dependencies !== undefined && { BATON_DEPENDENCIES: JSON.stringify(dependencies) }),
      SHOP_TABLE: shop,
      ...(publishesApart && { BATON_TOPIC_ARN: topic }),
    },
  });
  const relayEnvironment = { ...outboxEnvironment, BATON_TOPIC_ARN: topic, POWERTOOLS_SERVICE_NAME: 'outbox' };
  return { engines, provider, shop, records: table, outbox, queue, deadLetters, heard, environment, relayEnvironment };
}

/** Another world with the same rows, records and outbox, and none of the messages. */
export async function copyOf(world: World): Promise<World> {
  const copy = await createWorld(world.engines, { consumer: 'nobody' });
  for (const table of ['shop', 'records', 'outbox'] as const) {
    const items = await itemsOf(world, world[table]);
    await Promise.all(
      items.map((Item) => world.engines.dynamodb.send(new PutItemCommand({ TableName: copy[table], Item }))),
    );
  }
  return copy;
}

export async function itemsOf({ engines }: World, table: string) {
  const { Items = [] } = await engines.dynamodb.send(new ScanCommand({ TableName: table, ConsistentRead: true }));
  return Items;
}

/** Entries that no relay has taken out. */
export async function pendingIn(world: World) {
  return (await itemsOf(world, world.outbox)).filter(({ pk }) => pk!.S!.startsWith('shard#'));
}

/** Runs a function in a process of its own, which is gone afterwards, and nothing that it had set off is under way. */
export async function runIn(
  { engines, provider }: World,
  props: Omit<FunctionProcessProps, 'upstreams'>,
  use: (process: FunctionProcess) => Promise<void>,
): Promise<Run> {
  const { AWS_ENDPOINT_URL: messaging, AWS_ENDPOINT_URL_DYNAMODB: dynamodb } = engines.endpoints;
  const process = await launch({ ...props, upstreams: { dynamodb, messaging, payments: provider.url } });
  try {
    await use(process);
  } finally {
    await process.stop();
  }
  return { calls: process.calls, killed: process.killed() };
}

export async function send({ engines, queue }: World, events: readonly Envelope[]): Promise<void> {
  const isFifo = queue.name.endsWith('.fifo');
  for (const event of events) {
    await engines.sqs.send(
      new SendMessageCommand({
        QueueUrl: queue.url,
        MessageBody: JSON.stringify(event),
        ...(isFifo && { MessageGroupId: event.subject, MessageDeduplicationId: event.id }),
      }),
    );
  }
}

/** Delivers what is in the queue, and again what comes back, until all is handled or the process is killed. */
export async function deliverTo(process: FunctionProcess, world: World, batchSize: number): Promise<void> {
  const { engines, queue } = world;
  await eventually(async () => {
    const messages = await engines.receive(queue, batchSize);
    if (messages.length === 0) return isEmpty(world, queue);
    const answer = await process.invoke(batchOf(queue, messages));
    const failed = answer && (answer.response as SQSBatchResponse).batchItemFailures;
    for (const message of messages) {
      if (failed === undefined || failed.some(({ itemIdentifier }) => itemIdentifier === message.MessageId)) {
        await bringBack(world, message);
      } else {
        await engines.sqs.send(
          new DeleteMessageCommand({ QueueUrl: queue.url, ReceiptHandle: message.ReceiptHandle! }),
        );
      }
    }
    return answer === undefined || isEmpty(world, queue);
  });
}

/** Ends the message's visibility timeout, or the delay that the function had asked for. */
async function bringBack({ engines, queue }: World, { ReceiptHandle }: Message): Promise<void> {
  const input = { QueueUrl: queue.url, ReceiptHandle: ReceiptHandle!, VisibilityTimeout: 0 };
  await engines.sqs.send(new ChangeMessageVisibilityCommand(input)).catch((error: Error) => {
    // the function has brought it back itself
    if (error.name !== 'MessageNotInflight') throw error;
  });
}

export function isEmpty({ engines }: World, queue: TestQueue): boolean {
  const { ready, delayed, inflight } = engines.fauxqs.inspectQueue(queue.name)!.messages;
  return ready.length + delayed.length + inflight.length === 0;
}

/** Envelopes that the topic has accepted, in that order; repeated ones as often as they were published. */
export function heardIn({ engines, heard }: World): Envelope[] {
  return engines.fauxqs.inspectQueue(heard.name)!.messages.ready.map(({ body }) => JSON.parse(body) as Envelope);
}

/** A healthy relay, started as often as it takes. */
export async function drain(world: World, kind: RelayKind): Promise<void> {
  const options = {
    environment: world.relayEnvironment,
    clients: world.engines.clients,
    clock: () => Date.now() + NEXT_START,
    output: () => undefined,
  };
  const polling = createPollingRelay(options);
  const sweeping = createStreamRelay(options);
  await eventually(async () => {
    if ((await pendingIn(world)).length === 0) return true;
    if (kind === 'polling') await polling({}, lambdaContext(RELAY_TIMEOUT));
    else await sweeping({}, lambdaContext());
    return false;
  });
}

/** A relay in a process of its own, started again until nothing is left in the outbox or the process is killed. */
export async function relayWith(process: FunctionProcess, world: World, kind: RelayKind): Promise<void> {
  await eventually(async () => {
    const answer = await process.invoke({}, kind === 'polling' ? RELAY_TIMEOUT : undefined);
    return answer === undefined || (await pendingIn(world)).length === 0;
  });
}
