import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { seeded } from '../../runtime/seed.ts';
import { expectAgreement, zodAnswer } from './agreement.ts';
import { type Case, cases, dataFor } from './schemas.ts';

const numRuns = Number(process.env.BATON_FUZZ_RUNS ?? 2_000);

test('random schemas read random data as zod does', { timeout: 3_600_000 }, () => {
  const accepted = { yes: 0, no: 0 };
  const pair = cases.chain((each) =>
    fc.tuple(
      fc.constant<Case & fc.WithToStringMethod>({ ...each, [fc.toStringMethod]: () => each.text }),
      dataFor(each),
    ),
  );
  fc.assert(
    fc.property(pair, ([{ schema, native }, data]) => {
      accepted[zodAnswer(schema, data).startsWith('accepts') ? 'yes' : 'no']++;
      expectAgreement(schema, data, native);
    }),
    seeded({ numRuns }),
  );
  // both outcomes, or the agreement says little
  expect(Math.min(accepted.yes, accepted.no)).toBeGreaterThan(numRuns / 10);
});
