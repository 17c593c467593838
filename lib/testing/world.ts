import type { Envelope } from '../contracts/envelope.ts';
import type { Clients } from '../runtime/aws/clients.ts';
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
import { MemoryTable, type TableKeys } from './memory-table.ts';

/** A call of the consumer to AWS. */
export interface AwsCall {
  service: 'dynamodb' | 'sns' | 'sqs';
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
  /** Executes PartiQL statements that are beyond the in-memory tables. @default such a statement fails the run */
  onStatement?: OnStatement;
  /** Sees every call before it is made, and may throw to make it fail. @default nothing */
  beforeCall?: (call: AwsCall) => void | Promise<void>;
}

/** An AWS in memory, that outlives single batches. */
export interface World {
  readonly consumer: string;
  /** For code under test that takes the runtime's clients. */
  readonly clients: Clients;
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
  /** Every event published so far; those of a commit as soon as it is made. */
  readonly published: readonly Envelope[];
  /** Every record dead-lettered so far. */
  deadLetters(): DeadLetter[];
  /** Every message sent to any queue so far. */
  readonly sent: readonly SentMessage[];
  /** Every call made so far. */
  readonly calls: readonly AwsCall[];
  /** What the code under test asked for that is not there; emptied by the asking. */
  takeUnsupported(): UnsupportedError[];
}

const GUARDS = 'baton-idempotency';
const OUTBOX = 'baton-outbox';
const DEAD_LETTERS = 'https://sqs.eu-west-1.amazonaws.com/123456789012/test-dlq';

/** Makes an empty AWS. Its time starts at the machine's, and moves with it. */
export function createWorld(props: WorldProps = {}): World {
  const { consumer = 'test', publishes = true, onStatement, beforeCall } = props;
  const tables = new Map<string, MemoryTable>([
    [GUARDS, new MemoryTable(GUARDS, ['id'])],
    [OUTBOX, new MemoryTable(OUTBOX, ['pk', 'sk'])],
  ]);
  for (const [name, keys] of Object.entries(props.tables ?? {})) tables.set(name, new MemoryTable(name, keys));
  const published: Envelope[] = [];
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

  /** What the relay of an outbox does, at once. */
  function relay(): void {
    const outbox = tables.get(OUTBOX)!;
    for (const item of outbox.all()) {
      if (shardOf(item.pk?.S ?? '') === undefined) continue;
      published.push(...readEntry(item).events.map((text) => JSON.parse(text) as Envelope));
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
      sns: watch('sns', createMemorySns(published)),
      sqs: watch('sqs', createMemorySqs(sent)),
    },
    environment: (fifo) => ({
      BATON_CONSUMER: consumer,
      BATON_QUEUE_URL: `https://sqs.eu-west-1.amazonaws.com/123456789012/test${fifo ? '.fifo' : ''}`,
      BATON_DLQ_URL: DEAD_LETTERS,
      BATON_IDEMPOTENCY_TABLE: GUARDS,
      BATON_IDEMPOTENCY_TTL_SECONDS: String(28 * 86_400),
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
