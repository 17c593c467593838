import type { Message } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { type Envelope, parseEnvelope } from '../../../lib/contracts/index.ts';
import type { Clients } from '../../../lib/runtime/aws/clients.ts';
import { createStatements } from '../../../lib/runtime/aws/statements.ts';
import { createDeadLetters } from '../../../lib/runtime/batch/dead-letter.ts';
import { groupOf } from '../../../lib/runtime/batch/lanes.ts';
import { createParking, type Parking } from '../../../lib/runtime/parking/parking.ts';
import { batchOf, type TestQueue } from '../engines.ts';

/** What a handler comes to: done, to be tried again, or failed for good. */
export type End = 'done' | 'again' | 'failed';

export interface StrictConsumerProps {
  clients: Pick<Clients, 'dynamodb' | 'sqs'>;
  queue: TestQueue;
  deadLetterQueueUrl: string;
  table: string;
  consumer: string;
  handle: (eventId: string) => End;
  clock?: () => number;
}

/** A consumer of a FIFO queue with parking, as small as can be: its guard is a set. */
export function createStrictConsumer(props: StrictConsumerProps) {
  const { clients, table, consumer, handle, clock = Date.now } = props;
  /** Event ids, in the order in which they were handled. */
  const handled: string[] = [];
  const read = createStatements({ client: clients.dynamodb, kind: 'reads' });

  /** Handles a batch as one invocation does; what it returns may be acknowledged. */
  async function invoke(records: readonly SQSRecord[]): Promise<SQSRecord[]> {
    const parking = createParking({ table, consumer, read, dynamodb: clients.dynamodb, clock });
    const deadLetter = createDeadLetters({
      client: clients.sqs,
      queueUrl: props.deadLetterQueueUrl,
      consumer,
      functionVersion: '1',
      clock,
    });
    parking.prepare(records);
    const groups = Map.groupBy(records, (record) => groupOf(record)!);
    const done = await Promise.allSettled(
      [...groups.values()].map(async (group) => {
        const acknowledged: SQSRecord[] = [];
        for (const record of group) {
          if (!(await settle(record, parking, deadLetter))) break;
          acknowledged.push(record);
        }
        return acknowledged;
      }),
    );
    const crash = done.find(({ status }) => status === 'rejected');
    if (crash !== undefined) throw (crash as PromiseRejectedResult).reason;
    return done.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  }

  async function settle(
    record: SQSRecord,
    parking: Parking,
    deadLetter: ReturnType<typeof createDeadLetters>,
  ): Promise<boolean> {
    const envelope: Envelope | undefined = record.body.startsWith('{') ? parseEnvelope(record.body) : undefined;
    const verdict = await parking.verdict(record, envelope);
    if (verdict.kind === 'control') return true;
    if (verdict.kind === 'park') {
      await deadLetter({ record, ...verdict.letter });
      return true;
    }
    const id = envelope?.id ?? record.body;
    const end = handled.includes(id) ? 'done' : handle(id);
    if (end === 'again') return false;
    if (end === 'failed') {
      const placement = await parking.beforeDeadLetter(record, envelope?.id);
      await deadLetter({ record, error: new Error('failed'), ...(envelope && { eventId: id }), ...placement });
      return true;
    }
    if (!handled.includes(id)) handled.push(id);
    await parking.settled(record);
    return true;
  }

  return { handled, invoke, recordOf: (message: Message) => toRecord(props.queue, message) };
}

/** What Lambda makes of a message. */
export function toRecord(queue: TestQueue, message: Message): SQSRecord {
  return batchOf(queue, [message]).Records[0]!;
}
