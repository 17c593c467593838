import { expect } from 'vitest';
import { type Aftermath, aftermathOf, differences, tornIn } from './killing-aftermath.ts';
import type { Killing } from './killing-proxy.ts';
import type { Run, World } from './killing-world.ts';

/** A function that is to be killed, what it works on, and who finishes its work. */
export interface Subject {
  /** Another world, with work in it that is the same every time. */
  world(): Promise<World>;
  /** Has the function work in a process of its own, until there is nothing more to do or it is killed. */
  work(world: World, killing?: Killing): Promise<Run>;
  /** Lets healthy processes finish what is left. */
  finish(world: World): Promise<void>;
}

/** What became of killing a function at each of its calls. */
export interface Findings {
  /** Of a run that nobody touched. */
  untouched: Aftermath;
  /** The operations at which a process was killed on both sides. */
  operations: string[];
  /** What should not be, by kill. */
  wrong: string[];
}

/**
 * Kills the function at its first call of each operation, at its second, ... until a run is over before it comes to that: so at
 * every call, in whatever order calls that are under way at once arrive. On each side of the call, side by side.
 */
export async function killEverywhere(subject: Subject): Promise<Findings> {
  const healthy = await subject.world();
  const { calls } = await subject.work(healthy);
  await subject.finish(healthy);
  const untouched = await aftermathOf(healthy);
  await healthy.provider.stop();
  // what all others are compared with is not itself broken
  expect(untouched.left).toEqual([]);
  expect(untouched.records.filter((record) => !record.endsWith(' COMPLETED'))).toEqual([]);

  const wrong: string[] = [];
  const killAtEach = async (moment: Killing['moment']): Promise<Set<string>> => {
    const killedAt = new Set<string>();
    for (const operation of new Set(calls)) {
      for (let occurrence = 1; ; occurrence++) {
        const { killed, complaints } = await killAt({ operation, occurrence, moment }, subject, untouched);
        wrong.push(...complaints);
        if (!killed) break;
        killedAt.add(operation);
      }
    }
    return killedAt;
  };
  const [before, after] = await Promise.all([killAtEach('before'), killAtEach('after')]);
  return { untouched, operations: [...before].filter((operation) => after.has(operation)), wrong };
}

async function killAt(killing: Killing, subject: Subject, untouched: Aftermath) {
  const world = await subject.world();
  const { killed } = await subject.work(world, killing);
  const complaints = await tornIn(world);
  await subject.finish(world);
  complaints.push(...differences(await aftermathOf(world), untouched));
  await world.provider.stop();
  const { moment, operation, occurrence } = killing;
  const how = `${killed ? 'killed' : 'not killed'} ${moment} ${operation} ${occurrence}`;
  return { killed, complaints: complaints.map((complaint) => `${how}: ${complaint}`) };
}
