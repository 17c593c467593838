import { expect, test } from 'vitest';
import type { z } from 'zod';
import { expectAgreement, zodAnswer } from './agreement.ts';

/** Name, schema, data that fits, data that does not. */
export type Construct = readonly [string, z.ZodType, readonly unknown[], readonly unknown[]];

/** Tests that what fits is read as zod reads it, and what does not is refused. */
export function testConstructs(constructs: readonly Construct[]): void {
  test.each(constructs)('%s', (_name, schema, fits, others) => {
    for (const data of fits) {
      expect(zodAnswer(schema, data)).toMatch(/^accepts/);
      expectAgreement(schema, data);
    }
    for (const data of others) {
      expect(zodAnswer(schema, data)).toBe('refuses');
      expectAgreement(schema, data);
    }
  });
}
