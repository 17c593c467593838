import { CreateTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { startEngines } from '../lib/local/engines.ts';
import type { Benchmark } from './bench.ts';
import { median } from './median.ts';
import type { Side } from './peer/bundles.ts';
import { type Contest, type Contestant, openContest } from './peer/contest.ts';

/** How long a measurement is. */
export interface GuardSizes {
  /** Batches of either side that do not count. */
  warmUp: number;
  /** Pairs of batches that count. */
  pairs: number;
}

export const guard: Benchmark = {
  name: 'guard',
  description: 'a batch of 10 fresh events on the DynamoDB engine, Baton against Powertools wired by hand; medians',
  run: (say) => measureGuard(say, { warmUp: 100, pairs: 300 }),
};

/** Hands batches to both sides in turn, each in its own process and table, on one engine. */
export async function measureGuard(say: (line: string) => void, sizes: GuardSizes): Promise<Record<string, number>> {
  const engines = await startEngines({ region: 'us-east-1' });
  let contest: Contest | undefined;
  const contestants: Contestant[] = [];
  try {
    contest = await openContest();
    const enter = async (side: Side) => {
      await createGuardTable(engines.clients.dynamodb, `guards-${side}`);
      const dynamodb = { endpoint: engines.endpoints.dynamodb, table: `guards-${side}` };
      const contestant = await contest!.start(side, { dynamodb });
      contestants.push(contestant);
      await contestant.run(0, sizes.warmUp);
      return contestant;
    };
    const sides = { peer: await enter('peer'), baton: await enter('baton') };
    const ms: Record<Side, number[]> = { peer: [], baton: [] };
    const requests: Record<Side, number[]> = { peer: [], baton: [] };
    for (let pair = 0; pair < sizes.pairs; pair++) {
      // who goes first finds another engine than who goes second
      for (const side of pair % 2 === 0 ? (['peer', 'baton'] as const) : (['baton', 'peer'] as const)) {
        const ran = await sides[side].run(sizes.warmUp + pair, 1);
        ms[side].push(ran.ms);
        requests[side].push(ran.requests);
      }
    }
    const ratios = ms.baton.map((each, pair) => each / ms.peer[pair]!);
    say(`a batch: peer ${median(ms.peer).toFixed(2)} ms, Baton ${median(ms.baton).toFixed(2)} ms`);
    return {
      roundTripsPerBatch: median(requests.baton),
      peerRoundTripsPerBatch: median(requests.peer),
      msPerBatch: median(ms.baton),
      peerMsPerBatch: median(ms.peer),
      timeRatio: median(ratios),
    };
  } finally {
    await Promise.all(contestants.map((contestant) => contestant.stop()));
    contest?.close();
    await engines.stop();
  }
}

/** The table that both sides expect: their attribute names are the same. */
export async function createGuardTable(dynamodb: DynamoDBClient, TableName: string): Promise<void> {
  await dynamodb.send(
    new CreateTableCommand({
      TableName,
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
}
