import type { Benchmark } from './bench.ts';
import { median } from './median.ts';
import type { Side } from './peer/bundles.ts';
import { openContest } from './peer/contest.ts';

/** How long a measurement is. */
export interface BundleSizes {
  /** Pairs of fresh processes that count. */
  pairs: number;
}

export const bundle: Benchmark = {
  name: 'bundle',
  description: 'the minified bundle of a one-event handler and its cold import, Baton against Powertools wired by hand',
  run: (say) => measureBundle(say, { pairs: 25 }),
};

/** What the fresh processes of one side showed, in ms. */
interface Cold {
  import: number;
  /** Processor time of the importing process, Node's own start included. */
  cpu: number;
  /** The import and the first batch, with DynamoDB answered from memory: what an import puts off is paid here. */
  firstBatch: number;
}

export async function measureBundle(say: (line: string) => void, sizes: BundleSizes): Promise<Record<string, number>> {
  const contest = await openContest();
  const measure = async (side: Side): Promise<Cold> => {
    const { importMs, cpuMs } = await contest.importCold(side);
    const contestant = await contest.start(side);
    try {
      const { ms } = await contestant.run(0, 1);
      return { import: importMs, cpu: cpuMs, firstBatch: contestant.importMs + ms };
    } finally {
      await contestant.stop();
    }
  };
  try {
    const { peer, baton } = contest.bundles;
    for (const side of ['peer', 'baton'] as const) {
      const { bytes, gzippedBytes, bytesByPackage } = contest.bundles[side];
      const largest = bytesByPackage.slice(0, 8).map(([name, size]) => `${name} ${kib(size)}`);
      say(`${side}: ${kib(bytes)} KiB (${kib(gzippedBytes)} gzipped), of which ${largest.join(', ')}`);
    }
    const cold: Record<Side, Cold[]> = { peer: [], baton: [] };
    // the first pair brings the files into the system's cache
    for (let pair = -1; pair < sizes.pairs; pair++) {
      for (const side of pair % 2 === 0 ? (['peer', 'baton'] as const) : (['baton', 'peer'] as const)) {
        const measured = await measure(side);
        if (pair >= 0) cold[side].push(measured);
      }
    }
    const ratio = (figure: keyof Cold) =>
      median(cold.baton.map((each, pair) => each[figure] / cold.peer[pair]![figure]));
    const middle = (side: Side, figure: keyof Cold) => median(cold[side].map((each) => each[figure]));
    return {
      bytes: baton.bytes,
      peerBytes: peer.bytes,
      sizeRatio: baton.bytes / peer.bytes,
      gzippedRatio: baton.gzippedBytes / peer.gzippedBytes,
      coldImportMs: middle('baton', 'import'),
      peerColdImportMs: middle('peer', 'import'),
      coldImportRatio: ratio('import'),
      coldImportCpuRatio: ratio('cpu'),
      coldFirstBatchMs: middle('baton', 'firstBatch'),
      peerColdFirstBatchMs: middle('peer', 'firstBatch'),
      coldFirstBatchRatio: ratio('firstBatch'),
    };
  } finally {
    contest.close();
  }
}

function kib(bytes: number): string {
  return (bytes / 1_024).toFixed(1);
}
