import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Benchmark } from './bench.ts';
import { median } from './median.ts';

const RUNS = 3;
const project = fileURLToPath(new URL('..', import.meta.url));

export const synth: Benchmark = {
  name: 'synth',
  description: `npm run synth: cdk synth of all environments; median of ${RUNS} runs`,
  async run(say) {
    const times: number[] = [];
    for (let n = 0; n < RUNS; n++) {
      const started = performance.now();
      await npmRunSynth();
      times.push(performance.now() - started);
      say(`run ${n + 1}: ${Math.round(times.at(-1)!)} ms`);
    }
    return { environmentsMs: median(times) };
  },
};

async function npmRunSynth(): Promise<void> {
  const child = spawn('npm', ['run', '--silent', 'synth'], { cwd: project, stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`npm run synth ended with exit code ${code}.`);
}
