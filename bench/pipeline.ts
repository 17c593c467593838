import type { Benchmark } from './bench.ts';
import { median } from './median.ts';
import { npmStart } from './npm-start.ts';

const RUNS = 3;

export const pipeline: Benchmark = {
  name: 'pipeline',
  description: `guarded deliveries a second over the whole Superstore run, chaos included; median of ${RUNS} runs`,
  async run(say) {
    const rates: number[] = [];
    const seconds: number[] = [];
    for (let n = 0; n < RUNS; n++) {
      const { report } = await npmStart([]);
      say(`run ${n + 1}: ${Math.round(report.eventsPerSecond)} a second for ${report.seconds.toFixed(1)} s`);
      rates.push(report.eventsPerSecond);
      seconds.push(report.seconds);
    }
    return { deliveriesPerSecond: median(rates), seconds: median(seconds) };
  },
};
