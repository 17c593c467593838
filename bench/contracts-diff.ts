import { diff, type JsonSchema } from '../lib/contracts/compatibility/index.ts';
import { median } from './median.ts';

/** The kinds of property that such schemas have, in turn. */
const SHAPES: readonly ((index: number) => JsonSchema)[] = [
  () => ({ type: 'string', minLength: 1, maxLength: 80 }),
  () => ({ type: 'integer', minimum: 0, maximum: 9_007_199_254_740_991 }),
  (index) => ({ type: 'string', enum: ['open', 'paid', 'shipped', `state-${index}`] }),
  () => ({ anyOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }] }),
  () => ({ type: 'number', multipleOf: 0.01 }),
  () => ({ type: 'array', items: { $ref: '#/$defs/line' }, minItems: 1 }),
  () => ({ type: 'string', pattern: '^[A-Z]{2}-[0-9]+$' }),
  () => ({ $ref: '#/$defs/address' }),
];

const LINE = {
  type: 'object',
  properties: { sku: { type: 'string' }, quantity: { type: 'integer', minimum: 1 } },
  required: ['sku'],
};
const ADDRESS = {
  type: 'object',
  properties: { street: { type: 'string' }, city: { type: 'string' }, next: { $ref: '#/$defs/address' } },
};

/** An order of so many properties, ten in each object; `changed`: every twentieth is another one. */
export function schemaOf(properties: number, changed: boolean): JsonSchema {
  const property = (index: number): JsonSchema => {
    const schema = SHAPES[index % SHAPES.length]!(index);
    return changed && index % 20 === 0 ? { ...(schema as object), description: 'changed', maxLength: 120 } : schema;
  };
  const groups = Array.from({ length: Math.ceil(properties / 10) }, (_, group) => {
    const names = Array.from({ length: Math.min(10, properties - group * 10) }, (_, index) => group * 10 + index);
    const schemas = Object.fromEntries(names.map((index) => [`field${index}`, property(index)]));
    return [
      `group${group}`,
      { type: 'object', properties: schemas, required: [`field${group * 10}`], additionalProperties: false },
    ];
  });
  const address = changed ? { ...ADDRESS, title: 'Where it goes' } : ADDRESS;
  return { type: 'object', properties: Object.fromEntries(groups), $defs: { line: LINE, address } };
}

/** Times the comparison of two schemas of 200 properties, and of 2,000 to see that it grows with their size and no faster. */
export async function diffFigures(say: (line: string) => void): Promise<{ diff200Ms: number; diff2000Ms: number }> {
  const diff200Ms = measure(200, 101);
  const diff2000Ms = measure(2_000, 21);
  say(`diff of 200 properties: ${diff200Ms.toFixed(2)} ms, of 2,000: ${diff2000Ms.toFixed(2)} ms`);
  return { diff200Ms, diff2000Ms };
}

function measure(properties: number, rounds: number): number {
  const [original, update] = [schemaOf(properties, false), schemaOf(properties, true)];
  const run = () => {
    const start = performance.now();
    const changes = diff(original, update);
    const ms = performance.now() - start;
    if (changes.length < properties / 20)
      throw new Error(`Only ${changes.length} changes were found in ${properties} properties.`);
    return ms;
  };
  for (let round = 0; round < rounds / 4; round++) run();
  return median(Array.from({ length: rounds }, run));
}
