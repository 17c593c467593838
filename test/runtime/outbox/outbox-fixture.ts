import { CreateTableCommand, DeleteItemCommand, QueryCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import type { Envelope } from '../../../lib/contracts/index.ts';
import type { AwsError } from '../../../lib/runtime/aws/aws-error.ts';
import type { Clients } from '../../../lib/runtime/aws/clients.ts';
import { createOutbox, type Outbox } from '../../../lib/runtime/outbox/outbox-entry.ts';
import type { RelayWatch } from '../../../lib/runtime/outbox/relay.ts';
import { Publisher } from '../../../lib/runtime/publish/publisher.ts';
import type { Engines, TestQueue } from '../engines.ts';
import { orderPlaced } from '../pipeline.ts';

let tables = 0;

/** An outbox, the topic it is relayed to, and a queue that hears everything. */
export interface OutboxUnderTest {
  table: string;
  shards: number;
  topicArn: string;
  queue: TestQueue;
  outbox: Outbox;
  publisher(clients?: Pick<Clients, 'sns'>): Publisher;
  environment: Record<string, string>;
}

export async function outboxUnderTest(engines: Engines, { shards = 1, fifo = true } = {}): Promise<OutboxUnderTest> {
  const table = `outbox-${++tables}`;
  await engines.dynamodb.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
    }),
  );
  const topicArn = await engines.createTopic({ fifo });
  const queue = engines.createQueue({ fifo });
  await engines.subscribe(topicArn, queue);
  return {
    table,
    shards,
    topicArn,
    queue,
    outbox: createOutbox({ table, shards, fenced: fifo }),
    publisher: (clients = engines.clients) =>
      new Publisher({ topicArn, source: '/relay', client: clients.sns, maxAttempts: 2, random: () => 0 }),
    environment: {
      BATON_OUTBOX_TABLE: table,
      BATON_OUTBOX_SHARDS: String(shards),
      BATON_TOPIC_ARN: topicArn,
      POWERTOOLS_SERVICE_NAME: 'orders-outbox',
    },
  };
}

/** The n-th event of a key. */
export function event(key: string, n: number): Envelope {
  return orderPlaced(key, { id: `${key}-${n}`, total: n });
}

/** Commits events as a producer does: once more, adjusted, for as long as the outbox says that it is worth it. */
export async function commit(
  { dynamodb }: Pick<Clients, 'dynamodb'>,
  outbox: Outbox,
  events: readonly Envelope[],
): Promise<number> {
  const entries = outbox.entriesFor(events);
  for (let attempt = 1; ; attempt++) {
    try {
      await dynamodb.call('TransactWriteItems', { TransactItems: [...entries.items] });
      return attempt;
    } catch (error) {
      const reasons = (error as AwsError).details?.CancellationReasons;
      if (!Array.isArray(reasons)) throw error;
      const conflict = reasons.some(({ Code }) => Code === 'TransactionConflict');
      const adjusted = reasons.map((reason, position) => entries.adjust(position, reason)).some(Boolean);
      if (!adjusted && !conflict) throw error;
    }
  }
}

/** Ids of what the queue got, in the order in which SNS accepted it; a FIFO queue has each only once. */
export function arrived(engines: Engines, { queue }: OutboxUnderTest): string[] {
  const { ready, inflight } = engines.fauxqs.inspectQueue(queue.name)!.messages;
  if (inflight.length > 0) throw new Error('Somebody received messages: their place is lost.');
  return ready.map(({ body }) => (JSON.parse(body) as Envelope).id);
}

/** The same, by key: `a-1` and `a-2` are of `a`. */
export function byKey(ids: readonly string[]): Record<string, string[]> {
  return Object.fromEntries(Map.groupBy(ids, (id) => id.slice(0, id.lastIndexOf('-'))));
}

/** Sort keys of what is left in a shard. */
export async function pending(engines: Engines, { table }: OutboxUnderTest, shard = 0): Promise<string[]> {
  const { Items = [] } = await engines.dynamodb.send(
    new QueryCommand({
      TableName: table,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: `shard#${shard}` } },
      ConsistentRead: true,
    }),
  );
  return Items.map(({ sk }) => sk!.S!);
}

/** Everything in the table. */
export async function items(engines: Engines, { table }: OutboxUnderTest) {
  const { Items = [] } = await engines.dynamodb.send(new ScanCommand({ TableName: table }));
  return Items;
}

/** What an operator does about an event that can never be published. */
export async function discard(engines: Engines, { table }: OutboxUnderTest, sk: string, shard = 0): Promise<void> {
  await engines.dynamodb.send(
    new DeleteItemCommand({ TableName: table, Key: { pk: { S: `shard#${shard}` }, sk: { S: sk } } }),
  );
}

/** A process that dies: at its n-th call, before or after the service has carried it out. Nothing it calls later arrives. */
export interface Mortal {
  clients: Clients;
  died(): boolean;
}

export function mortal(clients: Clients, diesAt: number, when: 'before' | 'after'): Mortal {
  let calls = 0;
  let dead = false;
  const wrap = <Client extends { call: unknown }>(client: Client) =>
    ({
      async call(operation: string, input: object) {
        calls++;
        if (dead || (calls === diesAt && when === 'before')) {
          dead = true;
          throw new Error('killed');
        }
        const isLast = calls === diesAt;
        // what is under way when it dies still arrives, but nobody hears of it
        if (isLast) dead = true;
        const answer = await (client.call as (operation: string, input: object) => Promise<object>)(operation, input);
        if (dead) throw new Error('killed');
        return answer;
      },
    }) as unknown as Client;
  return {
    clients: { dynamodb: wrap(clients.dynamodb), sns: wrap(clients.sns), sqs: wrap(clients.sqs) },
    died: () => dead,
  };
}

/** Watches and remembers. */
export function watching() {
  const seen = { lags: [] as number[], relayed: 0, failed: [] as string[] };
  const watch: RelayWatch = {
    lag: (milliseconds) => seen.lags.push(milliseconds),
    relayed: () => seen.relayed++,
    failed: (_, error) => seen.failed.push(error.message),
  };
  return { seen, watch };
}
