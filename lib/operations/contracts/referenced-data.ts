import { createHash } from 'node:crypto';
import { DataGoneError, DataMismatchError, ForeignDataError } from './errors.ts';
import type { DataReference, Judgement } from './judgement.ts';
import type { DeployedConsumer } from './pipeline.ts';

/**
 * Fetches the data that an event in the queue of a consumer refers to: its JSON. Rejects when it cannot: with ForeignDataError,
 * DataGoneError or DataMismatchError when the consumer could not either, and with anything else when nobody knows.
 */
export type FetchData = (dataref: string, consumer: DeployedConsumer) => Promise<string>;

/**
 * The data that an event refers to, or what is to be said of the event without it.
 * Source: the envelope's `datahash`, which is of the very text that was put there.
 */
export async function resolveReference(
  { dataref, datahash }: DataReference,
  consumer: DeployedConsumer,
  fetchData: FetchData,
): Promise<{ data: string } | Pick<Judgement, 'verdict' | 'message'>> {
  const shown = JSON.stringify(dataref).slice(0, 200);
  let data: string;
  try {
    data = await fetchData(dataref, consumer);
  } catch (error) {
    const { message } = error as Error;
    // the runtime would not wait for any of these to change either
    if (error instanceof ForeignDataError)
      return { verdict: 'malformed', message: `Its data is in ${shown}; ${message}.` };
    if (error instanceof DataGoneError) return { verdict: 'invalidData', message: `Its data is gone: ${message}.` };
    if (error instanceof DataMismatchError)
      return { verdict: 'invalidData', message: `${mismatch(shown)}: ${message}.` };
    return { verdict: 'unjudged', message: `Its data could not be fetched from ${shown} (${message}).` };
  }
  const hash = `sha256:${createHash('sha256').update(data).digest('hex')}`;
  if (datahash !== undefined && datahash !== hash) return { verdict: 'invalidData', message: `${mismatch(shown)}.` };
  return { data };
}

function mismatch(shown: string): string {
  return `What ${shown} leads to is not what the event was published with`;
}
