import type { AnyContract, Contract } from '../../contracts/contract.ts';
import { versionOf } from '../../contracts/contract.ts';
import { type Envelope, parseEnvelope, parseEvent } from '../../contracts/envelope.ts';
import {
  InvalidDataError,
  MalformedEnvelopeError,
  MissingUpcasterError,
  UnknownEventTypeError,
  UnsupportedVersionError,
  UpcastError,
  type Violation,
} from '../../contracts/errors.ts';
import { readJson } from '../../contracts/json-text.ts';
import { readReference } from '../../runtime/claim-check/reference.ts';

/**
 * What a consumer's code makes of a message.
 *
 * - `readable`: its handler would get it
 * - `malformed`: no CloudEvents envelope, or a reference to data that its runtime does not follow
 * - `unfetchable`: its data is in S3, and the consumer has no claim check to fetch it by
 * - `unknownType`, `unknownVersion`: an event that it knows nothing of
 * - `missingUpcaster`: a version that is older than those it accepts
 * - `upcastFailed`: of an accepted version, and not made into its own
 * - `invalidData`: the data does not fit its version
 * - `unjudged`: nobody knows; the message says why
 */
export type Verdict =
  | 'readable'
  | 'malformed'
  | 'unfetchable'
  | 'unknownType'
  | 'unknownVersion'
  | 'missingUpcaster'
  | 'upcastFailed'
  | 'invalidData'
  | 'unjudged';

/** What became of one message. */
export interface Judgement {
  verdict: Verdict;
  /** What the message says it is, as far as it could be read. */
  type?: string;
  version?: number;
  /** Why it is not readable. No value that the contract calls sensitive, and none of what has no contract. */
  message?: string;
}

/** What a message is judged by. */
export interface Reader {
  /** Made by {@link adopt}. */
  contracts: readonly AnyContract[];
  /** Whether its runtime understands what operators send through the queue to release a key. */
  strict: boolean;
  /**
   * The bucket that its runtime fetches data from: none of another. `unknown` when only a deployment knows its name.
   * @default none: the runtime gives back whatever refers to its data
   */
  claimCheck?: string | typeof UNKNOWN_BUCKET;
}

/** Where the data of an event is, when it does not travel with it. */
export interface DataReference {
  dataref: string;
  datahash?: string;
}

/** A bucket that there is, whose name only a deployment knows. */
export const UNKNOWN_BUCKET = Symbol('unknown bucket');

/** What an operator sends behind a redrive in strict order; the runtime takes it, no contract does. */
const CONTROL = { type: 'baton.key.released', source: '/baton' };
const LONGEST_MESSAGE = 500;

/**
 * Judges a message as the runtime would on receipt.
 * @param data the JSON of the data that the event refers to, when it has been fetched
 * @returns with `reference` when the answer depends on data that was not given
 */
export function judge(body: string, reader: Reader, data?: string): Judgement & { reference?: DataReference } {
  let envelope: Envelope;
  try {
    envelope = parseEnvelope(body);
  } catch (error) {
    return { verdict: 'malformed', message: withoutValues(error) };
  }
  const version = versionOf(envelope.dataschema);
  const said = { type: envelope.type, ...(version !== undefined && { version }) };
  if (reader.strict && envelope.type === CONTROL.type && envelope.source === CONTROL.source) {
    return { verdict: 'readable', ...said };
  }
  const { dataref, datahash } = envelope;
  const elsewhere = dataref !== undefined && !Object.hasOwn(envelope, 'data');
  if (elsewhere && data !== undefined) {
    try {
      envelope = { ...envelope, data: readJson(data) };
    } catch {
      return { verdict: 'invalidData', ...said, message: 'What its dataref leads to is not JSON.' };
    }
  }
  try {
    parseEvent(envelope, reader.contracts);
    return { verdict: 'readable', ...said };
  } catch (error) {
    if (elsewhere && data === undefined && error instanceof MalformedEnvelopeError) {
      const refusal = refusalOf(envelope, reader);
      if (refusal !== undefined) return { ...refusal, ...said };
      const reference = { dataref, ...(datahash !== undefined && { datahash }) };
      return { verdict: 'unjudged', ...said, reference, message: 'Its data is in S3, and was not fetched.' };
    }
    return { ...verdictOf(error), ...said };
  }
}

/** What a message says it is, as far as it can be read. */
export function saidBy(body: string): Pick<Judgement, 'type' | 'version'> {
  try {
    const { type, dataschema } = parseEnvelope(body);
    const version = versionOf(dataschema);
    return { type, ...(version !== undefined && { version }) };
  } catch {
    return {};
  }
}

/**
 * A contract of a bundle as one of this copy of the library: its errors are then errors that this copy knows. What they say was
 * masked by the bundle's own.
 */
export function adopt(contract: AnyContract): AnyContract {
  const { previous, type, version } = contract;
  return {
    ...contract,
    headers: contract.headers ?? {},
    sensitive: contract.sensitive ?? [],
    partial: contract.partial === true,
    previous: previous && ({ ...previous, contract: adopt(previous.contract) } as Contract['previous']),
    parse(data: unknown) {
      try {
        return contract.parse(data);
      } catch (error) {
        const { name, violations } = error as { name?: unknown; violations?: readonly Violation[] };
        if (name === 'InvalidDataError' && Array.isArray(violations)) {
          throw new InvalidDataError(type, version, violations);
        }
        // what a schema's own code throws may hold anything
        const what = error instanceof Error ? error.name : typeof error;
        throw new InvalidDataError(type, version, [
          { path: '', value: '(not shown)', message: `its schema failed with ${what}` },
        ]);
      }
    },
  };
}

/** Why a runtime would not even follow a reference, in its order. */
function refusalOf({ dataref = '', datahash }: Envelope, { claimCheck }: Reader): Judgement | undefined {
  const malformed = (message: string): Judgement => ({ verdict: 'malformed', message });
  const bucket = readReference(dataref)?.bucket;
  if (bucket === undefined) return malformed("dataref is not what it has to be: 's3://<bucket>/<key>'.");
  if (claimCheck === undefined) {
    const message = `Its data is in the bucket '${bucket}', and this consumer has no claim check: the event goes back until shortly before its queue would forget it, and is dead-lettered then.`;
    return { verdict: 'unfetchable', message };
  }
  if (claimCheck !== UNKNOWN_BUCKET && claimCheck !== bucket) {
    return malformed(`Its data is in the bucket '${bucket}', and this consumer fetches from '${claimCheck}' alone.`);
  }
  if (/^sha256:[0-9a-f]{64}$/.test(datahash ?? '')) return undefined;
  return malformed("datahash is missing, or not what it has to be: 'sha256:' and the hash of the data's JSON in hex.");
}

function verdictOf(error: unknown): Judgement {
  const message = shorten(error instanceof Error ? error.message : String(error));
  if (error instanceof InvalidDataError) return { verdict: 'invalidData', message };
  if (error instanceof UpcastError) return { verdict: 'upcastFailed', message };
  if (error instanceof MissingUpcasterError) return { verdict: 'missingUpcaster', message };
  if (error instanceof UnsupportedVersionError) return { verdict: 'unknownVersion', message };
  if (error instanceof UnknownEventTypeError) return { verdict: 'unknownType', message };
  if (error instanceof MalformedEnvelopeError) return { verdict: 'malformed', message: withoutValues(error) };
  const what = error instanceof Error ? error.name : typeof error;
  return { verdict: 'invalidData', message: `Reading it failed with ${what}.` };
}

/** What is wrong with an envelope, without the values found: nothing says yet which of them are sensitive. */
function withoutValues(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  if (message.startsWith('The message is not JSON')) return 'The message is not JSON.';
  if (/^The message has the property .* twice/s.test(message)) {
    return 'The message has a property twice in one object, and readers differ in which of the two they take.';
  }
  if (/^The message (has a|is nested) /.test(message)) return message;
  const [, attribute, remedy] = /^([a-z]+) is .*;([^;]*)$/s.exec(message) ?? [];
  if (attribute === undefined || remedy === undefined) return 'The message is no CloudEvents envelope.';
  return `${attribute} is missing, or not what it has to be:${remedy}`;
}

function shorten(text: string): string {
  return text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE - 3)}...` : text;
}
