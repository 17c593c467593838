import type { Benchmark } from './bench.ts';
import { diffFigures } from './contracts-diff.ts';
import { validateFigures } from './contracts-validate.ts';

export const contracts: Benchmark = {
  name: 'contracts',
  description: "validating events on top of JSON.parse, against zod's own parse and ajv; telling versions apart",
  run: async (say) => ({ ...validateFigures(say), ...(await diffFigures(say)) }),
};
