import { isPortable } from './attributes.ts';
import type { AnyContract } from './contract.ts';
import { type Envelope, routingAttributes } from './envelope.ts';
import { HeaderError, InvalidContractError, InvalidDataError, MalformedEnvelopeError } from './errors.ts';
import { readJson } from './json-text.ts';
import { cut, preview, thrownText } from './preview.ts';
import { createMask, maskPlaces } from './sensitive.ts';

/** What a header may be: a text, a number that filter policies can compare, or nothing. */
export type HeaderValue = string | number | undefined;

/** The headers of a contract: how each is made of the data. */
export type Headers<Data> = Readonly<Record<string, (data: Data) => HeaderValue>>;

/** A message attribute as SNS and SQS take it. */
export interface MessageAttribute {
  DataType: 'String' | 'Number';
  StringValue: string;
}

/** Raw delivery drops messages with more (source: Amazon SNS developer guide, "Amazon SNS message attributes"). */
const ATTRIBUTES = 10;
/** Of every message: see `routingAttributes`. */
const OWN = ['type', 'version', 'key'];
/** The attributes that a dead letter always has: why it is one. */
export const FAILURE_CONTEXT = [
  'errorClass',
  'errorMessage',
  'errorStack',
  'attempts',
  'firstFailure',
  'lastFailure',
  'consumer',
  'functionVersion',
  'eventId',
] as const;
/** What stands beside a message on its way back from a DLQ; the runtime would take a header for it. */
const FAILURE: readonly string[] = [...FAILURE_CONTEXT, 'reason', 'parked', 'parkedBehind', 'parkedKey', 'redriveId'];
/** Filter policies compare numbers up to here (source: Amazon SNS developer guide, "Filter policy constraints"). */
const LARGEST_NUMBER = 1e9;

/**
 * Checks the headers of a contract.
 * @throws InvalidContractError when there are too many, or SNS or Baton would not take a name
 */
export function checkHeaders(type: string, headers: Headers<never>): void {
  const names = Object.keys(headers);
  const room = ATTRIBUTES - OWN.length;
  if (names.length > room) {
    throw new InvalidContractError(
      `${type}: it has ${names.length} headers (${names.join(', ')}), and raw delivery drops messages with more than ${ATTRIBUTES} attributes, of which Baton needs ${OWN.length}. Keep ${room} at most; what nobody routes by belongs in the data.`,
    );
  }
  for (const name of names) {
    const problem = problemOf(name);
    if (problem !== undefined) throw new InvalidContractError(`${type}: the header '${name}' ${problem}`);
  }
}

/** Source: MessageAttributeValue and "Amazon SNS message attributes", Amazon SNS documentation. */
function problemOf(name: string): string | undefined {
  if (name === '__proto__') return 'has a name that JavaScript takes for something else. Give it another one.';
  if (OWN.includes(name) || FAILURE.includes(name)) {
    return 'has a name that Baton uses itself. Give it another one.';
  }
  if (!/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(name) || name.length > 256) {
    return "has a name that SNS does not take. Use up to 256 of A-Z, a-z, 0-9, '_', '-', and single dots inside.";
  }
  if (/^(aws|amazon)\./i.test(name))
    return "has a name that is reserved for AWS. Do not begin it with 'AWS.' or 'Amazon.'.";
  return undefined;
}

/**
 * The headers of an event as its envelope carries them; undefined when there are none.
 * @throws HeaderError when one cannot be made, or could not travel
 */
export function headersText<C extends AnyContract>(contract: C, data: Parameters<C['key']>[0]): string | undefined {
  const values: Record<string, string | number> = {};
  for (const [name, read] of Object.entries(contract.headers)) {
    const value = make(contract, name, data, read);
    if (value === undefined) continue;
    if (typeof value === 'number') {
      if (!(Math.abs(value) <= LARGEST_NUMBER)) {
        throw refusal(
          contract,
          name,
          `is ${value}; SNS compares numbers from -1,000,000,000 to 1,000,000,000. Make it a text.`,
        );
      }
      values[name] = value;
    } else values[name] = sound(contract, name, value);
  }
  return Object.keys(values).length === 0 ? undefined : JSON.stringify(values);
}

/**
 * Whose work an event is; undefined when its contract knows no tenants.
 * @throws HeaderError when it cannot be told
 */
export function tenantOf<C extends AnyContract>(contract: C, data: Parameters<C['key']>[0]): string | undefined {
  if (contract.tenant === undefined) return undefined;
  return sound(contract, 'tenant', make(contract, 'tenant', data, contract.tenant));
}

/**
 * What events are ordered by, made of the data of one. It becomes a message attribute, which SNS takes only of some characters: an
 * event that could never be published is refused here, where somebody sees it.
 * @throws InvalidDataError when it cannot be made, is empty, or could not travel
 */
export function keyOf<C extends AnyContract>(contract: C, data: Parameters<C['key']>[0]): string {
  const refuse = (value: string, problem: string, options?: ErrorOptions) =>
    new InvalidDataError(
      contract.type,
      contract.version,
      [{ path: '', value, message: `its key ${problem}` }],
      options,
    );
  let key: unknown;
  try {
    key = contract.key(data);
  } catch (cause) {
    const shown = preview(maskPlaces(contract, data));
    throw refuse(shown, `could not be made: ${createMask(contract, data)(thrownText(cause))}`, { cause });
  }
  if (key === '') throw refuse('""', 'is empty, and an event without a key cannot be ordered');
  if (typeof key !== 'string') throw refuse(preview(key), 'is no text, and the subject of an event is one');
  if (!isPortable(key)) {
    throw refuse(
      preview(key),
      'has characters that SNS does not take (control characters, U+FFFE, U+FFFF, or half a pair). Encode it, or make the key of something else',
    );
  }
  return key;
}

/**
 * The headers that an envelope carries.
 * @throws MalformedEnvelopeError when they are not as Baton writes them
 */
export function headersOf({ headers }: Pick<Envelope, 'headers'>): Readonly<Record<string, string | number>> {
  if (headers === undefined) return {};
  try {
    const values = readJson(headers);
    const isRecord = typeof values === 'object' && values !== null && !Array.isArray(values);
    if (isRecord && Object.values(values).every((one) => typeof one === 'string' || typeof one === 'number')) {
      return values as Record<string, string | number>;
    }
  } catch {
    // said below
  }
  throw new MalformedEnvelopeError(
    `headers is ${cut(String(headers), 80)}; a Baton envelope has a JSON object of texts and numbers there.`,
  );
}

/**
 * Everything that travels beside a message for filter policies to look at: type, version, key and headers.
 * @throws MalformedEnvelopeError when its headers are not as Baton writes them
 */
export function messageAttributes(envelope: Envelope): Record<string, MessageAttribute> {
  const attributes: Record<string, MessageAttribute> = {};
  for (const [name, value] of Object.entries({ ...headersOf(envelope), ...routingAttributes(envelope) })) {
    attributes[name] = { DataType: typeof value === 'number' ? 'Number' : 'String', StringValue: String(value) };
  }
  return attributes;
}

function make<Value>(contract: AnyContract, name: string, data: unknown, read: (data: never) => Value): Value {
  try {
    return read(data as never);
  } catch (cause) {
    const message = createMask(contract, data)(thrownText(cause));
    throw refusal(contract, name, `could not be made: ${message}`, { cause });
  }
}

/** Source: Publish, Amazon SNS API reference: no empty text, and characters of XML 1.0 only. */
function sound(contract: AnyContract, name: string, value: unknown): string {
  if (typeof value !== 'string') {
    throw refusal(contract, name, `is of type ${value === null ? 'null' : typeof value}; a text is needed.`);
  }
  if (value === '') {
    throw refusal(
      contract,
      name,
      `is an empty text, which SNS does not take.${name === 'tenant' ? '' : ' Return undefined to leave it out.'}`,
    );
  }
  if (!isPortable(value)) {
    throw refusal(contract, name, 'has characters that SNS does not take (control characters, or half a pair).');
  }
  return value;
}

function refusal({ type, version }: AnyContract, name: string, problem: string, options?: ErrorOptions): HeaderError {
  return new HeaderError(type, version, name, problem, options);
}
