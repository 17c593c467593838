import { checkAttributes } from './attributes.ts';
import { type AnyContract, type Contract, type DataOf, dataschemaOf, versionOf } from './contract.ts';
import {
  InvalidContractError,
  InvalidDataError,
  MalformedEnvelopeError,
  MissingUpcasterError,
  UnknownEventTypeError,
  UnsupportedVersionError,
} from './errors.ts';
import { headersText, keyOf, tenantOf } from './headers.ts';
import { DEEPEST, surveyJson } from './json-data.ts';
import { readJson } from './json-text.ts';
import { cut, preview } from './preview.ts';
import { isSensitive, MASK } from './sensitive.ts';
import { accepted, readableFrom, readerOf, readVersion } from './versions.ts';

/**
 * A CloudEvents 1.0 envelope in structured JSON mode, with the extension attributes that a journey needs.
 * Source: CloudEvents 1.0.2 specification; W3C Trace Context for `traceparent`.
 */
export interface Envelope<Type extends string = string, Data = unknown> {
  specversion: '1.0';
  /** With `source`, what makes the event unique: the idempotency key is both together. */
  id: string;
  /** Who said it: a URI reference, such as `/orders/place-order`. */
  source: string;
  type: Type;
  /** When it happened: RFC 3339, UTC. */
  time: string;
  datacontenttype: 'application/json';
  dataschema: string;
  /** The key of the contract: what events are ordered by. */
  subject: string;
  data: Data;
  /** Where the data is instead, for what is too large to travel: `s3://<bucket>/<key>` (source: CloudEvents extension "Dataref"). */
  dataref?: string;
  /** With `dataref`: `sha256:` and the hash of the data's JSON, in hex. */
  datahash?: string;
  /** With `dataref`: how many bytes the data's JSON has, as a decimal number. */
  datasize?: string;
  /** The oldest version whose readers can read the data, where that is not its own: a decimal number. */
  readablefrom?: string;
  /** The versions that the event is published in side by side, ascending: `1,2`. */
  versions?: string;
  /** Made where a journey starts, carried by everything it causes. */
  correlationid: string;
  /** The id of the event or command that caused this one. */
  causationid?: string;
  /** W3C Trace Context. */
  traceparent?: string;
  /** The contract's headers as JSON, so that whoever publishes the event once more (a relay, a replay) can route it alike. */
  headers?: string;
  /** Whose work it is, where the contract says so. */
  tenant?: string;
}

/** A type or dataschema of a hostile message is cut in what is said of it, in characters. */
const LONGEST_NAME = 200;

/** An event as a handler sees it. */
export type EventOf<C extends AnyContract> =
  C extends Contract<infer Type, infer _Data> ? Envelope<Type, DataOf<C>> : never;

/** What `createEnvelope` needs beside contract and data. */
export interface EnvelopeProps {
  /** Who says it: a URI reference. */
  source: string;
  /** @default a random UUID */
  id?: string;
  /** When it happened. @default now */
  time?: Date;
  /** What caused it; its correlation id and trace are carried on, its id becomes the causation id. @default nothing: a journey starts here */
  cause?: Envelope;
  /** @default that of the cause, or the event's own id */
  correlationId?: string;
  /** @default that of the cause */
  traceparent?: string;
}

/**
 * Wraps data in an envelope, after checking it against the contract.
 * What the schema does not declare is left out, so that readers get what the contract says and nothing else. A schema that
 * transforms (a default, a coercion) is not applied to what is sent: that is for readers to do.
 * @throws InvalidDataError when the data does not fit the contract, would not come back from JSON, or has no key; HeaderError when
 * a header or the tenant cannot be made of it; MalformedEnvelopeError when an id, source or time cannot travel
 */
export function createEnvelope<C extends AnyContract>(contract: C, data: DataOf<C>, props: EnvelopeProps): EventOf<C> {
  if (contract.partial) {
    throw new InvalidContractError(
      `'${contract.type}' is given as what a consumer needs of it, which is not all that its readers expect. Publish the event's own contract.`,
    );
  }
  const { checked, data: outgoing } = contract.toSend(data, asJson(contract, data));
  const id = props.id ?? globalThis.crypto.randomUUID();
  const subject = keyOf(contract, checked);
  const headers = headersText(contract, checked);
  const tenant = tenantOf(contract, checked);
  const traceparent = props.traceparent ?? props.cause?.traceparent;
  const readablefrom = readableFrom(contract);
  const envelope: Envelope = {
    specversion: '1.0',
    id,
    source: props.source,
    type: contract.type,
    time: timestampOf(props.time),
    datacontenttype: 'application/json',
    dataschema: contract.dataschema,
    subject,
    correlationid: props.correlationId ?? props.cause?.correlationid ?? id,
    ...(props.cause && { causationid: props.cause.id }),
    ...(traceparent !== undefined && { traceparent }),
    ...(headers !== undefined && { headers }),
    ...(tenant !== undefined && { tenant }),
    ...(readablefrom !== contract.version && { readablefrom: String(readablefrom) }),
    data: outgoing,
  };
  checkAttributes({ ...envelope });
  return envelope as EventOf<C>;
}

/**
 * An envelope as the text of a message. It is JSON, with U+FFFE and U+FFFF escaped as well: SQS refuses messages that have them,
 * and SNS would lose them on the way there (source: SendMessage, Amazon SQS API reference).
 */
export function envelopeText(envelope: Envelope): string {
  return JSON.stringify(envelope).replace(/[\uFFFE\uFFFF]/g, (each) => (each === '\uFFFE' ? '\\ufffe' : '\\uffff'));
}

/**
 * What readers get of data: itself, or what JSON makes of it.
 * @throws InvalidDataError when that is something else than it is here
 */
function asJson(contract: AnyContract, data: unknown): unknown {
  const { type, version, sensitive } = contract;
  const { violation, plain } = surveyJson(data);
  if (violation !== undefined) {
    const value = isSensitive(sensitive, violation.path) ? MASK : violation.value;
    throw new InvalidDataError(type, version, [{ ...violation, value }]);
  }
  if (plain) return data;
  try {
    const json = readJson(JSON.stringify(data));
    contract.parse(json);
    return json;
  } catch (cause) {
    if (!(cause instanceof InvalidDataError)) throw cause;
    // a schema that wants a Date, say, of which readers get the text
    const violations = cause.violations.map((each) => ({ ...each, message: `as JSON, ${each.message}` }));
    throw new InvalidDataError(type, version, violations, { cause });
  }
}

function timestampOf(time = new Date()): string {
  return Number.isNaN(time.getTime()) ? 'an invalid Date' : time.toISOString();
}

/**
 * Reads an envelope, leaving its data unchecked.
 * @throws MalformedEnvelopeError naming the attribute, the value found and what belongs there.
 */
export function parseEnvelope(text: string): Envelope {
  const value = readJson(text, DEEPEST + 1);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MalformedEnvelopeError(`The message is ${preview(value)}; a CloudEvents envelope is a JSON object.`);
  }
  const envelope = value as Record<string, unknown>;
  if (envelope.specversion !== '1.0') {
    throw new MalformedEnvelopeError(`specversion is ${preview(envelope.specversion)}; this reads CloudEvents '1.0'.`);
  }
  checkAttributes(envelope);
  if (!Object.hasOwn(envelope, 'data') && envelope.dataref === undefined) {
    throw new MalformedEnvelopeError(
      'data is missing; every Baton event carries its data in the envelope, or says in dataref where it is.',
    );
  }
  return envelope as unknown as Envelope;
}

/**
 * Checks an envelope against the contracts that a reader accepts, and returns it with its data as the schema outputs it. Data of
 * an accepted earlier version is upcast, and `dataschema` is then that of the version it has become. A later version is read as
 * the newest that the reader knows where the envelope says so (`readablefrom`).
 * @throws UnknownEventTypeError, UnsupportedVersionError, MissingUpcasterError, UpcastError, InvalidDataError
 */
export function parseEvent<C extends AnyContract>(envelope: Envelope, contracts: readonly C[]): EventOf<C> {
  const { type, dataschema } = envelope;
  const ofType = contracts.filter((contract) => contract.type === type);
  if (ofType.length === 0) {
    throw new UnknownEventTypeError(
      `The type is '${cut(type, LONGEST_NAME)}'; this reader accepts ${contracts.map((c) => `'${c.type}'`).join(', ')}.`,
    );
  }
  const version = versionOf(dataschema);
  const named = version !== undefined && dataschema === dataschemaOf(type, version) ? version : undefined;
  const reader = named && readerOf(ofType, named, Number(envelope.readablefrom ?? named));
  if (!reader) throw unsupported(envelope, named, ofType);
  if (!Object.hasOwn(envelope, 'data')) {
    throw new MalformedEnvelopeError(`Its data is in ${preview(envelope.dataref)}, and nobody fetched it from there.`);
  }
  const data = readVersion(reader.contract, reader.version, envelope.data);
  return { ...envelope, dataschema: reader.contract.dataschema, data } as EventOf<C>;
}

function unsupported(envelope: Envelope, version: number | undefined, ofType: readonly AnyContract[]): Error {
  const known = [...new Set(ofType.flatMap(accepted).map((c) => c.dataschema))].map((each) => `'${each}'`).join(', ');
  const message = `The dataschema of this '${envelope.type}' is '${cut(envelope.dataschema, LONGEST_NAME)}'; this reader accepts ${known}.`;
  const newest = Math.max(...ofType.map((contract) => contract.version));
  if (version === undefined || version > newest) {
    const remedy = version === undefined ? '' : ' Deploy the reader with the new version before it is published.';
    return new UnsupportedVersionError(`${message}${remedy}`);
  }
  return new MissingUpcasterError(
    `${message} No upcaster leads from version ${version} to ${newest}: give the versions between a 'previous' each, down to version ${version}.`,
  );
}

/**
 * What travels beside every message, so that filter policies never open the body: `type`, `version` and `key`.
 * Its contract's headers come on top: see `messageAttributes`. Three of the ten attributes that raw delivery allows (source: Amazon SNS developer guide, raw message delivery).
 */
export function routingAttributes(envelope: Envelope): { type: string; version: string; key: string } {
  return { type: envelope.type, version: String(versionOf(envelope.dataschema)), key: envelope.subject };
}
