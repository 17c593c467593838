import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type AnyContract, needs } from '../../../lib/contracts/index.ts';
import { judgeAgreement } from '../../../lib/contracts/registry/agreement.ts';
import { declaredVersions } from '../../../lib/contracts/registry/declared.ts';
import { declaredIn, Order, registryOf, version } from './shop.ts';

const V1 = version(1, Order);
const V2 = version(2, Order.extend({ gift: z.boolean().optional() }), { previous: V1 });

describe('code and registry', () => {
  it('agree when every version has its file', () => {
    expect(judgeAgreement(declaredIn(V2), registryOf(V1, V2))).toEqual([]);
  });

  it('agree when only words changed', () => {
    const reworded = version(1, Order.describe('an order, in other words'));
    expect(judgeAgreement(declaredIn(reworded), registryOf(V1))).toEqual([]);
  });

  it('do not agree when a version has no file, an earlier one included', () => {
    const found = judgeAgreement(declaredIn(V2), registryOf());
    expect(found).toMatchObject([
      { kind: 'unregistered', severity: 'error', version: 1, file: 'events/registry/order.placed.v1.json' },
      { kind: 'unregistered', version: 2, message: expect.stringContaining('npx baton contracts accept') },
    ]);
  });

  it('do not agree when the schema of a published version changed, and says where', () => {
    const changed = version(1, Order.extend({ total: z.string() }));
    expect(judgeAgreement(declaredIn(changed), registryOf(V1))).toMatchObject([
      {
        kind: 'changed',
        severity: 'error',
        type: 'order.placed',
        version: 1,
        message: expect.stringMatching(
          /^events\/order-placed\.ts .*order\.placed\.v1\.json.*'previous'.*delete the file/,
        ),
        places: [{ path: '#/properties/total/type', reason: 'The registry has "number", the code has "string".' }],
      },
    ]);
  });

  it.each<[string, z.ZodType, z.ZodType]>([
    ['a rule that is new', z.string(), z.string().refine((text) => text !== '')],
    ['a rule that is gone', z.string().trim(), z.string()],
    ['an expression with flags', z.string().regex(/^a/i), z.string().regex(/^b/i)],
    ['what is made of it', z.string(), z.string().transform(Number).pipe(z.number().min(3))],
  ])('agree, with a note on %s in code', (_, before, after) => {
    const [registered, declared] = [before, after].map((note) => version(1, Order.extend({ note }) as typeof Order));
    expect(judgeAgreement(declaredIn(declared!), registryOf(registered!))).toMatchObject([
      {
        kind: 'rulesChanged',
        severity: 'note',
        version: 1,
        file: 'events/registry/order.placed.v1.json',
        places: [{ path: '#/properties/note/$comment' }],
      },
    ]);
  });

  it('do not agree on a file that cannot be read, which is told of once', () => {
    const broken = [{ file: 'order.placed.v1.json', type: 'order.placed', version: 1, problem: 'it is no JSON' }];
    const found = judgeAgreement(declaredIn(V1), { ...registryOf(), broken });
    expect(found).toMatchObject([{ kind: 'broken', message: expect.stringContaining('it is no JSON. Restore it') }]);
  });

  it('do not agree on a change of an earlier version, whose remedy follows the newest one', () => {
    const changed = version(1, Order.extend({ total: z.string() }));
    const next = version(2, Order, { previous: changed });
    const found = judgeAgreement(declaredIn(next), registryOf(V1, V2)).find(({ version: of }) => of === 1);
    expect(found!.message).toContain('declare the change as version 3, which has version 2 as its');
  });

  it('have no place for other files', () => {
    const broken = [{ file: 'notes.json', type: undefined, version: undefined, problem: 'its name is none' }];
    expect(judgeAgreement(declaredIn(V1), { ...registryOf(V1), broken })[0]!.message).toMatch(
      /events\/registry\/notes\.json .*its name is none\. Move it out of the registry\.$/,
    );
  });

  it('leave versions alone that code has no more', () => {
    expect(judgeAgreement(declaredIn(V1), registryOf(V1, V2))).toEqual([]);
  });
});

describe('the declared versions', () => {
  it('are refused with every place that could not travel, and its module', () => {
    const first = version(1, Order.extend({ a: z.bigint(), b: z.date() }));
    const second = version(1, Order.extend({ c: z.map(z.string(), z.string()) }), { type: 'order.shipped' });
    const declared = [
      { contract: first, file: 'first.ts' },
      { contract: second, file: 'second.ts' },
    ];
    expect(() => declaredVersions(declared)).toThrow(
      /^first\.ts: order\.placed v1: #\/properties\/a .*\nfirst\.ts: .*\/b .*\nsecond\.ts: order\.shipped v1: .*\/c .*$/,
    );
  });

  it('are those of the modules and those they accept, once each, without views', () => {
    const view: AnyContract = needs(V2, z.object({ orderId: z.string() }) as never) as unknown as AnyContract;
    const declared = [V2, V1, view].map((contract, index) => ({ contract, file: `${index}.ts` }));
    expect(declaredVersions(declared).map(({ contract, file }) => [contract, file])).toEqual([
      [V1, '0.ts'],
      [V2, '0.ts'],
    ]);
  });

  it('may not say two things of one version', () => {
    const other = version(1, Order.extend({ total: z.string() }));
    const twice = [
      { contract: V1, file: 'a.ts' },
      { contract: other, file: 'b.ts' },
    ];
    expect(() => declaredVersions(twice)).toThrow(
      'order.placed version 1 is declared twice, and not alike: in a.ts and in b.ts. The first difference is at #/properties/total/type.',
    );
  });
});
