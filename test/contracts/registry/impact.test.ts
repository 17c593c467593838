import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { AnyContract } from '../../../lib/contracts/index.ts';
import { judgeImpact } from '../../../lib/contracts/registry/impact.ts';
import type { ReaderView } from '../../../lib/contracts/registry/reader-view.ts';
import { judgeSubscriptions } from '../../../lib/contracts/registry/subscriptions.ts';
import { declaredIn, facts, Order, reader, registryOf, version } from './shop.ts';

const V1 = version(1, Order);
const Total = z.object({ total: z.number() });
const Note = z.object({ note: z.string() });

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
      billing: 'unharmed',
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

  it('lets a type pass that the handler does not know', () => {
    const other = version(1, Order, { type: 'order.shipped' });
    expect(judge([reader('billing', V2)], [facts('billing', [V2, other])])).toMatchObject([
      { kind: 'unhandled', type: 'order.shipped', consumer: 'billing' },
    ]);
  });

  it('is not judged where the code says nothing', () => {
    expect(judge([], [facts('foreign', [V1])])).toEqual([]);
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
