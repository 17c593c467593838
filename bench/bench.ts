import { writeFileSync } from 'node:fs';
import { bundle } from './bundle.ts';
import { contracts } from './contracts.ts';
import { engines } from './engines.ts';
import { guard } from './guard.ts';
import { pipeline } from './pipeline.ts';
import { record } from './record.ts';
import { start } from './start.ts';
import { synth } from './synth.ts';

/** One benchmark: its figures by key, each a median or a ratio. */
export interface Benchmark {
  name: string;
  /** What it measures, and against what. */
  description: string;
  run(say: (line: string) => void): Promise<Record<string, number>>;
}

const benchmarks: readonly Benchmark[] = [synth, start, engines, pipeline, guard, record, bundle, contracts];

/** Runs one benchmark, or all; returns the exit code. */
export async function bench(name: string | undefined, file: string | undefined): Promise<number> {
  const chosen = benchmarks.filter((benchmark) => name === undefined || benchmark.name === name);
  if (chosen.length === 0) {
    const known = benchmarks.map((benchmark) => `  ${benchmark.name.padEnd(10)} ${benchmark.description}`).join('\n');
    process.stderr.write(`There is no benchmark '${name}'. There are:\n${known}\n`);
    return 2;
  }
  const figures: Record<string, Record<string, number>> = {};
  for (const benchmark of chosen) {
    process.stdout.write(`${benchmark.name}: ${benchmark.description}\n`);
    figures[benchmark.name] = await benchmark.run((line) => process.stdout.write(`  ${line}\n`));
    for (const [key, value] of Object.entries(figures[benchmark.name]!)) {
      process.stdout.write(
        `  ${benchmark.name}.${key} = ${value.toLocaleString('en', { maximumFractionDigits: 2 })}\n`,
      );
    }
  }
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(figures, null, 2)}\n`);
  return 0;
}
