import type { z } from 'zod';
import type { CompatibilityMode } from './compatibility-mode.ts';
import { InvalidContractError } from './errors.ts';
import { checkHeaders, type Headers } from './headers.ts';
import { parserOf } from './parser.ts';
import { checkSensitive } from './sensitive.ts';

/** What `defineEvent` and `defineCommand` take. */
export interface ContractProps<Type extends string, Schema extends z.ZodType, Before = unknown> {
  /** Dotted lower-case name, past tense for an event (`order.placed`), imperative for a command (`order.place`). */
  type: Type;
  /** A positive integer; part of `dataschema` and of the message attributes. What was published as a version never changes again. */
  version: number;
  /**
   * The version before this one, still accepted: who reads this version gets events of that one as well, upcast, and those of
   * the versions before it. Left out, events of earlier versions are contract violations.
   * @default none: this version alone
   */
  previous?: Previous<NoInfer<Type>, Before, z.input<NoInfer<Schema>>>;
  /**
   * The major version that this version belongs to, a positive integer. Versions of one major keep to `compatibility`; a
   * new major is how a type breaks with its past.
   * @default that of `previous`, or 1
   */
  major?: number;
  /**
   * What versions of one major promise each other, as schema registries know it: BACKWARD, this version's readers can read
   * what earlier ones wrote; FORWARD, earlier readers can read what this one writes; FULL, both. With _TRANSITIVE it is promised
   * to all earlier versions of the major, otherwise to the one before.
   * @default that of `previous`, or FULL_TRANSITIVE
   */
  compatibility?: CompatibilityMode;
  /** One sentence for whoever meets the event first. */
  description: string;
  /** What events are ordered by: the CloudEvents `subject`, and the message group on FIFO topics and queues. */
  key: (data: z.output<Schema>) => string;
  schema: Schema;
  /**
   * Fields that no log line, failure context or violation may show, as paths in the data: `customerName`, `card.number`,
   * `lines[].note`. Everything below such a path is sensitive too. Not for what the key is made of: the key travels as the
   * message group and as an attribute.
   * @default none
   */
  sensitive?: readonly string[];
  /**
   * Values that travel beside the message as attributes, so that subscriptions can route by them without opening it. At most
   * 7; `undefined` leaves one out. Names as SNS takes them, apart from those of Baton's own (`type`, `version`, `key`, ...).
   * Never of sensitive fields: attributes are shown wherever a message is, and nothing masks them.
   * @default none
   */
  headers?: Headers<z.output<Schema>>;
  /**
   * Whose work it is. On standard topics and queues it is the message group, by which SQS keeps one tenant's backlog from
   * making the others wait; where order is kept the group is the key, and this is not looked at. Not a sensitive field.
   * @default none: everybody waits in one line
   */
  tenant?: ((data: z.output<Schema>) => string) | undefined;
}

/** The version before, and the way from there. */
export interface Previous<Type extends string, Before, Next> {
  readonly contract: Contract<Type, Before>;
  /**
   * Makes data of this version from data of the one before. A pure function: the same answer each time, nothing else done.
   * What it returns has to fit the schema of this version.
   */
  readonly upcast: (data: Before) => Next;
}

/** An event or command type at one version: the public API between producer and consumers. */
export interface Contract<Type extends string = string, Data = unknown, Input = unknown> {
  readonly kind: 'event' | 'command';
  readonly type: Type;
  readonly version: number;
  readonly description: string;
  /** The CloudEvents `dataschema`: `urn:baton:<type>:<version>`. */
  readonly dataschema: string;
  readonly schema: z.ZodType<Data, Input>;
  readonly key: (data: Data) => string;
  /** Paths of the fields that are masked wherever the runtime shows data. */
  readonly sensitive: readonly string[];
  /** What travels as message attributes, by name. */
  readonly headers: Headers<Data>;
  /** Whose work it is; undefined when the contract knows no tenants. */
  readonly tenant: ((data: Data) => string) | undefined;
  /** The version before this one, and the upcaster from there; undefined when this is the oldest that is accepted. */
  // biome-ignore lint/suspicious/noExplicitAny: what a version's data is, only its own upcaster knows
  readonly previous: Previous<Type, any, any> | undefined;
  readonly major: number;
  readonly compatibility: CompatibilityMode;
  /** Whether it is a consumer's view of the type: see `needs`. */
  readonly partial: boolean;
  /** Returns the data as its schema outputs it. Throws {@link InvalidDataError}, which names paths and values. */
  parse(data: unknown): Data;
  /**
   * The data as it travels: without what the schema does not declare, and not transformed, for that is for readers to do. `checked`
   * is what `parse` makes of it. Throws {@link InvalidDataError} as `parse` does.
   * @param json the data as JSON would bring it back
   */
  toSend(data: unknown, json: unknown): { readonly checked: Data; readonly data: unknown };
}

/** The data type of a contract. */
// biome-ignore lint/suspicious/noExplicitAny: a contract is contravariant in its data through `key`; inference needs the open end
export type DataOf<C extends Contract<string, any>> = ReturnType<C['parse']>;

/** The data of a contract as it travels: before defaults are filled in and texts are made into something else. */
export type InputOf<C extends AnyContract> = z.input<C['schema']>;

/** A contract whose data type does not matter here. */
// biome-ignore lint/suspicious/noExplicitAny: see DataOf
export type AnyContract = Contract<string, any>;

/**
 * Declares an event: something that happened, for whoever cares.
 * @throws InvalidContractError when type or version could not travel as a message attribute, a header could not, a
 * sensitive path leads nowhere, or `previous` is not the version before.
 */
export function defineEvent<const Type extends string, Schema extends z.ZodType, Before = never>(
  props: ContractProps<Type, Schema, Before>,
): Contract<Type, z.output<Schema>, z.input<Schema>> {
  return define('event', props);
}

/**
 * Declares a command: something to do, for exactly one handler.
 * @throws InvalidContractError when type or version could not travel as a message attribute, a header could not, a
 * sensitive path leads nowhere, or `previous` is not the version before.
 */
export function defineCommand<const Type extends string, Schema extends z.ZodType, Before = never>(
  props: ContractProps<Type, Schema, Before>,
): Contract<Type, z.output<Schema>, z.input<Schema>> {
  return define('command', props);
}

/** The dataschema of a type at a version, and back. */
export function dataschemaOf(type: string, version: number): string {
  return `urn:baton:${type}:${version}`;
}

/** The version that a dataschema names; undefined when it is not one of ours. */
export function versionOf(dataschema: string): number | undefined {
  const match = /^urn:baton:[a-z0-9.-]+:([1-9][0-9]*)$/.exec(dataschema);
  return match ? Number(match[1]) : undefined;
}

function define<Type extends string, Schema extends z.ZodType, Before>(
  kind: 'event' | 'command',
  props: ContractProps<Type, Schema, Before>,
): Contract<Type, z.output<Schema>, z.input<Schema>> {
  const { type, version, description, key, schema, sensitive = [], headers = {}, tenant, previous } = props;
  if (!/^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*$/.test(type)) {
    throw new InvalidContractError(
      `The type '${type}' is not a dotted lower-case name. Use words of a-z, 0-9 and '-', joined by dots: 'order.placed'.`,
    );
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new InvalidContractError(`${type}: the version is ${version}. Use a positive integer, starting at 1.`);
  }
  if (description.trim() === '') {
    throw new InvalidContractError(`${type}: the description is empty. Say in a sentence what the ${kind} means.`);
  }
  checkSensitive(type, sensitive, schema);
  checkHeaders(type, headers);
  return {
    kind,
    type,
    version,
    description,
    key,
    sensitive,
    headers,
    tenant,
    previous: previous as Contract<Type>['previous'],
    partial: false,
    ...promiseOf(kind, props as ContractProps<string, z.ZodType>),
    schema: schema as z.ZodType<z.output<Schema>, z.input<Schema>>,
    dataschema: dataschemaOf(type, version),
    ...parserOf({ type, version, sensitive, schema: schema as z.ZodType<z.output<Schema>> }),
  };
}

/** What a version promises to those before it. */
function promiseOf(
  kind: Contract['kind'],
  { type, version, previous, ...props }: ContractProps<string, z.ZodType>,
): Pick<Contract, 'major' | 'compatibility'> {
  const before = previous?.contract;
  if (before?.partial) {
    throw new InvalidContractError(
      `${type} version ${version}: its 'previous' is what a consumer needs of version ${before.version}. Give the contract itself.`,
    );
  }
  if (before !== undefined && (before.type !== type || before.kind !== kind || before.version !== version - 1)) {
    throw new InvalidContractError(
      `${type} version ${version}: its 'previous' is the ${before.kind} '${before.type}' version ${before.version}. An upcaster leads from one version to the next: give version ${version - 1} of the ${kind} '${type}', and that one its own 'previous'.`,
    );
  }
  const { major = before?.major ?? 1, compatibility = before?.compatibility ?? 'FULL_TRANSITIVE' } = props;
  if (!Number.isSafeInteger(major) || major < (before?.major ?? 1)) {
    throw new InvalidContractError(
      `${type} version ${version}: its major is ${major}. Use a positive integer, not below that of the version before${before ? ` (${before.major})` : ''}.`,
    );
  }
  if (!/^(NONE|(BACKWARD|FORWARD|FULL)(_TRANSITIVE)?)$/.test(compatibility)) {
    throw new InvalidContractError(
      `${type} version ${version}: its compatibility is '${compatibility}'. Use NONE, BACKWARD, FORWARD or FULL, or one of the last three with _TRANSITIVE.`,
    );
  }
  return { major, compatibility };
}
