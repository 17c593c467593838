import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { AnyContract } from '../../../lib/contracts/index.ts';
import type { PipelineFacts } from '../../../lib/contracts/pipeline.ts';
import { judgeEvolution } from '../../../lib/contracts/registry/evolution.ts';
import { judgeImpact } from '../../../lib/contracts/registry/impact.ts';
import { nameConsumers } from '../../../lib/contracts/registry/name-consumers.ts';
import type { ReaderView } from '../../../lib/contracts/registry/reader-view.ts';
import { judgeSubscriptions } from '../../../lib/contracts/registry/subscriptions.ts';
import { declaredIn, facts, Order, reader, registryOf, version } from './shop.ts';

const V1 = version(1, Order);
const deep = (line: z.ZodType) => Order.extend({ lines: z.array(line) });
const Total = z.object({ total: z.number() });
const Note = z.object({ note: z.string() });

const isNoNote = ({ severity }: { severity: string }) => severity !== 'note';

/** What becomes of each consumer, by name, when the registry has version 1. */
function outcomes(declared: AnyContract, readers: readonly ReaderView[]): Record<string, string> {
  const impacts = judgeImpact(declaredIn(declared), registryOf(V1), readers);
  return Object.fromEntries(impacts.map(({ consumer, outcome }) => [consumer, outcome]));
}

describe('a published version that code changes', () => {
  const changed = version(1, Order.omit({ note: true }));

  it('breaks who reads everything, and not who needs other fields', () => {
    const readers = [reader('billing', changed), reader('analytics', changed, Total)];
    expect(outcomes(changed, readers)).toEqual({ billing: 'breaks', analytics: 'unharmedByNeeds' });
  });

  it('breaks who needs the field that goes', () => {
    expect(outcomes(changed, [reader('search', V1, Note)])).toEqual({ search: 'breaks' });
  });

  it('names the owner, and the place that the consumer stumbles over', () => {
    expect(judgeImpact(declaredIn(changed), registryOf(V1), [reader('billing', changed)])).toMatchObject([
      {
        type: 'order.placed',
        version: 1,
        change: 'changed',
        owner: 'team-billing',
        reads: 1,
        places: [
          {
            path: '#/properties/note',
            reason: expect.stringMatching(/version 1 as published .*version 1 as changed/i),
          },
        ],
      },
    ]);
  });

  it.each<[string, z.ZodObject<{ orderId: z.ZodString }>, z.ZodObject<{ orderId: z.ZodString }>]>([
    ['a required field', Order, Order.extend({ gift: z.boolean() })],
    [
      'a required field deep inside',
      deep(z.object({ a: z.string() })),
      deep(z.object({ a: z.string(), b: z.string() })),
    ],
    ['a tighter enum', Order.extend({ tier: z.enum(['a', 'b']) }), Order.extend({ tier: z.enum(['a']) })],
    ['a higher minimum', Order, Order.extend({ total: z.number().min(1) })],
    ['a default that is gone', Order.extend({ note: z.string().default('') }), Order],
  ])('breaks whose code then refuses what was published: %s', (_, before, after) => {
    const [published, declared] = [version(1, before), version(1, after)];
    const V2 = version(2, after, { previous: declared });
    const readers = [
      reader('billing', declared),
      reader('legacy', V2),
      reader('analytics', declared, z.object({ orderId: z.string() })),
      reader('search', V2, z.object({ orderId: z.string() })),
    ];
    const impacts = judgeImpact(declaredIn(V2), registryOf(published), readers).filter(({ version: of }) => of === 1);
    expect(impacts.map(({ consumer, outcome }) => [consumer, outcome])).toEqual([
      ['billing', 'breaks'],
      ['legacy', 'breaks'],
      ['analytics', 'unharmedByNeeds'],
      // its view is of version 2: version 1 is read in full, and upcast
      ['search', 'breaks'],
    ]);
    expect(impacts[0]!.places.length).toBeGreaterThan(0);
    expect(impacts[0]!.places.at(-1)!.reason).toMatch(/version 1 as (published|changed)/);
  });

  it('breaks a view that the change makes need more than was published', () => {
    const gift = version(1, Order.extend({ gift: z.boolean() }));
    expect(outcomes(gift, [reader('analytics', gift, z.object({ gift: z.boolean() }))])).toEqual({
      analytics: 'breaks',
    });
  });

  it('does nothing to who would read it all the same', () => {
    const more = version(1, Order.extend({ gift: z.boolean().optional() }));
    expect(outcomes(more, [reader('billing', more)])).toEqual({ billing: 'unharmed' });
  });

  it('is nothing to speak of when only words changed', () => {
    const reworded = version(1, Order.describe('other words'));
    expect(judgeImpact(declaredIn(reworded), registryOf(V1), [reader('billing', reworded)])).toEqual([]);
  });
});

describe('a new version of the same major', () => {
  it('does no harm when its readers of before can read it, whether they know it or not', () => {
    const V2 = version(2, Order.extend({ gift: z.boolean().optional() }), { previous: V1 });
    expect(outcomes(V2, [reader('billing', V2), reader('legacy', V1)])).toEqual({
      billing: 'unharmed',
      legacy: 'unharmed',
    });
  });

  it('that breaks its promise breaks who reads everything, and not who needs other fields', () => {
    const V2 = version(2, Order.omit({ note: true }), { previous: V1 });
    const readers = [reader('billing', V2), reader('analytics', V2, Total), reader('search', V1, Note)];
    expect(outcomes(V2, readers)).toEqual({ billing: 'breaks', analytics: 'unharmedByNeeds', search: 'breaks' });
  });

  it('that promises nothing is read all the same by who needs fields that it has', () => {
    const V2 = version(2, Order.omit({ note: true }), { previous: V1, major: 2 });
    const readers = [
      reader('billing', V1),
      reader('analytics', V1, Total),
      reader('search', V1, Note),
      reader('mail', V2, Note),
    ];
    expect(outcomes(V2, readers)).toEqual({
      billing: 'breaks',
      analytics: 'unharmedByNeeds',
      search: 'breaks',
      mail: 'deployFirst',
    });
  });

  it('that promises nothing forward has to find its readers deployed', () => {
    const V2 = version(2, Order.omit({ note: true }), { previous: V1, compatibility: 'BACKWARD' });
    expect(outcomes(V2, [reader('billing', V2), reader('legacy', V1)])).toEqual({
      billing: 'deployFirst',
      legacy: 'breaks',
    });
  });

  it('promises to the version before only, unless transitive', () => {
    const V2 = version(2, Order, { previous: V1 });
    const V3 = version(3, Order.extend({ gift: z.boolean().optional() }), { previous: V2, compatibility: 'FULL' });
    const impacts = judgeImpact(declaredIn(V3), registryOf(V1, V2), [reader('legacy', V1), reader('billing', V2)]);
    expect(impacts.map(({ consumer, outcome, reads }) => [consumer, outcome, reads])).toEqual([
      ['legacy', 'breaks', 1],
      ['billing', 'unharmed', 2],
    ]);
  });
});

describe('a new major', () => {
  const V2 = version(2, Order.extend({ total: z.string() }), { previous: V1, major: 2 });

  it('has those deployed first that accept it, and breaks the others', () => {
    expect(outcomes(V2, [reader('billing', V2), reader('legacy', V1)])).toEqual({
      billing: 'deployFirst',
      legacy: 'breaks',
    });
  });

  it('does not reach a consumer whose filter keeps it out', () => {
    expect(outcomes(V2, [reader('legacy', V1, undefined, true), reader('billing', V2, undefined, true)])).toEqual({
      legacy: 'keptOut',
      // its filter lets the version pass only once it is deployed
      billing: 'deployFirst',
    });
  });

  it('is nothing to a consumer of another type', () => {
    const other = version(1, Order, { type: 'order.shipped' });
    expect(outcomes(V2, [reader('shipping', other)])).toEqual({});
  });

  it('finds a consumer that reads two versions by contracts of its own', () => {
    const alone = version(2, Order.extend({ total: z.string() }), { major: 2 });
    expect(outcomes(V2, [reader('both', V1), reader('both', alone)])).toEqual({ both: 'deployFirst' });
  });
});

describe('a version without a header that consumers route by', () => {
  const headed = version(1, Order, { headers: ['region'] });
  const impacts = (next: AnyContract, readers: readonly ReaderView[]) =>
    judgeImpact(
      declaredIn(next),
      registryOf(headed),
      readers,
      readers.map(({ consumer }) => facts(consumer, [headed], consumer === 'free' ? {} : { headers: ['region'] })),
    );

  it('is lost on those who read it, and kept out of the others', () => {
    const V2 = version(2, Order, { previous: headed });
    const found = impacts(V2, [reader('routed', headed), reader('free', headed), reader('part', headed, Total)]);
    expect(found.map(({ consumer, outcome }) => [consumer, outcome])).toEqual([
      ['routed', 'breaks'],
      ['free', 'unharmed'],
      ['part', 'breaks'],
    ]);
    expect(found[0]!.places).toEqual([
      {
        path: '#/x-baton/headers',
        reason: expect.stringMatching(/'region', which version 2 does not have: SNS drops/),
      },
    ]);
    const major = version(2, Order.omit({ note: true }), { previous: headed, major: 2 });
    expect(impacts(major, [reader('legacy', headed), reader('next', major)]).map(({ outcome }) => outcome)).toEqual([
      'keptOut',
      'breaks',
    ]);
  });
});

it('a type that a consumer knows and its filter never wanted is kept out of it', () => {
  const V2 = version(2, Order, { previous: V1 });
  const routed = facts('routed', [version(1, Order, { type: 'order.shipped' })], { headers: ['region'] });
  expect(judgeImpact(declaredIn(V2), registryOf(V1), [reader('routed', V2)], [routed])).toMatchObject([
    { outcome: 'keptOut', places: [] },
  ]);
});

describe('a broken promise', () => {
  const headed = version(1, Order, { headers: ['region'] });
  const meets = (next: AnyContract, consumers: ReturnType<typeof facts>[], readers: ReaderView[]) =>
    nameConsumers(judgeEvolution(declaredIn(next), registryOf(headed)), readers, { consumers }).map((one) => one.meets);

  it('names who follows a version that cannot read the one before', () => {
    const V2 = version(2, Order.extend({ gift: z.boolean() }), { previous: headed, headers: ['region'] });
    const consumers = [facts('billing', [V2, headed]), facts('legacy', [headed], { headers: ['region'] })];
    expect(meets(V2, consumers, [reader('billing', V2), reader('legacy', headed)])).toEqual([
      [{ consumer: 'billing', owner: 'team-billing' }],
    ]);
  });

  it('names who routes by a header that is gone', () => {
    const V2 = version(2, Order, { previous: headed });
    const consumers = [facts('billing', [V2, headed]), facts('legacy', [headed], { headers: ['region'] })];
    expect(meets(V2, consumers, [reader('billing', V2), reader('legacy', headed)])).toEqual([
      [{ consumer: 'legacy', owner: 'team-legacy' }],
    ]);
  });

  it('names nobody where nobody meets it', () => {
    const V2 = version(2, Order, { previous: headed });
    expect(meets(V2, [facts('billing', [V2, headed])], [reader('billing', V2)])).toEqual([undefined]);
  });
});

describe('a type without published versions', () => {
  it('harms nobody who accepts it', () => {
    const impacts = judgeImpact(declaredIn(V1), registryOf(), [reader('billing', V1)]);
    expect(impacts).toMatchObject([{ outcome: 'unharmed', change: 'new', reads: undefined }]);
  });
});

describe('a subscription', () => {
  const V2 = version(2, Order.extend({ total: z.string() }), { previous: V1, major: 2 });
  const topics = [{ name: 'orders', ordered: false, events: [V1.dataschema, V2.dataschema] }];
  const judge = (readers: ReaderView[], consumers: ReturnType<typeof facts>[]) =>
    judgeSubscriptions(declaredIn(V2), registryOf(V1), readers, { topics, consumers });

  it('lets pass what the handler reads', () => {
    expect(judge([reader('billing', V2)], [facts('billing', [V2, V1])])).toEqual([]);
  });

  it('lets a version pass that the handler cannot read', () => {
    expect(judge([reader('legacy', V1)], [facts('legacy', [V1])])).toMatchObject([
      { kind: 'cannotRead', severity: 'error', version: 2, consumer: 'legacy', owner: 'team-legacy' },
    ]);
  });

  it('does not when it is pinned', () => {
    expect(judge([reader('legacy', V1, undefined, true)], [facts('legacy', [V1], { pinned: true })])).toEqual([]);
  });

  it('lets a later version pass that its readers of before can read', () => {
    const next = version(2, Order.extend({ gift: z.boolean().optional() }), { previous: V1 });
    const found = judgeSubscriptions(declaredIn(next), registryOf(V1), [reader('legacy', V1)], {
      topics,
      consumers: [facts('legacy', [V1])],
    });
    expect(found).toEqual([]);
  });

  it('lets a version of another major pass to who needs only some fields that it has', () => {
    const consumers = ['analytics', 'search'].map((name) => facts(name, [V1]));
    const fits = z.object({ orderId: z.string(), note: z.string() });
    expect(judge([reader('analytics', V1, fits)], consumers)).toEqual([]);
    expect(judge([reader('search', V1, Total)], consumers)).toMatchObject([
      {
        kind: 'unsatisfied',
        severity: 'error',
        version: 2,
        consumer: 'search',
        message: expect.stringContaining('dead letter'),
        places: [{ path: '#/properties/total' }],
      },
    ]);
  });

  it('does not let an earlier version pass to such a view that no upcaster leads to', () => {
    const alone = version(2, Order, { major: 2 });
    const Needed = z.object({ orderId: z.string() });
    expect(judge([reader('analytics', alone, Needed)], [facts('analytics', [alone])])).toMatchObject([
      { kind: 'cannotRead', version: 1, consumer: 'analytics' },
    ]);
  });

  it('keeps out what lacks a header that it asks for', () => {
    const headed = version(1, Order, { headers: ['region'] });
    const bare = version(2, Order, { major: 2 });
    const found = judgeSubscriptions(declaredIn(headed, bare), registryOf(headed), [reader('legacy', headed)], {
      topics,
      consumers: [facts('legacy', [headed], { headers: ['region'] })],
    });
    expect(found).toEqual([]);
  });

  it('lets a type pass that the handler does not know', () => {
    const other = version(1, Order, { type: 'order.shipped' });
    const consumers = [facts('billing', [V2, other])];
    const found = judgeSubscriptions(declaredIn(V2, other), registryOf(V1), [reader('billing', V2)], {
      topics,
      consumers,
    });
    expect(found).toMatchObject([{ kind: 'unhandled', type: 'order.shipped', consumer: 'billing' }]);
  });

  it('is not judged where the code says nothing', () => {
    expect(judge([], [facts('foreign', [V1])])).toEqual([]);
  });
});

describe('a version that no module declares and the registry does not have', () => {
  const Gift = version(1, Order, { type: 'gift.given' });
  const far = { path: 'App/Far', ordered: false };
  const judge = (given: Partial<PipelineFacts>, readers: readonly ReaderView[] = [], registered: AnyContract[] = []) =>
    judgeSubscriptions(declaredIn(V1), registryOf(V1, ...registered), readers, { topics: [], consumers: [], ...given });
  const topics = [{ name: 'orders', ordered: false, events: [V1.dataschema, Gift.dataschema] }];

  it.each<[string, Partial<PipelineFacts>, ReaderView[], string]>([
    ['carried', { topics }, [], 'carried by orders'],
    [
      'published',
      { consumers: [facts('shop', [V1], { kind: 'commandQueue', produces: [Gift.dataschema] })] },
      [],
      'published by shop',
    ],
    [
      'subscribed to',
      { topics: [{ ...topics[0]!, events: [V1.dataschema] }], consumers: [facts('mail', [Gift])] },
      [],
      'read by mail',
    ],
    [
      'read',
      { topics: [{ ...topics[0]!, events: [V1.dataschema] }], consumers: [facts('mail', [V1])] },
      [reader('mail', V1), reader('mail', Gift)],
      'read by mail',
    ],
  ])('is an error when it is %s', (_, given, readers, words) => {
    expect(judge(given, readers).filter(isNoNote)).toMatchObject([
      {
        kind: 'undeclared',
        severity: 'error',
        type: 'gift.given',
        version: 1,
        message: expect.stringContaining(words),
      },
    ]);
    expect(judge(given, readers, [Gift]).filter(isNoNote)).toEqual([]);
  });

  it('is told of once, with all who use it', () => {
    const found = judge({ topics, consumers: [facts('mail', [Gift])] }, [reader('mail', Gift)]);
    expect(found).toHaveLength(1);
    expect(found[0]!.message).toContain('(carried by orders, read by mail)');
  });

  it('is a note when its topic is made elsewhere', () => {
    const { topic: _, ...consumer } = facts('mail', [Gift], { importedTopic: far });
    const publisher = facts('shop', [], {
      kind: 'commandQueue',
      produces: [Gift.dataschema],
      publishesTo: [{ importedTopic: far, events: [Gift.dataschema] }],
    });
    expect(judge({ consumers: [consumer, publisher] }, [reader('mail', Gift)])).toMatchObject([
      { kind: 'undeclared', severity: 'note', message: expect.stringContaining('made elsewhere') },
    ]);
    expect(judge({ topics, consumers: [consumer] })).toMatchObject([{ severity: 'error' }]);
  });
});

describe('what a consumer needs', () => {
  it.each<[string, z.ZodType, boolean]>([
    ['a field that the event has', Total, true],
    ['a field that the event has not', z.object({ vip: z.boolean() }), false],
    ['a field that may be missing', z.object({ gift: z.boolean() }), false],
    ['such a field, if it is there', z.object({ gift: z.boolean().optional() }), true],
    ['another type', z.object({ total: z.int() }), false],
  ])('may be %s', (_, only, satisfied) => {
    const event = version(1, Order.extend({ gift: z.boolean().optional() }));
    const found = judgeSubscriptions(declaredIn(event), registryOf(event), [reader('analytics', event, only)], {
      topics: [],
      consumers: [facts('analytics', [event])],
    });
    if (satisfied) expect(found).toEqual([]);
    else expect(found).toMatchObject([{ kind: 'unsatisfied', severity: 'error', owner: 'team-analytics' }]);
  });
});
