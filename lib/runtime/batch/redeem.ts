import type { AnyContract } from '../../contracts/contract.ts';
import type { Envelope } from '../../contracts/envelope.ts';
import type { MemoryShare } from '../claim-check/memory-share.ts';
import { type Delivery, returned } from './delivery.ts';
import type { Outcome } from './outcome.ts';
import { type Reading, readEvent } from './record.ts';
import type { Place } from './rendezvous.ts';

/**
 * Where a record is while its data is being fetched: nowhere that others would wait for it. A record that holds memory may
 * wait for all that have entered the rendezvous, and one that waits for memory must not be among them.
 */
export const ELSEWHERE: Place = { arrive: () => undefined, together: async () => undefined };

/**
 * Fetches the data that an event refers to, and reads the event as if it had come along.
 * @returns an outcome when there is no time left
 */
export async function redeem(
  envelope: Envelope,
  share: MemoryShare,
  delivery: Delivery,
): Promise<Reading<AnyContract> | Outcome> {
  const { record, invocation } = delivery;
  const { deadline, contracts, fetchData, rendezvous, telemetry } = invocation;
  await Promise.race([share.ready, deadline.exceeded]);
  if (deadline.near()) return returned('deadline', 0);
  try {
    const fetching = fetchData(envelope);
    const fetched = await Promise.race([fetching, deadline.exceeded]);
    if (fetched === undefined) {
      fetching.catch(() => undefined);
      return returned('deadline', 0);
    }
    share.fetched();
    telemetry.fetched(record, envelope.type, fetched.data);
    const { dataref, datahash, datasize, ...rest } = envelope;
    return readEvent({ ...rest, data: fetched.data }, contracts);
  } catch (error) {
    return { error, envelope };
  } finally {
    delivery.place = rendezvous.enter();
  }
}
