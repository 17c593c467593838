import { createHash } from 'node:crypto';
import { DataGoneError } from './errors.ts';
import type { DataReference, Judgement } from './judgement.ts';

/** Fetches the data that an event refers to: its JSON. Rejects when it cannot: DataGoneError when nobody could. */
export type FetchData = (dataref: string) => Promise<string>;

/**
 * The data that an event refers to, or what is to be said of the event without it.
 * Source: the envelope's `datahash`, which is of the very text that was put there.
 */
export async function resolveReference(
  { dataref, datahash }: DataReference,
  fetchData: FetchData,
): Promise<{ data: string } | Pick<Judgement, 'verdict' | 'message'>> {
  let data: string;
  try {
    data = await fetchData(dataref);
  } catch (error) {
    const { message } = error as Error;
    // the runtime would not wait for it to come back either
    if (error instanceof DataGoneError) return { verdict: 'invalidData', message: `Its data is gone: ${message}.` };
    return { verdict: 'unjudged', message: `Its data could not be fetched from ${dataref} (${message}).` };
  }
  const hash = `sha256:${createHash('sha256').update(data).digest('hex')}`;
  if (datahash !== undefined && datahash !== hash) {
    return { verdict: 'invalidData', message: `What ${dataref} leads to is not what the event was published with.` };
  }
  return { data };
}
