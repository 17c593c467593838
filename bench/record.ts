import type { Benchmark } from './bench.ts';
import { median } from './median.ts';
import { BATCH_SIZE } from './peer/batches.ts';
import type { Side } from './peer/bundles.ts';
import { openContest } from './peer/contest.ts';

/** How long a measurement is. */
export interface RecordSizes {
  /** Processes of either side. */
  rounds: number;
  /** Batches at the start of each process that do not count. */
  warmUp: number;
  /** Batches that count. */
  batches: number;
}

export const record: Benchmark = {
  name: 'record',
  description:
    'processor time per record without I/O, Baton against Powertools wired by hand; median of fresh processes',
  run: (say) => measureRecord(say, { rounds: 5, warmUp: 150, batches: 300 }),
};

/**
 * Runs both sides in fresh processes in turn. DynamoDB is answered in place of Node's HTTP client, so that serialising and
 * signing count on both sides, and sockets on neither.
 */
export async function measureRecord(say: (line: string) => void, sizes: RecordSizes): Promise<Record<string, number>> {
  const contest = await openContest();
  const measure = async (side: Side) => {
    const contestant = await contest.start(side);
    try {
      await contestant.run(0, sizes.warmUp);
      const { cpuMs } = await contestant.run(sizes.warmUp, sizes.batches);
      return (cpuMs * 1_000) / (sizes.batches * BATCH_SIZE);
    } finally {
      await contestant.stop();
    }
  };
  try {
    const micros: Record<Side, number[]> = { peer: [], baton: [] };
    for (let round = 0; round < sizes.rounds; round++) {
      for (const side of round % 2 === 0 ? (['peer', 'baton'] as const) : (['baton', 'peer'] as const)) {
        micros[side].push(await measure(side));
      }
      say(
        `round ${round + 1}: peer ${Math.round(micros.peer.at(-1)!)} µs, Baton ${Math.round(micros.baton.at(-1)!)} µs`,
      );
    }
    return {
      cpuMicros: median(micros.baton),
      peerCpuMicros: median(micros.peer),
      cpuRatio: median(micros.baton.map((each, round) => each / micros.peer[round]!)),
    };
  } finally {
    contest.close();
  }
}
