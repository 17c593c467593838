import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Benchmark } from './bench.ts';
import { median } from './median.ts';
import { measureConsumers } from './synth-consumers.ts';

const RUNS = 3;
const project = fileURLToPath(new URL('..', import.meta.url));

export const synth: Benchmark = {
  name: 'synth',
  description: `npm run synth: cdk synth of all environments; apps of 10 to 200 consumers; median of ${RUNS} runs`,
  async run(say) {
    const times: number[] = [];
    for (let n = 0; n < RUNS; n++) {
      const started = performance.now();
      await npmRunSynth();
      times.push(performance.now() - started);
      say(`run ${n + 1}: ${Math.round(times.at(-1)!)} ms`);
    }
    const consumers = await measureConsumers(say, { consumers: [10, 50, 100, 200], runs: RUNS });
    return { environmentsMs: median(times), ...consumers };
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
