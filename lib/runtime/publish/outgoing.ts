import { type AnyContract, type Contract, type DataOf, versionOf } from '../../contracts/contract.ts';
import { createEnvelope, type Envelope, type EventOf } from '../../contracts/envelope.ts';
import { PublishError } from '../errors.ts';

/** How an event is published from a handler. */
export interface PublishProps<Type extends string = string> {
  /** @default derived from the causing event: the same on every attempt */
  id?: string;
  /**
   * The same event in other versions of its type, for consumers that do not know this one yet: `[outgoing(OrderPlacedV1, data)]`.
   * All are one event: the same id, time and key. A consumer that accepts several handles it once.
   * @default none
   */
  alongside?: readonly Outgoing<Type>[];
}

/** An event to be published: with a commit, or as another version alongside. */
export interface Outgoing<Type extends string = string> {
  // biome-ignore lint/suspicious/noExplicitAny: what its data is, only its contract knows
  readonly contract: Contract<Type, any>;
  readonly data: unknown;
  readonly id: string | undefined;
  readonly alongside?: readonly Outgoing<Type>[];
}

/** An event for `commit({ publish })`, or for `alongside`. Its data is checked there. */
export function outgoing<C extends AnyContract>(
  contract: C,
  data: DataOf<C>,
  { id, alongside = [] }: PublishProps<C['type']> = {},
): Outgoing<C['type']> {
  return { contract, data, id, alongside };
}

/**
 * An event in all the versions that it is published in, newest first.
 * @param event one of them, which the others follow in everything but version and data
 * @throws PublishError when the others are of another type, share a version, or have another key; InvalidDataError when
 *   data breaks its contract
 */
export function inAllVersions<C extends AnyContract>(
  event: EventOf<C>,
  alongside: readonly Outgoing[] = [],
): readonly Envelope[] {
  if (alongside.length === 0) return [event];
  const refuse = (problem: string): never => {
    throw new PublishError(`'${event.type}' ${event.id} cannot be published side by side: ${problem}`, {
      eventId: event.id,
      senderFault: true,
      permanent: true,
    });
  };
  const versions: Envelope[] = [event];
  for (const { contract, data, id = event.id, alongside: more = [] } of alongside) {
    if (contract.type !== event.type) refuse(`'${contract.type}' is another type. Publish it as an event of its own.`);
    if (id !== event.id || more.length > 0) {
      refuse(`version ${contract.version} has an id or an \`alongside\` of its own. Give both to the event itself.`);
    }
    const { traceparent, causationid } = event;
    const version: Envelope = createEnvelope(contract, data, {
      source: event.source,
      id,
      time: new Date(event.time),
      correlationId: event.correlationid,
      ...(traceparent !== undefined && { traceparent }),
    });
    if (causationid !== undefined) version.causationid = causationid;
    if (version.subject !== event.subject) {
      refuse(
        `its key is '${event.subject}', that of version ${contract.version} is '${version.subject}'. They are one event, which has one place in the order: make their keys equal.`,
      );
    }
    if (versions.some(({ dataschema }) => dataschema === version.dataschema)) {
      refuse(`version ${contract.version} is given twice. Give each version once.`);
    }
    versions.push(version);
  }
  versions.sort((a, b) => versionOf(b.dataschema)! - versionOf(a.dataschema)!);
  const numbers = versions.map(({ dataschema }) => versionOf(dataschema));
  for (const version of versions) version.versions = numbers.toReversed().join(',');
  return versions;
}
