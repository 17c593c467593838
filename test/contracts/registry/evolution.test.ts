import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { CompatibilityMode } from '../../../lib/contracts/index.ts';
import { judgeEvolution } from '../../../lib/contracts/registry/evolution.ts';
import { declaredIn, Order, registryOf, version } from './shop.ts';

const V1 = version(1, Order);
const shapes = {
  'adds an optional field': Order.extend({ gift: z.boolean().optional() }),
  'adds a required field': Order.extend({ gift: z.boolean() }),
  'takes a required field out': Order.omit({ note: true }),
  'makes a field optional': Order.extend({ note: z.string().optional() }),
  'changes a type': Order.extend({ total: z.string() }),
};

/** What a version promises that has this schema after version 1, and whether it keeps it. */
function broken(shape: keyof typeof shapes, compatibility: CompatibilityMode, major = 1): boolean {
  const V2 = version(2, shapes[shape], { previous: V1, compatibility, major });
  return judgeEvolution(declaredIn(V2), registryOf(V1)).some(({ kind }) => kind === 'incompatible');
}

describe('a version that promises to be compatible', () => {
  it.each<[keyof typeof shapes, boolean, boolean]>([
    ['adds an optional field', false, false],
    ['adds a required field', true, false],
    ['takes a required field out', false, true],
    ['makes a field optional', false, true],
    ['changes a type', true, true],
  ])('%s: breaks BACKWARD %s, FORWARD %s', (shape, backward, forward) => {
    expect(broken(shape, 'BACKWARD')).toBe(backward);
    expect(broken(shape, 'BACKWARD_TRANSITIVE')).toBe(backward);
    expect(broken(shape, 'FORWARD')).toBe(forward);
    expect(broken(shape, 'FORWARD_TRANSITIVE')).toBe(forward);
    expect(broken(shape, 'FULL')).toBe(backward || forward);
    expect(broken(shape, 'FULL_TRANSITIVE')).toBe(backward || forward);
    expect(broken(shape, 'NONE')).toBe(false);
    expect(broken(shape, 'FULL_TRANSITIVE', 2)).toBe(false);
  });

  it('says which promise it breaks, to which version, and where', () => {
    const V2 = version(2, shapes['changes a type'], { previous: V1 });
    expect(judgeEvolution(declaredIn(V2), registryOf(V1))).toMatchObject([
      {
        kind: 'incompatible',
        severity: 'error',
        version: 2,
        message: expect.stringMatching(/FULL_TRANSITIVE within major 1.*version 1.*BACKWARD.*FORWARD.*new major/),
        places: expect.arrayContaining([expect.objectContaining({ path: '#/properties/total' })]),
      },
    ]);
  });

  it('promises it to all before it only when transitive', () => {
    // V2 drops an optional field, and V3 has one of that name with another type
    const [A, B] = [Order.extend({ gift: z.boolean().optional() }), Order];
    const C = Order.extend({ gift: z.string().optional() });
    const chain = (compatibility: CompatibilityMode) => {
      const first = version(1, A);
      const second = version(2, B, { previous: first });
      return judgeEvolution(declaredIn(version(3, C, { previous: second, compatibility })), registryOf(first, second));
    };
    expect(chain('FULL')).toEqual([]);
    expect(chain('FULL_TRANSITIVE')).toMatchObject([
      { kind: 'incompatible', version: 3, message: expect.stringContaining('version 1') },
    ]);
  });

  it('keeps it towards published versions that code has no more', () => {
    const V2 = version(2, shapes['changes a type']);
    expect(judgeEvolution(declaredIn(V2), registryOf(V1)).map(({ kind }) => kind)).toEqual([
      'incompatible',
      'unreached',
    ]);
  });
});

describe('a header that is taken away', () => {
  const headed = version(1, Order, { headers: ['region', 'tier'] });
  const judge = (compatibility: CompatibilityMode, headers: string[], major = 1) => {
    const V2 = version(2, Order, { previous: headed, compatibility, headers, major });
    return judgeEvolution(declaredIn(V2), registryOf(headed));
  };

  it.each<[CompatibilityMode, boolean]>([
    ['FULL_TRANSITIVE', true],
    ['FULL', true],
    ['FORWARD', true],
    ['FORWARD_TRANSITIVE', true],
    ['BACKWARD', false],
    ['BACKWARD_TRANSITIVE', false],
    ['NONE', false],
  ])('within a major, under %s: breaks the promise %s', (mode, breaks) => {
    const found = judge(mode, ['region']);
    if (!breaks) expect(found).toEqual([]);
    else {
      expect(found).toMatchObject([
        {
          kind: 'incompatible',
          severity: 'error',
          version: 2,
          breaks: ['FORWARD'],
          lostHeaders: ['tier'],
          message: expect.stringMatching(/subscriptions that route by 'tier'.*\(FORWARD\)/),
          places: [{ path: '#/x-baton/headers', reason: "version 1 has the header 'tier', version 2 does not." }],
        },
      ]);
    }
  });

  it('breaks none where it is a new major, nor where headers are added', () => {
    expect(judge('FULL', ['region'], 2)).toEqual([]);
    expect(judge('FULL', ['region', 'tier', 'more'])).toEqual([]);
  });

  it('breaks it towards versions that only the registry knows', () => {
    const V2 = version(2, Order, { headers: [] });
    expect(judgeEvolution(declaredIn(V2), registryOf(headed))).toContainEqual(
      expect.objectContaining({ kind: 'incompatible', lostHeaders: ['region', 'tier'] }),
    );
  });
});

describe('a registered version that is newer than all that code declares', () => {
  const V2 = version(2, Order.extend({ gift: z.boolean().optional() }), { previous: V1 });

  it('is an error that names the file and the ways out', () => {
    expect(judgeEvolution(declaredIn(V1), registryOf(V1, V2))).toMatchObject([
      {
        kind: 'behind',
        severity: 'error',
        version: 2,
        file: 'events/registry/order.placed.v2.json',
        message: expect.stringMatching(
          /^The registry has version 2.*is version 1\. Restore.*as version 3\..*delete it/,
        ),
      },
    ]);
  });

  it('is none when the type has a newer one yet, or is declared no more', () => {
    const V3 = version(3, Order, { major: 2 });
    expect(judgeEvolution(declaredIn(V3), registryOf(V1, V2)).map(({ kind }) => kind)).toEqual([
      'unreached',
      'unreached',
    ]);
    expect(judgeEvolution([], registryOf(V1, V2)).map(({ kind }) => kind)).toEqual(['unreached']);
  });
});

describe('the numbers of versions', () => {
  it('have no gaps', () => {
    const found = judgeEvolution(declaredIn(version(4, Order)), registryOf(V1));
    expect(found).toContainEqual(expect.objectContaining({ kind: 'gap', version: 4, severity: 'error' }));
    expect(found.find(({ kind }) => kind === 'gap')!.message).toContain('version 2 was left out');
  });

  it('may begin later than at 1', () => {
    expect(judgeEvolution(declaredIn(version(3, Order)), registryOf())).toEqual([]);
  });

  it('have majors that do not fall', () => {
    const V2 = version(2, Order, { major: 2 });
    const V3 = version(3, Order, { major: 1 });
    const found = judgeEvolution(declaredIn(V3), registryOf(V1, V2));
    expect(found).toContainEqual(expect.objectContaining({ kind: 'majorFalls', version: 3, severity: 'error' }));
  });
});

describe('a published version that nothing leads to', () => {
  it('is a note', () => {
    const V2 = version(2, Order);
    expect(judgeEvolution(declaredIn(V2), registryOf(V1, V2))).toMatchObject([
      { kind: 'unreached', severity: 'note', version: 1 },
    ]);
  });

  it('is told of when code has the type no more', () => {
    expect(judgeEvolution([], registryOf(V1))).toMatchObject([
      { kind: 'unreached', severity: 'note', type: 'order.placed', message: 'No code declares this type any more.' },
    ]);
  });
});
