import type { Envelope } from '../contracts/envelope.ts';
import type { Clients } from '../runtime/aws/clients.ts';
import { createClaimCheck } from '../runtime/claim-check/claim-check.ts';
import { readReference } from '../runtime/claim-check/reference.ts';
import { readEntry, shardOf } from '../runtime/outbox/outbox-entry.ts';
import { fromRow, type Row, toRow } from './attribute-values.ts';
import { TestingError, UnsupportedError } from './errors.ts';
import { createMemoryDynamoDb, type OnStatement } from './memory-dynamodb.ts';
import {
  createMemorySns,
  createMemorySqs,
  type DeadLetter,
  readDeadLetter,
  type SentMessage,
} from './memory-queues.ts';
import { createMemoryS3 } from './memory-s3.ts';
import { MemoryTable, type TableKeys } from './memory-table.ts';

/** A call of the consumer to AWS. */
export interface AwsCall {
  service: 'dynamodb' | 's3' | 'sns' | 'sqs';
  /** `TransactWriteItems` */
  operation: string;
  input: object;
}

/** What a world has in it. */
export interface WorldProps {
  /** Tables that the handler uses: their name, and the names of their keys. @default none */
  tables?: Readonly<Record<string, TableKeys>>;
  /** The name of the consumer. @default test */
  consumer?: string;
  /** Whether the consumer has a topic and an outbox to publish to. @default true */
  publishes?: boolean;
  /** Whether data that is too large to travel goes by claim check; without one, large events are refused. @default true */
  claimCheck?: boolean;
  /** Executes PartiQL statements that are beyond the in-memory tables. @default such a statement fails the run */
  onStatement?: OnStatement;
  /** Sees every call before it is made, and may throw to make it fail. @default nothing */
  beforeCall?: (call: AwsCall) => void | Promise<void>;
}

/** An AWS in memory, that outlives single batches. */
export interface World {
  readonly consumer: string;
  /** For code under test that takes the runtime's clients. */
  readonly clients: Required<Clients>;
  /** The `BATON_*` settings of the consumer. */
  environment(fifo: boolean): Record<string, string>;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Lets time pass, in seconds: claims expire, completed events are forgotten. Nothing waits. */
  advance(seconds: number): void;
  /** Puts items into a table. @throws TestingError when the table is not declared */
  put(table: string, ...rows: readonly Row[]): void;
  /** The items of a table, by key. @throws TestingError when the table is not declared */
  rows(table: string): Row[];
  /** The idempotency records. */
  guards(): Row[];
  /** Every event published so far, with its data; those of a commit as soon as it is made. */
  readonly published: readonly Envelope[];
  /** Every record dead-lettered so far. */
  deadLetters(): DeadLetter[];
  /** What is in the bucket of the claim check, as texts by key: to look at, to change or to lose. */
  readonly objects: Map<string, string>;
  /** Puts the data of an event into the bucket. @returns the event as it travels then, for a batch */
  checkIn(event: Envelope): Promise<Envelope>;
  /** Every message sent to any queue so far. */
  readonly sent: readonly SentMessage[];
  /** Every call made so far. */
  readonly calls: readonly AwsCall[];
  /** What the code under test asked for that is not there; emptied by the asking. */
  takeUnsupported(): UnsupportedError[];
}

const GUARDS = 'baton-idempotency';
const OUTBOX = 'baton-outbox';
const BUCKET = 'baton-claim-check';
const DEAD_LETTERS = 'https://sqs.eu-west-1.amazonaws.com/123456789012/test-dlq';

/** Makes an empty AWS. Its time starts at the machine's, and moves with it. */
export function createWorld(props: WorldProps = {}): World {
  const { consumer = 'test', publishes = true, claimCheck = true, onStatement, beforeCall } = props;
  const tables = new Map<string, MemoryTable>([
    [GUARDS, new MemoryTable(GUARDS, ['id'])],
    [OUTBOX, new MemoryTable(OUTBOX, ['pk', 'sk'])],
  ]);
  for (const [name, keys] of Object.entries(props.tables ?? {})) tables.set(name, new MemoryTable(name, keys));
  const published: Envelope[] = [];
  const objects = new Map<string, string>();
  const sent: SentMessage[] = [];
  const calls: AwsCall[] = [];
  let unsupported: UnsupportedError[] = [];
  let offset = 0;

  const declared = [...tables.keys()].filter((name) => name !== GUARDS && name !== OUTBOX);
  const explanation = (name: string) =>
    `There is no table '${name}' (there is ${declared.map((one) => `'${one}'`).join(', ') || 'none'}). Declare it with its keys: tables: { '${name}': ['pk', 'sk'] }.`;

  function watch<Client extends { call: unknown }>(service: AwsCall['service'], client: Client): Client {
    const inner = client.call as (operation: string, input: object) => Promise<object>;
    return {
      async call(operation: string, input: object) {
        const call = { service, operation, input };
        calls.push(call);
        await beforeCall?.(call);
        try {
          const answer = await inner(operation, input);
          relay();
          return answer;
        } catch (error) {
          if (error instanceof UnsupportedError) unsupported.push(error);
          throw error;
        }
      },
    } as unknown as Client;
  }

  /** A test looks at what was said, however it travels. */
  function publish({ dataref, datahash, datasize, ...event }: Envelope): void {
    const text = dataref === undefined ? undefined : objects.get(readReference(dataref)?.key ?? '');
    if (dataref === undefined) published.push(event);
    else if (text === undefined) published.push({ ...event, dataref, ...(datahash !== undefined && { datahash }) });
    else published.push({ ...event, data: JSON.parse(text) });
  }

  /** What the relay of an outbox does, at once. */
  function relay(): void {
    const outbox = tables.get(OUTBOX)!;
    for (const item of outbox.all()) {
      if (shardOf(item.pk?.S ?? '') === undefined) continue;
      for (const text of readEntry(item).events) publish(JSON.parse(text) as Envelope);
      outbox.delete(item);
    }
  }

  function tableOf(name: string): MemoryTable {
    const table = tables.get(name);
    if (table === undefined) throw new UnsupportedError(explanation(name));
    return table;
  }

  function ownTable(name: string): MemoryTable {
    const table = tables.get(name);
    if (table === undefined) throw new TestingError(explanation(name));
    return table;
  }

  return {
    consumer,
    clients: {
      dynamodb: watch('dynamodb', createMemoryDynamoDb({ tableOf, onStatement })),
      s3: watch('s3', createMemoryS3(BUCKET, objects)),
      sns: watch('sns', createMemorySns(publish)),
      sqs: watch('sqs', createMemorySqs(sent)),
    },
    environment: (fifo) => ({
      BATON_CONSUMER: consumer,
      BATON_QUEUE_URL: `https://sqs.eu-west-1.amazonaws.com/123456789012/test${fifo ? '.fifo' : ''}`,
      BATON_DLQ_URL: DEAD_LETTERS,
      BATON_IDEMPOTENCY_TABLE: GUARDS,
      BATON_IDEMPOTENCY_TTL_SECONDS: String(28 * 86_400),
      ...(claimCheck && { BATON_CLAIM_CHECK_BUCKET: BUCKET }),
      ...(publishes && {
        BATON_TOPIC_ARN: 'arn:aws:sns:eu-west-1:123456789012:test',
        BATON_OUTBOX_TABLE: OUTBOX,
        BATON_OUTBOX_SHARDS: '1',
      }),
    }),
    now: () => Date.now() + offset,
    advance(seconds) {
      if (!(seconds >= 0)) throw new TestingError(`Time goes forward only, not by ${seconds} s.`);
      offset += seconds * 1_000;
    },
    put(table, ...rows) {
      for (const row of rows) ownTable(table).put(fromRow(row));
    },
    rows: (table) => ownTable(table).all().map(toRow),
    guards: () => tables.get(GUARDS)!.all().map(toRow),
    published,
    objects,
    async checkIn(event) {
      const { envelope, store } = createClaimCheck({ bucket: BUCKET, client: createMemoryS3(BUCKET, objects) }).checkIn(
        event,
      );
      await store();
      return envelope;
    },
    deadLetters: () => sent.filter(({ queueUrl }) => queueUrl === DEAD_LETTERS).map(readDeadLetter),
    sent,
    calls,
    takeUnsupported() {
      const taken = unsupported;
      unsupported = [];
      return taken;
    },
  };
}
