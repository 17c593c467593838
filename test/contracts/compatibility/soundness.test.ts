import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closed, type DiffOptions, diff, type JsonSchema } from '../../../lib/contracts/compatibility/index.ts';
import { seeded } from '../../runtime/seed.ts';
import { type Draft, mutated, pick, type Random, randomOf, value, wholeSchema } from './generated.ts';

const numRuns = Number(process.env.BATON_FUZZ_RUNS ?? 600);
const VALUES = 25;
const options = { strict: false, validateFormats: false, validateSchema: false, logger: false } as const;

/** A validator that is not ours; undefined where its code does not run: of a few schemas (unevaluatedProperties below not), and of such as lead to themselves. */
function validator(schema: JsonSchema, draft: Draft): (value: unknown) => boolean | undefined {
  const ajv = draft === 'draft-07' ? new Ajv(options) : new Ajv2020(options);
  const validate = ajv.compile(schema as object) as unknown as (value: unknown) => boolean;
  return (value) => {
    try {
      return validate(value);
    } catch (error) {
      if (error instanceof ReferenceError || error instanceof RangeError || error instanceof TypeError)
        return undefined;
      throw error;
    }
  };
}

interface Case {
  readonly draft: Draft;
  readonly original: JsonSchema;
  readonly update: JsonSchema;
  readonly random: Random;
}

function caseOf(seed: number): Case {
  const random = randomOf(seed);
  const draft = pick(random, ['draft-07', '2020-12'] as const);
  const original = wholeSchema(random, draft);
  return { draft, original, update: mutated(random, original, draft), random };
}

/** Looks for a value that fits the original, and what else is known of it, but not the update. */
function counterexample({ draft, original, update, random }: Case, known: JsonSchema = true): unknown {
  const [fitting, written, read] = [validator(original, draft), validator(known, draft), validator(update, draft)];
  for (let sample = 0; sample < VALUES; sample++) {
    const made = value(random, random() < 0.7 ? original : update);
    if (fitting(made) && written(made) && read(made) === false) return { original, update, value: made };
  }
  return undefined;
}

function isCompatible(original: JsonSchema, update: JsonSchema, given?: DiffOptions): boolean {
  return diff(original, update, given).every(({ compatible }) => compatible);
}

describe('the comparison of made schemas', () => {
  it('calls nothing compatible that refuses a value which fitted', { timeout: 0 }, () => {
    let judged = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const made = caseOf(seed);
        const changes = diff(made.original, made.update);
        if (changes.length === 0 || changes.some(({ compatible }) => !compatible)) return;
        judged++;
        expect(counterexample(made)).toBeUndefined();
      }),
      seeded({ numRuns }),
    );
    expect(judged).toBeGreaterThan(numRuns / 10);
  });

  it('finds something to break in every pair for which there is a value that breaks', { timeout: 0 }, () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const made = caseOf(seed);
        if (counterexample(made) === undefined) return;
        expect(isCompatible(made.original, made.update)).toBe(false);
      }),
      seeded({ numRuns: Math.ceil(numRuns / 10) }),
    );
  });

  it('finds no change between a schema and itself, nor its copy', { timeout: 0 }, () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const { original } = caseOf(seed);
        expect(diff(original, original)).toEqual([]);
        expect(diff(original, structuredClone(original))).toEqual([]);
      }),
      seeded({ numRuns }),
    );
  });

  it('takes writers that write what they declare for what closed() makes of their schema', { timeout: 0 }, () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const made = caseOf(seed);
        if (!isCompatible(made.original, made.update, { writers: 'DECLARED' })) return;
        expect(counterexample(made, closed(made.original))).toBeUndefined();
      }),
      seeded({ numRuns }),
    );
  });

  it('closes a schema to fewer values, never to others', { timeout: 0 }, () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const made = caseOf(seed);
        // What fits two members of a oneOf fits neither as a whole; closed, it may fit just one.
        if (JSON.stringify(made.original).includes('oneOf')) return;
        const random = made.random;
        const [shut, open] = [validator(closed(made.original), made.draft), validator(made.original, made.draft)];
        for (let sample = 0; sample < 5; sample++) {
          const each = value(random, made.original);
          if (shut(each))
            expect(open(each) ?? true, JSON.stringify({ value: each, original: made.original })).toBe(true);
        }
      }),
      seeded({ numRuns: Math.ceil(numRuns / 4) }),
    );
  });
});
