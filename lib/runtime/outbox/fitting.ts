import { type Envelope, envelopeText } from '../../contracts/envelope.ts';
import { type ClaimCheck, WITHOUT_CLAIM_CHECK } from '../claim-check/claim-check.ts';
import { PublishError } from '../errors.ts';
import { attributesOf } from '../publish/message.ts';

/** The events of one key, as an outbox keeps them. */
export interface KeyedEvents {
  /** Envelopes as JSON, in order. */
  texts: readonly string[];
  firstId: string;
}

/** Events that fit into what has to carry them. */
export interface Fitted {
  /** By key, in the order of each key's first event. */
  byKey: ReadonlyMap<string, KeyedEvents>;
  /** Puts what the events refer to, where some of them travel as references. */
  store?: () => Promise<void>;
}

/** An item has 400 KB, names included (source: Service quotas, Amazon DynamoDB developer guide); the rest is for what is beside the events. */
const LARGEST_ENTRY = 400 * 1_024 - 4 * 1_024;
/** Of the 4 MB of a transaction (source: TransactWriteItems, Amazon DynamoDB API reference), what the handler's own writes leave. */
const LARGEST_COMMIT = 3 * 1_024 * 1_024;

/** An event on its way into an outbox. */
interface Draft {
  event: Envelope;
  text: string;
  /** Of the text. */
  bytes: number;
  /** Puts its data elsewhere. @default it has its data with it */
  store?: () => Promise<void>;
  /** Whether it has been made as small as it can be: its data is elsewhere, unless the reference were larger. */
  shrunk?: true;
}

/**
 * Makes the events of a commit fit: each into what the topic takes, those of a key into one item, all of them into a
 * transaction. With a claim check, the largest travel as references until they do.
 * @throws PublishError when they do not: what could never be relayed must not be committed
 */
export function fitEvents(events: readonly Envelope[], maxBytes: number, claimCheck: ClaimCheck | undefined): Fitted {
  const drafts = events.map((event): Draft => {
    const text = envelopeText(event);
    return { event, text, bytes: Buffer.byteLength(text) };
  });
  const shrink = (draft: Draft) => {
    const { envelope, store } = claimCheck!.checkIn(draft.event);
    const text = envelopeText(envelope);
    const bytes = Buffer.byteLength(text);
    if (bytes < draft.bytes) Object.assign(draft, { text, bytes, store });
    draft.shrunk = true;
  };
  for (const draft of drafts) {
    const beside = attributesOf(draft.event).bytes;
    if (claimCheck && draft.bytes + beside > maxBytes) shrink(draft);
    refuseLarger(draft, draft.bytes + beside, maxBytes, 'the topic takes');
  }
  const groups = Map.groupBy(drafts, ({ event }) => event.subject);
  for (const group of claimCheck ? groups.values() : []) shrinkTo(LARGEST_ENTRY, group, shrink);
  if (claimCheck) shrinkTo(LARGEST_COMMIT, drafts, shrink);
  for (const [key, group] of groups) {
    let bytes = 0;
    for (const draft of group) {
      bytes += draft.bytes;
      refuseLarger(draft, bytes, LARGEST_ENTRY, `with the events of '${key}' before it, an outbox takes`);
    }
  }
  const stores = drafts.flatMap(({ store }) => store ?? []);
  return {
    byKey: new Map(
      Array.from(groups, ([key, group]) => [
        key,
        { texts: group.map(({ text }) => text), firstId: group[0]!.event.id },
      ]),
    ),
    ...(stores.length > 0 && { store: () => storeAll(stores) }),
  };
}

/** Has the largest made smaller, until all together have no more bytes than that, or nothing would help. */
function shrinkTo(limit: number, drafts: readonly Draft[], shrink: (draft: Draft) => void): void {
  let bytes = drafts.reduce((sum, draft) => sum + draft.bytes, 0);
  if (bytes <= limit) return;
  for (const draft of drafts.toSorted((a, b) => b.bytes - a.bytes)) {
    if (bytes <= limit) return;
    if (draft.shrunk) continue;
    bytes -= draft.bytes;
    shrink(draft);
    bytes += draft.bytes;
  }
}

async function storeAll(stores: readonly (() => Promise<void>)[]): Promise<void> {
  // all of them have to end before the caller hears of one that failed
  const failed = (await Promise.allSettled(stores.map((store) => store()))).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

function refuseLarger({ event, shrunk }: Draft, bytes: number, limit: number, what: string): void {
  if (bytes <= limit) return;
  const { id: eventId, type } = event;
  const remedy = shrunk ? 'Publish less at once, or shorten what is beside the data.' : WITHOUT_CLAIM_CHECK;
  throw new PublishError(`'${type}' ${eventId} makes ${bytes} bytes; ${what} ${limit}. ${remedy}`, {
    eventId,
    senderFault: true,
    permanent: true,
  });
}
