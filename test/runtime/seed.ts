import type { Parameters } from 'fast-check';

const given = process.env.BATON_TEST_SEED;
const seed = given === undefined ? Date.now() & 0x7fffffff : Number(given);

/** Parameters of a property, with a seed that is printed, so that a failure can be run again: `BATON_TEST_SEED=<seed>`. */
export function seeded<Values>(parameters: Parameters<Values> = {}): Parameters<Values> {
  process.stderr.write(`property seed ${seed}\n`);
  return { seed, ...parameters };
}
