import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { AnyContract } from '../../../lib/contracts/index.ts';
import type { ConsumerFacts } from '../../../lib/contracts/pipeline.ts';
import { judgeEvolution } from '../../../lib/contracts/registry/evolution.ts';
import { judgeImpact } from '../../../lib/contracts/registry/impact.ts';
import type { ReaderView } from '../../../lib/contracts/registry/reader-view.ts';
import { tellRetired } from '../../../lib/contracts/registry/retired.ts';
import { judgeSubscriptions } from '../../../lib/contracts/registry/subscriptions.ts';
import { declaredIn, facts, Order, reader, registryOf, version } from './shop.ts';

// What is deployed cannot be told from what new code accepts.

const V1 = version(1, Order);
const V2 = version(2, Order.extend({ gift: z.boolean().optional() }), { previous: V1 });
/** The same, without a way from version 1. */
const Alone = version(2, Order.extend({ gift: z.boolean().optional() }));

const Shipped = version(1, Order, { type: 'order.shipped' });

interface Given {
  declared: AnyContract[];
  published: AnyContract[];
  readers: ReaderView[];
  consumers?: ConsumerFacts[];
  carried?: AnyContract[];
}

/** Errors about consumers, and what becomes of each, when everything that is declared is accepted. */
function judged({ declared, published, readers, consumers, carried = [declared.at(-1)!] }: Given) {
  const versions = declaredIn(...declared);
  const base = registryOf(...published);
  const registry = registryOf(...new Set([...published, ...declared]));
  const all = consumers ?? readers.map(({ consumer, pinned }) => facts(consumer, [declared.at(-1)!], { pinned }));
  const topics = [{ name: 'orders', ordered: false, events: carried.map(({ dataschema }) => dataschema) }];
  const found = judgeSubscriptions(versions, registry, readers, { topics, consumers: all }, base);
  return {
    errors: found.flatMap((one) => (one.severity === 'error' ? [[one.kind, one.version, one.consumer]] : [])),
    messages: found.map(({ message }) => message),
    impacts: judgeImpact(versions, base, readers, all),
    outcomes: judgeImpact(versions, base, readers, all).map(({ consumer, outcome }) => [consumer, outcome]),
  };
}

describe('a version without a way from the one before', () => {
  it.each<[string, AnyContract, RegExp]>([
    ['of the same major', Alone, /version 2 does not promise .* version 1: it has no 'previous'\. .*no order/i],
    [
      'of another major, with a field more',
      version(2, Order.extend({ gift: z.boolean() }), { major: 2 }),
      /version 1: its major is 2, and that of version 1 is 1\./,
    ],
  ])('breaks the consumers that follow it: %s', (_, next, reason) => {
    const { errors, messages, impacts } = judged({
      declared: [next],
      published: [V1],
      readers: [reader('billing', next)],
    });
    expect(errors).toEqual([['leftBehind', 1, 'billing']]);
    expect(messages[0]).toMatch(
      /^billing \(team-billing\): version 1 of order\.placed is what it reads today, and its new code accepts 2 only.*Give version 2 the 'previous' that leads from version 1/,
    );
    expect(impacts).toMatchObject([{ version: 2, outcome: 'breaks', reads: 1, reason: expect.stringMatching(reason) }]);
    expect(impacts[0]!.remedy).toContain("'previous'");
  });

  it('breaks a pinned one as well, whose filter would drop what is written today', () => {
    const { errors, messages, outcomes } = judged({
      declared: [V1, Alone],
      published: [V1],
      readers: [reader('billing', Alone, undefined, true)],
      carried: [V1, Alone],
    });
    expect(errors).toEqual([['leftBehind', 1, 'billing']]);
    expect(messages[0]).toContain('its filter would drop it');
    expect(outcomes).toEqual([['billing', 'breaks']]);
  });

  it('breaks who needs only some fields, as a view reads no version before its own', () => {
    const needy = reader('analytics', Alone, z.object({ orderId: z.string() }));
    expect(judged({ declared: [Alone], published: [V1], readers: [needy] }).errors).toEqual([
      ['leftBehind', 1, 'analytics'],
    ]);
  });

  it('breaks the queue of a command, whoever sends it', () => {
    const given = { declared: [Alone], published: [V1], readers: [reader('place', Alone)] };
    const { topic: _, ...queue } = facts('place', [Alone], { kind: 'commandQueue' });
    expect(judged({ ...given, consumers: [queue], carried: [] }).errors).toEqual([['leftBehind', 1, 'place']]);
  });

  it('is told of once where the topic carries the one before', () => {
    const given = { declared: [V1, Alone], published: [V1], readers: [reader('billing', Alone)] };
    expect(judged({ ...given, carried: [V1, Alone] }).errors).toEqual([['cannotRead', 1, 'billing']]);
  });
});

describe('a version that is still written', () => {
  const producer = (...events: AnyContract[]) =>
    facts('shop', [], { kind: 'commandQueue', produces: events.map(({ dataschema }) => dataschema) });
  const pinned = reader('billing', Alone, undefined, true);
  const given = { declared: [V1, Alone], published: [V1, Alone], readers: [pinned], carried: [V1, Alone] };
  const consumer = facts('billing', [Alone], { pinned: true });

  it('is lost on a pinned consumer that has followed a version which nobody writes', () => {
    const { errors, messages } = judged({ ...given, consumers: [consumer, producer(V1)] });
    expect(errors).toEqual([['leftBehind', 1, 'billing']]);
    expect(messages[0]).toContain('is still published');
  });

  it('is not where it is written side by side', () => {
    expect(judged({ ...given, consumers: [consumer, producer(V1, Alone)] }).errors).toEqual([]);
    expect(judged({ ...given, consumers: [consumer] }).errors).toEqual([]);
  });

  it('is lost on the queue of a command', () => {
    const { topic: _, ...queue } = facts('place', [Alone], { kind: 'commandQueue' });
    const found = judged({
      ...given,
      readers: [reader('place', Alone)],
      carried: [],
      consumers: [queue, producer(V1)],
    });
    expect(found.errors).toEqual([['leftBehind', 1, 'place']]);
  });
});

describe('nothing is left behind', () => {
  it.each<[string, Given]>([
    ['by a type that is new', { declared: [V1], published: [], readers: [reader('billing', V1)] }],
    ['by a compatible field', { declared: [V2], published: [V1], readers: [reader('billing', V2)], carried: [V1, V2] }],
    [
      'by a consumer that stays pinned',
      {
        declared: [V1, Alone],
        published: [V1],
        readers: [reader('billing', V1, undefined, true)],
        consumers: [facts('billing', [V1], { pinned: true })],
        carried: [V1, Alone],
      },
    ],
    [
      'when a version is retired that nobody carries',
      { declared: [Alone], published: [V1, V2], readers: [reader('billing', Alone)] },
    ],
    [
      'by a consumer whose code is older',
      { declared: [V2], published: [V1, V2], readers: [reader('legacy', V1)], carried: [V1] },
    ],
    [
      'by a type that nothing delivers',
      {
        declared: [Alone, Shipped],
        published: [V1, Shipped],
        readers: [reader('billing', Alone), reader('billing', Shipped)],
        consumers: [facts('billing', [Shipped])],
        carried: [],
      },
    ],
  ])('%s', (_, given) => {
    const { errors, outcomes } = judged(given);
    expect(errors).toEqual([]);
    expect(outcomes.map(([, outcome]) => outcome)).not.toContain('breaks');
  });
});

describe('a pinned consumer', () => {
  it('that accepts a new version has to be deployed first: its filter drops the version until then', () => {
    const { errors, impacts } = judged({
      declared: [V2],
      published: [V1],
      readers: [reader('billing', V2, undefined, true)],
    });
    expect(errors).toEqual([]);
    expect(impacts).toMatchObject([{ outcome: 'deployFirst', reads: 1, reason: expect.stringMatching(/15 minutes/) }]);
  });

  it('that does not accept it keeps it out, if it was pinned before', () => {
    const { impacts } = judged({
      declared: [V2],
      published: [V1],
      readers: [reader('billing', V1, undefined, true)],
      consumers: [facts('billing', [V1], { pinned: true })],
    });
    expect(impacts).toMatchObject([{ outcome: 'keptOut', reason: expect.stringMatching(/'pinVersions' is new/) }]);
  });
});

describe('a version that nothing leads from', () => {
  const findings = judgeEvolution(declaredIn(Alone), registryOf(V1, Alone));
  const topics = (...events: AnyContract[]) => [
    { name: 'orders', ordered: false, events: events.map(({ dataschema }) => dataschema) },
  ];

  it('is retired when nobody uses it', () => {
    expect(tellRetired(findings, [reader('billing', Alone)], { topics: topics(Alone), consumers: [] })).toMatchObject([
      { kind: 'retired', severity: 'note', version: 1, message: expect.stringMatching(/^Retired: /) },
    ]);
  });

  it.each<[string, ReaderView[], AnyContract[], ConsumerFacts[], string]>([
    ['carried', [], [V1], [], 'carried by orders'],
    ['read', [reader('billing', V1)], [], [facts('billing', [Alone])], 'read by billing'],
    ['published', [], [], [facts('shop', [], { produces: [V1.dataschema] })], 'published by shop'],
  ])('is not while it is %s', (_, readers, carried, consumers, words) => {
    const found = tellRetired(findings, readers, { topics: topics(...carried), consumers });
    expect(found).toMatchObject([{ kind: 'unreached', message: expect.stringContaining(`Still in use (${words}`) }]);
    expect(found[0]!.message).not.toContain('Retired');
  });
});

it('a type that a handler waits for and nothing delivers is a note', () => {
  const other = version(1, Order, { type: 'order.shipped' });
  const found = judgeSubscriptions(
    declaredIn(V1, other),
    registryOf(V1, other),
    [reader('billing', V1), reader('billing', other)],
    { topics: [], consumers: [facts('billing', [V1])] },
  );
  expect(found).toMatchObject([
    { kind: 'undelivered', severity: 'note', type: 'order.shipped', consumer: 'billing', owner: 'team-billing' },
  ]);
});
