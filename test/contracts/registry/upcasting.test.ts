import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { defineEvent } from '../../../lib/contracts/index.ts';
import { declaredVersions } from '../../../lib/contracts/registry/declared.ts';
import { judgeUpcasters } from '../../../lib/contracts/registry/upcasting.ts';

const Before = z.object({
  id: z.string(),
  name: z.string(),
  total: z.number().min(0),
  tier: z.enum(['a', 'b', 'c']).optional(),
  lines: z.array(z.object({ sku: z.string().min(1) })),
});

/** What is found of an upcaster to a version that has one field more. */
function found<Added extends z.ZodType>(
  upcast: (data: z.output<typeof Before>) => unknown,
  added: Added,
  before: z.ZodObject = Before,
) {
  const first = defineEvent({
    type: 'gift.given',
    version: 1,
    description: 'Somebody was given something.',
    key: () => 'key',
    schema: before as unknown as typeof Before,
    sensitive: ['name'],
  });
  const second = defineEvent({
    type: 'gift.given',
    version: 2,
    description: 'Somebody was given something.',
    key: () => 'key',
    schema: before.extend({ added }) as unknown as z.ZodType<{ id: string }>,
    previous: { contract: first, upcast: upcast as never },
  });
  return judgeUpcasters(declaredVersions([{ contract: second, file: 'events/gift.ts' }]));
}

describe('an upcaster', () => {
  it('that takes whatever fits is fine', () => {
    expect(found((data) => ({ ...data, added: data.lines.length }), z.int())).toEqual([]);
  });

  it.each<[string, (data: z.output<typeof Before>) => unknown, z.ZodType, RegExp]>([
    ['makes what does not fit', (data) => ({ ...data, added: 5 }), z.iso.datetime(), /returned what does not fit/],
    [
      'throws',
      () => {
        throw new Error('not today');
      },
      z.int(),
      /failed: .*not today/,
    ],
    ['returns a promise', async (data) => data, z.int().optional(), /returned a promise/],
    ['forgets what is optional', (data) => ({ ...data, added: data.tier!.length }), z.int(), /failed: /],
    ['knows one choice only', (data) => ({ ...data, added: data.tier === 'c' ? 1 : 'x' }), z.string(), /does not fit/],
    ['counts on an item', (data) => ({ ...data, added: data.lines[0]!.sku }), z.string(), /"lines":\[\]/],
    ['divides by what may be nothing', (data) => ({ ...data, added: 10 / data.total }), z.number(), /"total":0/],
    ['counts on a text', (data) => ({ ...data, added: data.id[0] }), z.string(), /"id":""/],
  ])('that %s is an error, with the data', (_, upcast, added, message) => {
    const findings = found(upcast, added);
    expect(findings).toMatchObject([
      { kind: 'upcast', severity: 'error', type: 'gift.given', version: 2, file: 'events/gift.ts' },
    ]);
    expect(findings[0]!.message).toMatch(message);
    expect(found(upcast, added)).toEqual(findings);
  });

  it('is not judged by data that nobody can make', () => {
    const never = Before.extend({ code: z.string().refine((text) => text === 'open sesame') });
    expect(found(() => ({}), z.int(), never)).toEqual([]);
  });

  it('may change what it is given', () => {
    const upcast = (data: z.output<typeof Before>) => Object.assign(data, { added: data.lines.splice(0).length });
    expect(found(upcast, z.int())).toEqual([]);
  });
});
