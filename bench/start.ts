import type { Benchmark } from './bench.ts';
import { median } from './median.ts';
import { npmStart } from './npm-start.ts';

const RUNS = 5;

export const start: Benchmark = {
  name: 'start',
  description: `from npm start (installed) to the first order accepted; median of ${RUNS} runs`,
  async run(say) {
    const ready: number[] = [];
    for (let n = 0; n < RUNS; n++) {
      const { readyMs } = await npmStart(['--orders', '20', '--poison', '0']);
      say(`run ${n + 1}: ${Math.round(readyMs)} ms`);
      ready.push(readyMs);
    }
    const { report } = await npmStart([]);
    say(`peak of a whole run: ${Math.round(report.peakRssBytes / 1_048_576)} MiB`);
    return { readyMs: median(ready), peakRssBytes: report.peakRssBytes };
  },
};
