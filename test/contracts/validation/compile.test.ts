import { execFileSync } from 'node:child_process';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import * as z from 'zod';
import { compile, REFUSED } from '../../../lib/contracts/validation/compile.ts';
import { expectAgreement, shown, zodAnswer } from './agreement.ts';
import { ByGetter, ByLazy, type Tree } from './recursive.ts';

afterEach(() => void vi.unstubAllGlobals());

const parsed = (text: string) => JSON.parse(text) as unknown;

test('the output has the order of the schema, and nothing of the input', () => {
  const schema = z.object({ b: z.object({ c: z.int() }), a: z.array(z.int()), d: z.int().optional() });
  const data = { a: [1], d: 2, more: 3, b: { c: 1, more: 2 } };
  for (const generateAfter of [0, Number.POSITIVE_INFINITY]) {
    const value = compile(schema, { generateAfter }).read(data) as typeof data;
    expect(shown(value)).toBe('Object{b: Object{c: 1}, a: Array{0: 1, length: 1}, d: 2}');
    expect(value.a).not.toBe(data.a);
  }
  expect(data).toEqual({ a: [1], d: 2, more: 3, b: { c: 1, more: 2 } });
});

test('no key reaches a prototype', () => {
  const data = parsed('{"__proto__":{"admin":true},"a":{"__proto__":{"admin":true}}}');
  for (const schema of [z.looseObject({}), z.object({ a: z.looseObject({}) }), z.record(z.string(), z.unknown())]) {
    const value = compile(schema).read(data) as { admin?: boolean };
    expect(value.admin).toBeUndefined();
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  }
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
});

test('data too deep for the stack is refused, not thrown at', () => {
  let data: Tree = { name: 'leaf', children: [] };
  for (let depth = 0; depth < 200_000; depth++) data = { name: 'node', children: [data] };
  for (const schema of [ByGetter, ByLazy]) {
    const { read } = compile(schema);
    expect(read(data)).toBe(REFUSED);
    // and the reader is none the worse for it
    expect(read({ name: 'a', children: [] })).toEqual({ name: 'a', children: [] });
  }
});

test('data that holds itself is left to zod', () => {
  const data: Tree = { name: 'a', children: [] };
  data.children.push(data);
  expect(compile(ByGetter).read(data)).toBe(REFUSED);
  expect(ByGetter.safeParse(data).success).toBe(true);
});

test('a schema that never ends is read as deep as its data', () => {
  const endless = (): z.ZodType => z.object({ next: z.lazy(endless).optional() });
  const { read, exact, json } = compile(endless());
  expect(read({ next: { next: {} } })).toEqual({ next: { next: {} } });
  expect({ exact, json }).toEqual({ exact: true, json: false });
});

test('an array longer than it may be is refused before its items are looked at', () => {
  let looked = 0;
  const item = z.unknown().refine(() => ++looked > 0);
  for (const schema of [z.array(item).max(3), z.array(item).length(3), z.array(item).min(5)]) {
    expect(compile(schema).read([1, 2, 3, 4])).toBe(REFUSED);
  }
  expect(looked).toBe(0);
});

test('a refinement sees data once, and only data that fits so far', () => {
  const seen: unknown[] = [];
  const { read } = compile(z.object({ a: z.int().refine((value) => seen.push(value) > 0) }));
  read({ a: 1, b: 2 });
  read({ a: 'x' });
  expect(seen).toEqual([1]);
});

test('what a refinement throws is left for zod to throw', () => {
  const schema = z.union([
    z.string().refine(() => {
      throw new TypeError('broken');
    }),
    z.string(),
  ]);
  expect(compile(schema).read('a')).toBe(REFUSED);
  expect(zodAnswer(schema, 'a')).toMatch(/^throws TypeError: broken/);
});

test('what is asynchronous is left to zod, wherever it stands', () => {
  const later = z.string().refine(async () => true);
  const promised = z.promise(z.string());
  for (const schema of [later, z.union([later, z.string()]), promised, z.union([promised, z.string()])]) {
    expect(compile(schema).read('a')).toBe(REFUSED);
  }
  expect(zodAnswer(z.union([later, z.string()]), 'a')).toMatch(/^throws/);
});

test('a schema of a zod whose rules are not known is left to that zod', () => {
  const schema = z.object({ a: z.string().trim().default('d') });
  Object.assign(schema._zod, { version: { major: 4, minor: 7, patch: 0 } });
  expect(compile(schema).exact).toBe(false);
  expect(compile(schema).read({})).toEqual({ a: 'd' });
  expect(compile(schema).read({ a: 1 })).toBe(REFUSED);
});

test('what zod alone reads costs the rest nothing: only that node is left to it', () => {
  expect(compile(z.object({ at: z.date() })).exact).toBe(true);
  expect(compile(z.date()).exact).toBe(false);
});

test('an intersection that zod cannot merge is left to zod, which throws', () => {
  const named = z.object({ constructor: z.unknown() }).and(z.object({ b: z.int() }));
  expectAgreement(named, { constructor: 1, b: 2 });
  const replaced = z.object({ a: z.int() }).overwrite(() => ({ b: 'other' }) as never);
  for (const [schema, data] of [
    [named, { constructor: () => 1, b: 2 }],
    [replaced.and(z.object({ b: z.string() })), { a: 1, b: 'x' }],
  ] as const) {
    expect(compile(schema).read(data)).toBe(REFUSED);
    expect(zodAnswer(schema, data)).toMatch(/^throws/);
  }
});

test('a schema is compiled once, however often it occurs', () => {
  let looked = 0;
  const counted = <Schema extends z.ZodType>(schema: Schema): Schema => {
    const { traits } = schema._zod;
    Object.defineProperty(schema._zod, 'traits', {
      get: () => {
        looked++;
        return traits;
      },
    });
    return schema;
  };
  const text = counted(z.string());
  const node: z.ZodType = counted(
    z.object({ next: z.lazy(() => node).optional(), texts: z.tuple(Array(50).fill(text) as [typeof text]) }),
  );
  let data: unknown = { texts: Array(50).fill('a') };
  for (let depth = 0; depth < 100; depth++) data = { next: data, texts: Array(50).fill('a') };
  expect(compile(node).read(data)).toEqual(data);
  // the node and the text, each a few times
  expect(looked).toBeLessThan(10);
});

test('nothing is asked of the inner schemas before data comes', () => {
  let asked = 0;
  const schema = z.object({
    get a() {
      asked++;
      return z.string();
    },
  });
  const { read } = compile(schema);
  expect(asked).toBe(0);
  expect(read({ a: 'x' })).toEqual({ a: 'x' });
});

/** What code is generated, as far as it is code. */
function watchGenerated(): unknown[] {
  const generated: unknown[] = [];
  class Watched extends Function {
    constructor(...code: string[]) {
      super(...code);
      generated.push(code);
    }
  }
  vi.stubGlobal('Function', Watched);
  return generated;
}

test('code is generated for an object that is read often, and answers the same', () => {
  const generated = watchGenerated();
  const { read } = compile(z.object({ a: z.int(), b: z.string().optional() }));
  const answers = new Set<string>();
  for (let reads = 0; reads < 99; reads++) answers.add(shown(read({ b: 'x', a: 1, c: 2 })));
  expect(generated).toHaveLength(0);
  for (let reads = 0; reads < 99; reads++) answers.add(shown(read({ b: 'x', a: 1, c: 2 })));
  expect(generated).toHaveLength(1);
  expect([...answers]).toEqual(['Object{a: 1, b: "x"}']);
});

test('keys become texts in generated code, whatever they look like', () => {
  const generated = watchGenerated();
  const key = '"]; return { taken: true }; //';
  for (const schema of [z.object({ [key]: z.int() }), z.object({ [key]: z.int().optional() })]) {
    expect(compile(schema, { generateAfter: 0 }).read({ [key]: 1 })).toEqual({ [key]: 1 });
  }
  expect(generated).toHaveLength(2);
});

test('zod.config({ jitless: true }) forbids generated code here too', () => {
  const generated = watchGenerated();
  z.config({ jitless: true });
  onTestFinished(() => void z.config({ jitless: false }));
  expect(compile(z.object({ a: z.int() }), { generateAfter: 0 }).read({ a: 1, b: 2 })).toEqual({ a: 1 });
  expect(generated).toHaveLength(0);
});

test('where code must not be generated it is done without', () => {
  const script = `
    import * as z from 'zod';
    import { compile } from './lib/contracts/validation/compile.ts';
    try { new Function(''); process.exit(3); } catch {}
    const { read } = compile(z.object({ a: z.array(z.union([z.int(), z.iso.date()])) }), { generateAfter: 1 });
    read({ a: [] });
    console.log(JSON.stringify(read({ a: [1, '2024-01-01'], b: 1 })));`;
  const out = execFileSync(
    process.execPath,
    ['--disallow-code-generation-from-strings', '--input-type=module', '-e', script],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  );
  expect(JSON.parse(out)).toEqual({ a: [1, '2024-01-01'] });
});
