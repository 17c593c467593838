import type { PublishBatchInput } from '@aws-sdk/client-sns';
import { AwsError } from '../../../lib/runtime/aws/aws-error.ts';
import type { Sns } from '../../../lib/runtime/aws/clients.ts';

/** What becomes of an entry: accepted, failed for now, or refused for what it is. */
export type Fate = 'accept' | 'fail' | 'refuse' | 'leaveOut';
/** What becomes of a call: answered, or ended by an error before or after its entries were accepted. */
export type CallFate = 'answer' | 'lose' | 'loseAnswer' | 'refuse' | 'deny';

/** A topic that fails at will: the embedded engine accepts everything. Entries are told apart by their event id. */
export interface StubbornTopic {
  client: Sns;
  /** The event ids of each call. */
  sent: string[][];
  /** The groups of each call. */
  groups: (string | undefined)[][];
  /** Accepted events in order, as `group/id`; a second copy in a FIFO group is not accepted again. */
  accepted: { group: string | undefined; id: string }[];
  /** The most calls that were under way at once. */
  busiest: number;
  /** The most bytes of bodies that a call had. */
  largest: number;
}

export function stubbornTopic(
  fateOf: (id: string, call: number) => Fate = () => 'accept',
  fateOfCall: (call: number, entries: number) => CallFate = () => 'answer',
  /** Turns of the event loop that a call takes. */
  turnsOf: (call: number) => number = () => 1,
): StubbornTopic {
  let under = 0;
  const topic: StubbornTopic = {
    sent: [],
    groups: [],
    accepted: [],
    busiest: 0,
    largest: 0,
    client: {
      async call(operation: string, input: object) {
        if (operation !== 'PublishBatch') throw new Error(`The topic was asked for ${operation}.`);
        const { PublishBatchRequestEntries: entries = [] } = input as PublishBatchInput;
        const parsed = entries.map(({ Id, Message, MessageGroupId: group }) => ({
          Id,
          group,
          id: (JSON.parse(Message!) as { id: string }).id,
          bytes: Buffer.byteLength(Message!),
        }));
        topic.sent.push(parsed.map(({ id }) => id));
        topic.groups.push(parsed.map(({ group }) => group));
        topic.largest = Math.max(
          topic.largest,
          parsed.reduce((sum, { bytes }) => sum + bytes, 0),
        );
        const call = topic.sent.length;
        topic.busiest = Math.max(topic.busiest, ++under);
        try {
          for (let turn = 0; turn < turnsOf(call); turn++) await new Promise((resolve) => setImmediate(resolve));
          const callFate = fateOfCall(call, entries.length);
          if (callFate === 'lose') throw AwsError.ofNetwork('sns', new Error('connection reset'));
          if (callFate === 'refuse') throw new AwsError('InvalidParameter', 'one of them is wrong', { status: 400 });
          if (callFate === 'deny') throw new AwsError('AuthorizationError', 'not you', { status: 403 });
          const fates = parsed.map((entry) => ({ ...entry, fate: fateOf(entry.id, call) }));
          for (const { id, group, fate } of fates) {
            const isTwin = group !== undefined && topic.accepted.some((one) => one.id === id);
            if (fate === 'accept' && !isTwin) topic.accepted.push({ group, id });
          }
          if (callFate === 'loseAnswer') throw AwsError.ofNetwork('sns', new Error('socket hang up'));
          return {
            Successful: fates.filter(({ fate }) => fate === 'accept').map(({ Id }) => ({ Id, MessageId: 'm' })),
            Failed: fates
              .filter(({ fate }) => fate === 'fail' || fate === 'refuse')
              .map(({ Id, fate }) => ({ Id, Code: 'InternalError', SenderFault: fate === 'refuse' })),
          };
        } finally {
          under--;
        }
      },
    } as unknown as Sns,
  };
  return topic;
}
