import * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { AnyContract } from '../../contracts/index.ts';
import { UnsafePropsError } from '../errors.ts';
import { conditionOf, type EventPattern, readPattern, remedyFor, wants } from './event-pattern.ts';
import { canFulfil, type HeaderRules, objectionTo } from './header-rule.ts';
import type { IEventTopic } from './topic-base.ts';

/** What a subscriber wants of a topic: events, and patterns of their types. */
export type Wanted = readonly (AnyContract | string)[];

/** How a subscription gets what it wants. */
export interface SubscriptionRouting {
  /** The events of the topic that reach it, in the topic's order. */
  readonly events: readonly AnyContract[];
  readonly filterPolicy: Readonly<Record<string, sns.SubscriptionFilter>>;
}

/** Source of all of them: Amazon SNS developer guide, "Filter policy constraints". */
const KEYS = 5;
const COMBINATIONS = 150;
const LARGEST_POLICY = 256 * 1024;

/**
 * Turns what a subscriber wants into a filter policy on attributes.
 *
 * The filter is on the event's type. It is not on its version: a version that the subscriber does not know yet has to end
 * in its DLQ, where somebody sees it, and not in SNS's filter, where nobody does.
 *
 * @throws UnsafePropsError when SNS could not express it, or some of it could never match
 */
export function routingOf(
  scope: Construct,
  topic: IEventTopic,
  wanted: Wanted,
  headers: HeaderRules = {},
): SubscriptionRouting {
  if (wanted.length === 0) {
    throw new UnsafePropsError(scope, 'It wants no events.', 'List at least one in `events`.');
  }
  const contracts = wanted.filter((each) => typeof each !== 'string');
  const patterns = wanted.filter((each) => typeof each === 'string').map((text) => readOrRefuse(scope, text, topic));
  const foreign = contracts.find((event) => !topic.carries(event));
  if (foreign) {
    throw new UnsafePropsError(
      scope,
      `It wants '${foreign.type}' version ${foreign.version}, which ${topic.node.path} does not carry: it would wait forever.`,
      "Add the event to the topic's `events`, or take it off this list.",
    );
  }
  const named = topic.events.filter(
    (event) =>
      contracts.some(({ dataschema }) => dataschema === event.dataschema) ||
      patterns.some(({ pattern }) => wants(pattern, event.type)),
  );
  refuseBadRules(scope, headers, named);
  for (const event of contracts) {
    if (!canFulfil(event, headers)) refuseUnfulfillable(scope, event, headers);
  }
  for (const { text, pattern } of patterns) {
    const meant = topic.events.filter(({ type }) => wants(pattern, type));
    if (meant.length === 0) refuseIdle(scope, text, topic);
    if (!meant.some((event) => canFulfil(event, headers))) refuseUnfulfillable(scope, meant[0]!, headers);
  }
  const filterPolicy = {
    ...headers,
    type: new sns.SubscriptionFilter(
      conditionsFor(
        contracts,
        patterns.map((each) => each.pattern),
      ),
    ),
  };
  refuseBeyondSns(scope, filterPolicy);
  return { events: named.filter((event) => canFulfil(event, headers)), filterPolicy };
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

/** Each rule once, and none that another one includes: they all count against the combinations. */
function conditionsFor(contracts: readonly AnyContract[], patterns: readonly EventPattern[]): unknown[] {
  const wild = patterns.filter(({ kind }) => kind !== 'exactly');
  const every = wild.find(({ kind }) => kind === 'every');
  if (every) return [conditionOf(every)];
  const types = [...contracts.map(({ type }) => type), ...patterns.flatMap((each) => typeOf(each))];
  const rest = [...new Set(types)].filter((type) => !wild.some((pattern) => wants(pattern, type)));
  const rules = new Map(wild.map((pattern) => [JSON.stringify(pattern), conditionOf(pattern)]));
  return [...rest, ...rules.values()];
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
        `It routes by the header '${name}', which none of its events has (${named.map(({ type }) => type).join(', ')}).`,
        `Declare it in \`headers\` of their contracts, or use one of theirs: ${known.length === 0 ? 'there is none' : known.join(', ')}.`,
      );
    }
  }
}

function refuseUnfulfillable(scope: Construct, { type, headers: own }: AnyContract, headers: HeaderRules): never {
  const missing = Object.keys(headers).filter((name) => !Object.hasOwn(own, name));
  throw new UnsafePropsError(
    scope,
    `It wants '${type}' by the header ${missing.map((name) => `'${name}'`).join(', ')}, which '${type}' does not have: it would wait forever.`,
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

function refuseBeyondSns(scope: Construct, policy: Readonly<Record<string, sns.SubscriptionFilter>>): void {
  const keys = Object.keys(policy);
  if (keys.length > KEYS) {
    throw new UnsafePropsError(
      scope,
      `Its filter has ${keys.length} keys (${keys.join(', ')}); SNS takes ${KEYS}, of which one is the type.`,
      'Put what is routed by together into one header.',
    );
  }
  const lengths = Object.values(policy).map(({ conditions }) => conditions.length);
  const combinations = lengths.reduce((product, length) => product * length, 1);
  if (combinations > COMBINATIONS) {
    throw new UnsafePropsError(
      scope,
      `Its filter has ${lengths.join(' x ')} = ${combinations} combinations of values; SNS takes ${COMBINATIONS}.`,
      "Use patterns ('order.*') instead of lists, or split it into several consumers.",
    );
  }
  const bytes = Buffer.byteLength(
    JSON.stringify(Object.fromEntries(Object.entries(policy).map(([key, { conditions }]) => [key, conditions]))),
  );
  if (bytes > LARGEST_POLICY) {
    throw new UnsafePropsError(
      scope,
      `Its filter is ${bytes} bytes long; SNS takes ${LARGEST_POLICY}.`,
      'Route by fewer or shorter values.',
    );
  }
}
