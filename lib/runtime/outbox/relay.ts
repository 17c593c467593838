import { setTimeout as sleep } from 'node:timers/promises';
import { type Envelope, parseEnvelope } from '../../contracts/envelope.ts';
import type { DynamoDb } from '../aws/clients.ts';
import type { Random } from '../batch/retry.ts';
import { PublishError } from '../errors.ts';
import type { Publisher } from '../publish/publisher.ts';
import type { Entry } from './outbox-entry.ts';
import { createRefusals, type Refusals } from './refusals.ts';
import { retire } from './retirement.ts';
import { type Look, lookAtShard } from './shard-look.ts';

/** What a relay tells whoever watches it. */
export interface RelayWatch {
  /** At every look: the age of the shard's oldest pending entry, in milliseconds; 0 when there is none. */
  lag(milliseconds: number): void;
  /** The topic accepted an event. */
  relayed(): void;
  /** An event was not accepted; later ones of its key wait. `error.senderFault`: the topic refuses this very event. */
  failed(entry: Entry, error: PublishError): void;
}

/** What `relayShard` works with. */
export interface RelayProps {
  dynamodb: DynamoDb;
  publisher: Pick<Publisher, 'send'>;
  table: string;
  shard: number;
  /** Entries published at a time; twice as many are read. @default 200 */
  pageSize?: number;
  /**
   * How long, in milliseconds, to wait for more when less than half a page is ready: full pages cost a tenth of single
   * entries. @default 0
   */
  gatherMs?: number;
  /** Kept from run to run, so that a refused event is not sent in every one. @default forgotten after the run */
  refusals?: Refusals;
  /** Ends the run early: events that are under way are awaited, no other is sent. @default runs until the shard is empty */
  signal?: AbortSignal;
  watch?: RelayWatch;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
  /** @default Math.random */
  random?: Random;
}

/** What became of a shard. */
export interface RelayResult {
  /** Events that the topic accepted. */
  relayed: number;
  /** Events that it did not. */
  failed: number;
  /** Whether everything that the last look showed is delivered, or stands behind an event that failed. */
  drained: boolean;
  /** Sort keys of entries that failed in a way that may pass soon, or wait behind such a one. Refused ones are not among them. */
  waiting: ReadonlySet<string>;
}

const PAGE = 200;

/**
 * Publishes what is in a shard of an outbox, each key's events in order, and takes out what the topic has accepted.
 *
 * An event is sent only after the one before it of its key was accepted; different keys go side by side. An event that is
 * not accepted holds back the later ones of its key, and no others. Stopped at any point, or run twice at once, it may
 * publish an event again under the same id, but loses none, and none comes before an older one of its key.
 *
 * An entry is sent only when an earlier look had shown it already. A look is no snapshot: it may show an entry and miss an
 * older one of the same key that was committed while it was reading. The next look, begun after it, does not miss that one.
 * @throws AwsError when the table cannot be read; RetirementError or AwsError when delivered entries cannot be taken out
 */
export async function relayShard(props: RelayProps): Promise<RelayResult> {
  const { dynamodb, table, shard, pageSize = PAGE, gatherMs = 0, signal } = props;
  const { clock = Date.now, random = Math.random } = props;
  const run: Run = {
    props,
    refusals: props.refusals ?? createRefusals(clock),
    relayed: 0,
    failed: 0,
    stuck: new Map(),
    waiting: new Set(),
  };

  const look = async () => {
    const now = clock();
    let oldest = now;
    const found = await lookAtShard(dynamodb, table, shard, 2 * pageSize, (entry) => {
      oldest = Math.min(oldest, entry.committedAt);
      return isOpen(entry, run);
    });
    props.watch?.lag(now - oldest);
    return found;
  };

  let shown: ReadonlySet<string> = new Set();
  let found: Look = await look();
  while (found.entries.length > 0 && !signal?.aborted) {
    const ready = readyToSend(found.entries, shown).slice(0, pageSize);
    shown = new Set(found.entries.map(({ sk }) => sk));
    const isAll = found.complete && ready.length === found.entries.length;
    const delivered = await publish(ready, run);
    // taken out before the next look, which would only read them again
    await retire(dynamodb, table, shard, delivered, random);
    if (isAll) {
      found = { entries: [], complete: true };
      break;
    }
    if (ready.length < pageSize / 2) await sleep(gatherMs, undefined, { signal }).catch(() => undefined);
    found = await look();
    // the topic takes nothing at all: another hundred attempts would not tell more
    if (run.waiting.size > 0 && ready.length > 0 && delivered.length === 0) break;
  }
  const { relayed, failed, waiting } = run;
  return { relayed, failed, waiting, drained: found.entries.length === 0 && !signal?.aborted };
}

interface Run {
  props: RelayProps;
  refusals: Refusals;
  relayed: number;
  failed: number;
  /** Keys of which nothing more is sent in this run, and why: it may pass soon, or the topic refuses the event. */
  stuck: Map<string, 'passing' | 'refused'>;
  waiting: Set<string>;
}

/** Whether an entry is still to be sent in this run. */
function isOpen({ sk, key }: Entry, { stuck, waiting, refusals }: Run): boolean {
  // for the whole run: a wait that ended half-way through a look would let the later entries pass the earlier ones
  if (!stuck.has(key) && refusals.waiting(key)) stuck.set(key, 'refused');
  const reason = stuck.get(key);
  if (reason === 'passing') waiting.add(sk);
  return reason === undefined;
}

/** Of each key, the entries up to the last one that the look before had shown. */
function readyToSend(entries: readonly Entry[], shown: ReadonlySet<string>): Entry[] {
  const last = new Map<string, number>();
  entries.forEach(({ sk, key }, position) => {
    if (shown.has(sk)) last.set(key, position);
  });
  return entries.filter(({ key }, position) => position <= (last.get(key) ?? -1));
}

/** @returns the sort keys of the entries whose every event was accepted */
async function publish(entries: readonly Entry[], run: Run): Promise<string[]> {
  const delivered: string[] = [];
  await Promise.all(
    [...Map.groupBy(entries, ({ key }) => key).values()].map(async (lane) => {
      for (const entry of lane) {
        if (!run.stuck.has(entry.key) && (await publishEntry(entry, run))) {
          delivered.push(entry.sk);
        } else if (run.stuck.get(entry.key) === 'passing') {
          run.waiting.add(entry.sk);
        }
      }
    }),
  );
  return delivered;
}

async function publishEntry(entry: Entry, run: Run): Promise<boolean> {
  const { props, refusals, stuck } = run;
  let accepted = refusals.acceptedOf(entry);
  try {
    const events = envelopesOf(entry);
    for (const [position, event] of events.entries()) {
      if (position < accepted) continue;
      if (props.signal?.aborted) {
        stuck.set(entry.key, 'passing');
        return false;
      }
      await props.publisher.send(event);
      accepted++;
      run.relayed++;
      props.watch?.relayed();
    }
    refusals.delivered(entry);
    return true;
  } catch (error) {
    const failure = error instanceof PublishError ? error : new PublishError(String(error), { cause: error });
    run.failed++;
    stuck.set(entry.key, failure.senderFault ? 'refused' : 'passing');
    if (failure.senderFault) refusals.refused(entry, accepted);
    props.watch?.failed(entry, failure);
    return false;
  }
}

function envelopesOf({ sk, events }: Entry): Envelope[] {
  try {
    if (events.length === 0) throw new Error('it has no events');
    return events.map(parseEnvelope);
  } catch (cause) {
    throw new PublishError(`The outbox entry ${sk} cannot be read: ${(cause as Error).message}.`, {
      cause,
      senderFault: true,
    });
  }
}
