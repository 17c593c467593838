import { type AttributeValue, GetItemCommand } from '@aws-sdk/client-dynamodb';
import type { Engines } from '../runtime/engines.ts';
import { NOBODY } from './claim-table.ts';
import { hasEnded, type State, type Step, type World } from './claim-world.ts';
import { type Call, RealOwner } from './real-owner.ts';

/** Where runs are replayed. */
export interface Stage {
  engines: Engines;
  table: string;
  rows: string;
  /** True time of tick 0, in milliseconds since the epoch. */
  startMs: number;
}

/** A tick, in milliseconds: much more than a replay takes, so that no timer of the runtime gets in its way. */
const TICK_MS = 600_000;

/** Does with the runtime, on the engine, what a run of the model did; after each step the record must be as in the model. */
export async function replay(
  trace: readonly (readonly [Step, State])[],
  { world, id, stage }: { world: World; id: string; stage: Stage },
): Promise<void> {
  const { engines, table, rows, startMs } = stage;
  let now = 0;
  let before: State | undefined;
  const owners: (RealOwner | undefined)[] = world.owners.map(() => undefined);
  const network: Call['send'][] = [];
  /** Answers that owners have not looked at yet. */
  const heard = new Map<number, () => void>();
  const ownerOf = (index: number) => owners[index]!;

  async function afterwards(index: number, after: State): Promise<void> {
    const real = ownerOf(index);
    const { place } = after.owners[index]!;
    if (place === 'crashed') return;
    if (place === 'claimed') return await real.entered();
    if (!hasEnded(after.owners[index]!)) return;
    // a handler hears by its signal that its claim is lost, and fails
    const was = before!.owners[index]!.place;
    if (place === 'lost' && (was === 'claimed' || was === 'running')) real.fail();
    const ending = await real.drain();
    const expected = ENDINGS[place];
    if (expected !== undefined && ending !== expected) {
      throw new Error(`owner ${index} was to end as '${expected}', but ended as '${ending}'.`);
    }
  }

  async function make(step: Step & { kind: 'call' | 'renew' }, after: State): Promise<void> {
    const real = ownerOf(step.owner);
    const { place } = before!.owners[step.owner]!;
    if (step.kind === 'renew') real.renew();
    const call = await real.call(step.kind === 'renew' ? 'renew' : place);
    const isHeld = step.fate.startsWith('held');
    if (isHeld) network.push(call.send);
    else if (step.fate !== 'answered') await call.send().catch(() => undefined);
    if (step.fate === 'answered') {
      // what it makes of what it has read is a step of its own
      if (place === 'read' && step.kind === 'call' && after.owners[step.owner]!.place === 'judge') {
        const answer = await call.send();
        real.forget(call);
        heard.set(step.owner, () => call.resolve(answer));
        return;
      }
      await real.answer(call);
    } else if (step.fate.endsWith('given up') || step.kind === 'renew') real.giveUp(call);
    await afterwards(step.owner, after);
  }

  async function perform(step: Step, after: State): Promise<void> {
    switch (step.kind) {
      case 'tick':
        now++;
        return;
      case 'arrive':
        await network.shift()!().catch(() => undefined);
        return;
      case 'forget':
      case 'timeOut':
        throw new Error(`'${step.kind}' is not replayed: explore a world without a TTL.`);
      case 'start':
        owners[step.owner] = new RealOwner({
          mode: world.owners[step.owner]!,
          name: `owner-${step.owner}`,
          client: engines.clients.dynamodb,
          table,
          rows,
          id,
          leaseMs: world.lease * TICK_MS,
          clock: () => startMs + (now + step.offset) * TICK_MS,
        });
        return ownerOf(step.owner).start();
      case 'copy':
        return ownerOf(step.owner).start();
      case 'call':
      case 'renew':
        return await make(step, after);
      case 'judge':
        heard.get(step.owner)!();
        return await afterwards(step.owner, after);
      case 'begin':
        return await ownerOf(step.owner).entered();
      case 'end':
        return ownerOf(step.owner).finish();
      case 'abandon':
        return ownerOf(step.owner).abandon(before!.owners[step.owner]!.failures);
      case 'fail':
        if (world.owners[step.owner] === 'transaction') return ownerOf(step.owner).countFailure();
        return ownerOf(step.owner).fail();
      case 'crash':
        return;
    }
  }

  try {
    for (const [step, after] of trace) {
      await perform(step, after);
      await compare(after, id, stage);
      before = after;
    }
  } finally {
    for (const real of owners) real?.close();
  }
}

/** What the model tells apart and the runtime does not: it fails in several ways. */
const ENDINGS: Partial<Record<State['owners'][number]['place'], string>> = {
  handled: 'handled',
  duplicate: 'duplicate',
  claimedElsewhere: 'claimedElsewhere',
  failed: 'failed',
  lost: 'failed',
  gaveUp: 'failed',
};

/** Whether the tables are as they are in the model. */
async function compare({ tables }: State, id: string, { engines, table, rows, startMs }: Stage): Promise<void> {
  const [item, row] = await Promise.all([find(table), find(rows)]);
  const { record, committed } = tables;
  const expected = record && {
    status: record.status,
    ...(record.owner !== NOBODY && { owner: `owner-${record.owner % 8}` }),
    ...(record.status === 'INPROGRESS' && { lease: record.lease, failures: record.failures }),
    ...(record.status === 'RELEASED' && { failures: record.failures }),
  };
  const [status = '', failures] = (item?.status?.S ?? '').split('#');
  const found = item && {
    status,
    ...(item.owner?.S && { owner: item.owner.S.replace(/^(owner-\d+).*/, '$1') }),
    ...(status === 'INPROGRESS' && {
      lease: (Number(item.in_progress_expiration?.N) - startMs) / TICK_MS,
      failures: Number(item.failures?.N ?? 0),
    }),
    ...(status === 'RELEASED' && { failures: Number(failures) }),
  };
  const wanted = JSON.stringify({ record: expected, committed });
  const got = JSON.stringify({ record: found, committed: Number(row?.effects?.N ?? 0) });
  if (wanted !== got) throw new Error(`The model says ${wanted}, the engine ${got}.`);

  async function find(name: string): Promise<Record<string, AttributeValue> | undefined> {
    const { Item } = await engines.dynamodb.send(
      new GetItemCommand({ TableName: name, Key: { id: { S: id } }, ConsistentRead: true }),
    );
    return Item;
  }
}
