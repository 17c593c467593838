import * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { type AnyContract, accepted } from '../../contracts/index.ts';
import { UnsafePropsError } from '../errors.ts';
import { conditionOf, type EventPattern, readPattern, remedyFor, wants } from './event-pattern.ts';
import { canFulfil, type HeaderRules, missingHeaders, objectionTo } from './header-rule.ts';
import type { IEventTopic } from './topic-base.ts';
import { type AttributeRules, canRead, isAccepted, versionRules } from './version-filter.ts';

/** What a subscriber wants of a topic: events, and patterns of their types. */
export type Wanted = readonly (AnyContract | string)[];

/** How a subscription gets what it wants. */
export interface SubscriptionRouting {
  /** The events of the topic that reach it, in the topic's order. */
  readonly events: readonly AnyContract[];
  /** What may reach it, by its declaration: the dataschemas of the same, and of what its contracts accept beside them. */
  readonly dataschemas: readonly string[];
  /** Rules that all have to hold. */
  readonly filterPolicy: AttributeRules;
  /** Of these, one has to hold as well; empty when there is nothing to choose from. Otherwise two or more. */
  readonly anyOf: readonly AttributeRules[];
}

/** What a subscriber may say about {@link routingOf} beside what it wants. */
export interface RoutingOptions {
  /** @default whatever they are */
  readonly headers?: HeaderRules | undefined;
  /** Whether only the versions pass that its contracts accept. @default false */
  readonly pinVersions?: boolean | undefined;
}

/** Source of all of them: Amazon SNS developer guide, "Filter policy constraints". */
const KEYS = 5;
const COMBINATIONS = 150;
const LARGEST_POLICY = 256 * 1024;

/**
 * Turns what a subscriber wants into a filter policy on attributes.
 *
 * The filter is on the event's type. Unless versions are pinned it is not on the version: one that the subscriber does not know
 * yet has to end in its DLQ, where somebody sees it, and not in SNS's filter, where nobody does.
 *
 * @throws UnsafePropsError when SNS could not express it, some of it could never match, or the topic carries a version that
 *   the subscriber would get and could not read
 */
export function routingOf(
  scope: Construct,
  topic: IEventTopic,
  wanted: Wanted,
  { headers = {}, pinVersions = false }: RoutingOptions = {},
): SubscriptionRouting {
  if (wanted.length === 0) {
    throw new UnsafePropsError(scope, 'It wants no events.', 'List at least one in `events`.');
  }
  const contracts = wanted.filter((each) => typeof each !== 'string');
  const patterns = wanted.filter((each) => typeof each === 'string').map((text) => readOrRefuse(scope, text, topic));
  if (pinVersions) refusePinnedPatterns(scope, patterns);
  const reads = pinVersions ? isAccepted : canRead;
  for (const event of contracts) {
    if (!topic.events.some((carried) => reads([event], carried))) refuseForeign(scope, event, topic, pinVersions);
  }
  const named = topic.events.filter((event) =>
    pinVersions
      ? isAccepted(contracts, event)
      : contracts.some(({ type }) => type === event.type) || patterns.some(({ pattern }) => wants(pattern, event.type)),
  );
  refuseBadRules(scope, headers, named);
  for (const event of contracts) {
    const met = named.filter((carried) => reads([event], carried));
    if (!met.some((each) => canFulfil(each, headers))) refuseUnfulfillable(scope, met[0]!, headers);
    const lost = met.find((each) => !canFulfil(each, headers));
    if (lost) refuseLost(scope, lost, headers, topic);
  }
  for (const { text, pattern } of patterns) {
    const meant = topic.events.filter(({ type }) => wants(pattern, type));
    if (meant.length === 0) refuseIdle(scope, text, topic);
    if (!meant.some((event) => canFulfil(event, headers))) refuseUnfulfillable(scope, meant[0]!, headers);
    // types without the header are not meant; of a type that has it in one version, every version is
    const routed = new Set(meant.filter((event) => canFulfil(event, headers)).map(({ type }) => type));
    const lost = meant.find((event) => routed.has(event.type) && !canFulfil(event, headers));
    if (lost) refuseLost(scope, lost, headers, topic);
  }
  const events = named.filter((event) => canFulfil(event, headers));
  // Who asks for a pattern takes whatever comes; what its handler knows is not said here.
  const promised = events.filter(({ type }) => !patterns.some(({ pattern }) => wants(pattern, type)));
  const unreadable = promised.find((event) => !reads(contracts, event));
  if (unreadable) refuseUnreadable(scope, unreadable, contracts, topic);

  const alternatives = pinVersions ? versionRules(contracts) : [typeRules(contracts, patterns)];
  const [only, ...others] = alternatives;
  const routing = {
    events,
    dataschemas: [...new Set([...events, ...contracts.flatMap(accepted)].map(({ dataschema }) => dataschema))],
    filterPolicy: others.length === 0 ? { ...headers, ...only } : headers,
    anyOf: others.length === 0 ? [] : alternatives,
  };
  refuseBeyondSns(scope, routing);
  return routing;
}

/**
 * A filter policy as SNS takes it.
 * Source: Amazon SNS developer guide, "AND/OR logic": `$or` has two members at least.
 */
export function policyOf({ filterPolicy, anyOf }: Pick<SubscriptionRouting, 'filterPolicy' | 'anyOf'>): object {
  return { ...conditionsIn(filterPolicy), ...(anyOf.length > 0 && { $or: anyOf.map(conditionsIn) }) };
}

/** The events and patterns as people write them. */
export function namesOf(wanted: Wanted): string[] {
  return [...new Set(wanted.map((each) => (typeof each === 'string' ? each : each.type)))];
}

interface WrittenPattern {
  readonly text: string;
  readonly pattern: EventPattern;
}

function readOrRefuse(scope: Construct, text: string, topic: IEventTopic): WrittenPattern {
  const pattern = readPattern(text);
  if (pattern !== undefined) return { text, pattern };
  throw new UnsafePropsError(
    scope,
    `It wants '${text}', a pattern that SNS cannot express.`,
    remedyFor(text, [...new Set(topic.events.map(({ type }) => type))]),
  );
}

function refusePinnedPatterns(scope: Construct, [pattern]: readonly WrittenPattern[]): void {
  if (pattern === undefined) return;
  throw new UnsafePropsError(
    scope,
    `\`pinVersions\` is set, and it wants '${pattern.text}', a text that no contract says the versions of.`,
    'List contracts instead, or leave `pinVersions` out.',
  );
}

function refuseForeign(scope: Construct, event: AnyContract, topic: IEventTopic, pinVersions: boolean): never {
  const { type, version } = event;
  const others = topic.events.filter((carried) => carried.type === type).map((carried) => carried.version);
  const reason =
    others.length === 0
      ? ''
      : ` It carries version ${others.join(' and ')}, which version ${version} ${pinVersions ? 'does not accept' : 'does not read'}.`;
  throw new UnsafePropsError(
    scope,
    `It wants '${type}' version ${version}, which ${topic.node.path} does not carry: it would wait forever.${reason}`,
    "Add the event to the topic's `events`, or take it off this list.",
  );
}

function refuseUnreadable(
  scope: Construct,
  { type, version }: AnyContract,
  contracts: readonly AnyContract[],
  topic: IEventTopic,
): never {
  const own = contracts.filter((each) => each.type === type).flatMap(accepted);
  const known = [...new Set(own.map((each) => each.version))].toSorted((a, b) => a - b).join(' and ');
  throw new UnsafePropsError(
    scope,
    `It would get '${type}' version ${version}, which ${topic.node.path} carries too; its contracts accept version ${known} only, so each one would be dead-lettered.`,
    `List a version of '${type}' whose \`previous\` leads from ${version} there, or set \`pinVersions\`: SNS then lets version ${known} through alone.`,
  );
}

/** Each rule once, and none that another one includes: they all count against the combinations. */
function typeRules(contracts: readonly AnyContract[], written: readonly WrittenPattern[]): AttributeRules {
  const patterns = written.map(({ pattern }) => pattern);
  const wild = patterns.filter(({ kind }) => kind !== 'exactly');
  const every = wild.find(({ kind }) => kind === 'every');
  if (every) return { type: new sns.SubscriptionFilter([conditionOf(every)]) };
  const types = [...contracts.map(({ type }) => type), ...patterns.flatMap((each) => typeOf(each))];
  const rest = [...new Set(types)].filter((type) => !wild.some((pattern) => wants(pattern, type)));
  const rules = new Map(wild.map((pattern) => [JSON.stringify(pattern), conditionOf(pattern)]));
  return { type: new sns.SubscriptionFilter([...rest, ...rules.values()]) };
}

function typeOf(pattern: EventPattern): string[] {
  return pattern.kind === 'exactly' ? [pattern.type] : [];
}

function refuseBadRules(scope: Construct, headers: HeaderRules, named: readonly AnyContract[]): void {
  for (const [name, rule] of Object.entries(headers)) {
    const objection = objectionTo(name, rule);
    if (objection) throw new UnsafePropsError(scope, ...objection);
    if (named.length > 0 && !named.some((event) => Object.hasOwn(event.headers, name))) {
      const known = [...new Set(named.flatMap((event) => Object.keys(event.headers)))];
      throw new UnsafePropsError(
        scope,
        `It routes by the header '${name}', which none of its events has (${[...new Set(named.map(({ type }) => type))].join(', ')}).`,
        `Declare it in \`headers\` of their contracts, or use one of theirs: ${known.length === 0 ? 'there is none' : known.join(', ')}.`,
      );
    }
  }
}

/** SNS drops what a filter does not want, and tells nobody. */
function refuseLost(scope: Construct, event: AnyContract, headers: HeaderRules, topic: IEventTopic): never {
  const { type, version } = event;
  const names = missingHeaders(event, headers).map((name) => `'${name}'`);
  throw new UnsafePropsError(
    scope,
    `It wants '${type}' by the header ${names.join(', ')}, which version ${version} does not have, and ${topic.node.path} carries that too: SNS would drop each one, and nobody would be told.`,
    'Keep the header in every new version. For one that was published without it, let the rule take events without the header (`new sns.SubscriptionFilter([..., { exists: false }])`), or take the version off the topic.',
  );
}

function refuseUnfulfillable(scope: Construct, event: AnyContract, headers: HeaderRules): never {
  const { type } = event;
  throw new UnsafePropsError(
    scope,
    `It wants '${type}' by the header ${missingHeaders(event, headers)
      .map((name) => `'${name}'`)
      .join(', ')}, which '${type}' does not have: it would wait forever.`,
    'Declare the header in its contract, or take the event to a Consumer without this rule.',
  );
}

function refuseIdle(scope: Construct, text: string, topic: IEventTopic): never {
  throw new UnsafePropsError(
    scope,
    `It wants '${text}', and no event of ${topic.node.path} is called so: it would wait forever.`,
    `There are ${[...new Set(topic.events.map(({ type }) => `'${type}'`))].join(', ')}.`,
  );
}

function refuseBeyondSns(scope: Construct, routing: Pick<SubscriptionRouting, 'filterPolicy' | 'anyOf'>): void {
  const { filterPolicy, anyOf } = routing;
  const keys = [...new Set([filterPolicy, ...anyOf].flatMap((rules) => Object.keys(rules)))];
  const own = keys.includes('version') ? 'two are type and version' : 'one is the type';
  if (keys.length > KEYS) {
    throw new UnsafePropsError(
      scope,
      `Its filter has ${keys.length} keys (${keys.join(', ')}); SNS takes ${KEYS}, of which ${own}.`,
      'Put what is routed by together into one header.',
    );
  }
  // Alternatives add up; what has to hold together is multiplied.
  const [always, ...either] = [filterPolicy, ...anyOf].map(lengthsIn);
  const sum = either.reduce((total, lengths) => total + product(lengths), 0);
  const combinations = product(always!) * (either.length === 0 ? 1 : sum);
  if (combinations > COMBINATIONS) {
    const alternatives = either.length === 0 ? [] : [`(${either.map((each) => each.join(' x ')).join(' + ')})`];
    const shown = [...always!, ...alternatives].join(' x ');
    throw new UnsafePropsError(
      scope,
      `Its filter has ${shown} = ${combinations} combinations of values; SNS takes ${COMBINATIONS}.`,
      keys.includes('version')
        ? 'Split it into several consumers.'
        : "Use patterns ('order.*') instead of lists, or split it into several consumers.",
    );
  }
  const bytes = Buffer.byteLength(JSON.stringify(policyOf(routing)));
  if (bytes > LARGEST_POLICY) {
    throw new UnsafePropsError(
      scope,
      `Its filter is ${bytes} bytes long; SNS takes ${LARGEST_POLICY}.`,
      'Route by fewer or shorter values.',
    );
  }
}

function conditionsIn(rules: AttributeRules): Record<string, readonly unknown[]> {
  return Object.fromEntries(Object.entries(rules).map(([key, { conditions }]) => [key, conditions]));
}

function lengthsIn(rules: AttributeRules): number[] {
  return Object.values(rules).map(({ conditions }) => conditions.length);
}

function product(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total * number, 1);
}
