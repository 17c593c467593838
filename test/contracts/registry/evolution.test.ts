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
    expect(judgeEvolution(declaredIn(V2), registryOf(V1)).map(({ kind }) => kind)).toEqual(['incompatible', 'retired']);
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
  it('is retired, which is only a note', () => {
    const V2 = version(2, Order);
    expect(judgeEvolution(declaredIn(V2), registryOf(V1, V2))).toMatchObject([
      { kind: 'retired', severity: 'note', version: 1 },
    ]);
  });

  it('is history when code has the type no more', () => {
    expect(judgeEvolution([], registryOf(V1))).toMatchObject([
      { kind: 'retired', severity: 'note', type: 'order.placed', message: expect.stringContaining('history') },
    ]);
  });
});
