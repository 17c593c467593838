import { hash } from 'node:crypto';
import { versionOf } from '../../contracts/contract.ts';
import type { Envelope } from '../../contracts/envelope.ts';

/** The largest data of an event that goes by claim check, as bytes of its JSON: 64 MiB. Producer and consumer hold it in memory. */
export const LARGEST_DATA = 64 * 1_024 * 1_024;

/** An object of S3. */
export interface Place {
  bucket: string;
  key: string;
}

/** The hash of some data's JSON, as `datahash` has it. */
export function datahashOf(json: string): string {
  return `sha256:${hash('sha256', json)}`;
}

/** A place as `dataref` has it. */
export function referenceTo({ bucket, key }: Place): string {
  return `s3://${bucket}/${key}`;
}

/** The place that a `dataref` names; undefined when it names none, or steps out of its bucket on the way there. */
export function readReference(dataref: string): Place | undefined {
  const [, bucket, key] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/(.+)$/s.exec(dataref) ?? [];
  if (bucket === undefined || key === undefined || Buffer.byteLength(key) > LONGEST_KEY) return undefined;
  if (!key.isWellFormed() || key.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    return undefined;
  }
  return { bucket, key };
}

/** Source: "Naming Amazon S3 objects", Amazon S3 user guide. */
const LONGEST_KEY = 1_024;

/**
 * Where the data of an event is put: `<type>/<id>/<version>-<hash>`. It follows from the event alone, so that a publication that is
 * tried again puts the same bytes into the same place, and never others.
 * @param datahash as {@link datahashOf} makes it
 */
export function keyOf({ type, id, dataschema }: Envelope, datahash: string): string {
  const [, hex] = datahash.split(':');
  return `${type}/${safe(id)}/${versionOf(dataschema)}-${hex!.slice(0, 16)}`;
}

/** An id as part of a key: itself, or something like it with a hash of it. */
function safe(id: string): string {
  if (/^[\w-]{1,128}$/.test(id)) return id;
  return `${id.slice(0, 64).replace(/[^\w-]/g, '_')}-${hash('sha256', id).slice(0, 16)}`;
}
