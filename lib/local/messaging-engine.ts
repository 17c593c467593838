import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildAppOptions } from 'fauxqs';
import { PortBusyError } from './engine-errors.ts';
import { oldestSentAt, type WaitingMessage } from './metrics/queue-gauges.ts';
import { observeTopics } from './topics/observed-topics.ts';
import type { TopicObserver } from './topics/topic-observer.ts';

type Stores = NonNullable<BuildAppOptions['stores']>;
type Persistence = NonNullable<Stores['sqsStore']['persistence']>;
type Queue = ReturnType<Stores['sqsStore']['createQueue']>;
type Message = Parameters<Queue['enqueue']>[0];

/** What to start. */
export interface MessagingEngineProps {
  /** A port of the loopback interface. @default one that is free */
  port?: number;
  /** The region of requests that are not signed. */
  region: string;
  /** The folder of its database. @default nothing is kept */
  dataDirectory?: string;
  /** Asked at every publish who wants to know. @default nobody */
  topicObserver?: () => TopicObserver | undefined;
}

/** SQS of the engine in this process, for the code that polls it: without HTTP and the SDK in between. */
export interface DirectSqs {
  /**
   * What the engine answers to a request with this body. What it gives is its own: not to be changed. Bytes are base64 texts.
   * @throws the engine's error, as it would answer it
   */
  call<Output>(action: DirectAction, input: object): Promise<Output>;
  /** Settles when a message may have come, `seconds` are over or `signal` is aborted. */
  arrival(queueUrl: string, seconds: number, signal: AbortSignal): Promise<void>;
}

export type DirectAction =
  | 'ReceiveMessage'
  | 'DeleteMessageBatch'
  | 'ChangeMessageVisibilityBatch'
  | 'GetQueueAttributes';

/** SQS, SNS, S3 and STS in this process. */
export interface MessagingEngine {
  readonly port: number;
  readonly sqs: DirectSqs;
  /** When the oldest message of a queue was sent (ms since the epoch); undefined when it is empty or not there. */
  oldestMessageSentAt(queueName: string): number | undefined;
  stop(): Promise<void>;
}

/** How long SQS remembers a deduplication id: 5 minutes, in ms. */
const DEDUPLICATION_WINDOW = 5 * 60 * 1000;

/**
 * Starts fauxqs. It is put together from its parts, where its own `startFauxqs` would listen on every network interface and
 * copies a queue to look at it. Two things that it forgets in its database are kept besides: see {@link durable}.
 * @throws PortBusyError when `port` is taken
 */
export async function startMessagingEngine(props: MessagingEngineProps): Promise<MessagingEngine> {
  const parts = await loadParts();
  const stores: Stores = {
    sqsStore: new parts.SqsStore(),
    snsStore: new parts.SnsStore(),
    s3Store: new parts.S3Store(),
  };
  // An empty host makes queue URLs out of the host that the client asked, which is one that the client can reach.
  stores.sqsStore.host = '';
  const persistence = props.dataDirectory === undefined ? undefined : durable(parts, props.dataDirectory, stores);
  if (props.topicObserver !== undefined) observeTopics(stores, props.topicObserver);
  const app = parts.buildApp({ logger: false, defaultRegion: props.region, stores });
  if (persistence !== undefined) app.addHook('onClose', () => persistence.close());
  let address: string;
  try {
    address = await app.listen({ host: '127.0.0.1', port: props.port ?? 0 });
  } catch (error) {
    await app.close();
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new PortBusyError('the messaging engine (SQS, SNS, S3)', props.port ?? 0, '--port', { cause: error });
  }
  const port = Number(new URL(address).port);
  movePort(stores.sqsStore, port);
  return {
    port,
    sqs: directSqs(parts, stores.sqsStore),
    oldestMessageSentAt(queueName) {
      const queue = stores.sqsStore.getQueueByName(queueName);
      return queue && oldestSentAt(messagesOf(queue), queue.isFifo());
    },
    stop: () => app.close(),
  };
}

function directSqs({ actions }: Parts, store: Stores['sqsStore']): DirectSqs {
  return {
    call: async <Output>(action: DirectAction, input: object) => (await actions[action](input, store)) as Output,
    async arrival(queueUrl, seconds, signal) {
      const queue = store.getQueue(queueUrl);
      if (queue === undefined || signal.aborted) return;
      const given = Promise.withResolvers<void>();
      const giveUp = () => given.resolve();
      signal.addEventListener('abort', giveUp, { once: true });
      await Promise.race([queue.waitForMessages(seconds), given.promise]);
      signal.removeEventListener('abort', giveUp);
    },
  };
}

/** Every message of a queue, without a copy: this is asked for each queue each second. */
function* messagesOf(queue: Queue): Generator<WaitingMessage> {
  yield* queue.messages;
  yield* queue.delayedMessages;
  for (const group of queue.fifoMessages.values()) yield* group;
  for (const group of queue.fifoDelayed.values()) yield* group;
  for (const { message } of queue.inflightMessages.values()) yield message;
}

/** Queues from the database carry URLs of the run that created them; GetQueueUrl has to answer with this run's. */
function movePort(store: Stores['sqsStore'], port: number): void {
  const { queues } = store as unknown as { queues: Map<string, Queue> };
  for (const [key, queue] of [...queues]) {
    const url = new URL(queue.url);
    url.port = String(port);
    queues.delete(key);
    queues.set(url.href, Object.assign(queue, { url: url.href }));
  }
}

interface Parts {
  buildApp: typeof import('fauxqs').buildApp;
  SqsStore: new () => Stores['sqsStore'];
  SnsStore: new () => Stores['snsStore'];
  S3Store: new () => Stores['s3Store'];
  PersistenceManager: new (dataDirectory: string) => Persistence;
  actions: Record<DirectAction, (body: object, store: Stores['sqsStore']) => unknown>;
}

/** The stores are part of the signature of `buildApp`, but their classes are not exported; hence the files by name. */
async function loadParts(): Promise<Parts> {
  const manifest = findPackageJSON('fauxqs', import.meta.url);
  if (manifest === undefined) throw new Error("The package 'fauxqs' is not installed: run npm install.");
  const part = (file: string) => import(pathToFileURL(join(dirname(manifest), 'dist', file)).href);
  const [app, sqs, sns, s3, persistence, receive, remove, change, attributes] = await Promise.all([
    import('fauxqs'),
    part('sqs/sqsStore.js'),
    part('sns/snsStore.js'),
    part('s3/s3Store.js'),
    part('persistence.js'),
    part('sqs/actions/receiveMessage.js'),
    part('sqs/actions/deleteMessageBatch.js'),
    part('sqs/actions/changeMessageVisibilityBatch.js'),
    part('sqs/actions/getQueueAttributes.js'),
  ]);
  return {
    buildApp: app.buildApp,
    SqsStore: sqs.SqsStore,
    SnsStore: sns.SnsStore,
    S3Store: s3.S3Store,
    PersistenceManager: persistence.PersistenceManager,
    actions: {
      ReceiveMessage: receive.receiveMessage,
      DeleteMessageBatch: remove.deleteMessageBatch,
      ChangeMessageVisibilityBatch: change.changeMessageVisibilityBatch,
      GetQueueAttributes: attributes.getQueueAttributes,
    },
  };
}

/**
 * Loads the stores from the database and keeps them there. What was accepted is there before the answer leaves, so a
 * killed process loses nothing. Two corrections to fauxqs 2.4.1:
 *
 * - a message whose visibility is set to 0 keeps its receive count (fauxqs writes NULL into a NOT NULL column there, so
 *   the call fails and the message is gone until the next start);
 * - deduplication ids outlive a restart for the rest of their 5 minutes.
 */
function durable({ PersistenceManager }: Parts, dataDirectory: string, stores: Stores): Persistence {
  const persistence = new PersistenceManager(dataDirectory);
  const { db } = persistence as unknown as { db: import('node:sqlite').DatabaseSync };
  // A commit survives the death of the process, though not a power cut, and costs a tenth.
  db.exec(`PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS baton_deduplication (
      queue_name TEXT NOT NULL, id TEXT NOT NULL, message_id TEXT NOT NULL, sequence_number TEXT, accepted_at INTEGER NOT NULL,
      PRIMARY KEY (queue_name, id)
    );`);

  const makeReady = db.prepare(
    'UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL WHERE message_id = ?',
  );
  persistence.updateMessageReady = (messageId) => {
    makeReady.run(messageId);
  };

  const remember = db.prepare('INSERT OR REPLACE INTO baton_deduplication VALUES (?, ?, ?, ?, ?)');
  const insertMessage = persistence.insertMessage.bind(persistence);
  persistence.insertMessage = (queueName: string, message: Message) => {
    insertMessage(queueName, message);
    const { messageDeduplicationId: id, messageId, sequenceNumber, sentTimestamp, approximateReceiveCount } = message;
    // A message that was received before is on its way to a dead-letter queue, where its id is not claimed.
    if (id === undefined || approximateReceiveCount > 0) return;
    remember.run(queueName, id, messageId, sequenceNumber ?? null, sentTimestamp);
  };

  persistence.load(stores.sqsStore, stores.snsStore, stores.s3Store);
  db.prepare('DELETE FROM baton_deduplication WHERE accepted_at < ?').run(Date.now() - DEDUPLICATION_WINDOW);
  for (const row of db.prepare('SELECT * FROM baton_deduplication').all()) {
    const queue = stores.sqsStore.getQueueByName(String(row.queue_name));
    const sequenceNumber = row.sequence_number === null ? undefined : String(row.sequence_number);
    queue?.recordDeduplication(String(row.id), String(row.message_id), sequenceNumber);
  }

  stores.sqsStore.persistence = persistence;
  stores.snsStore.persistence = persistence;
  stores.s3Store.persistence = persistence;
  for (const queue of stores.sqsStore.allQueues()) queue.persistence = persistence;
  return persistence;
}
