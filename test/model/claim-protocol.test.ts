import { describe, expect, test } from 'vitest';
import { BEYOND, exploreWorld, WEAKNESSES, WORLDS } from './claim-worlds.ts';
import { describeTrace } from './trace.ts';

function verify(name: string, ...[world, assumptions]: Parameters<typeof exploreWorld>): void {
  const { states, transitions, depth, violation } = exploreWorld(world, assumptions);
  process.stderr.write(`model: ${name}: ${states} states, ${transitions} transitions, ${depth} steps deep\n`);
  expect.soft(violation?.message).toBeUndefined();
  expect(violation && `${violation.message}\n${describeTrace(violation.trace)}`).toBeUndefined();
  // a world in which hardly anything happens proves hardly anything
  expect(states).toBeGreaterThan(1_000);
}

describe('the claim protocol keeps its promises with', () => {
  test.each(Object.entries(WORLDS))('%s', (name, world) => verify(name, world));
});

describe('what does not rest on clocks or retention holds without them, with', () => {
  test.each(Object.entries(BEYOND))('%s', (name, { world, assumptions }) => verify(name, world, assumptions));

  test.each(Object.entries(BEYOND))('%s, but not the rest', (_, { world }) => {
    expect(exploreWorld(world).violation?.message).toMatch(/two effects|two owners|claimed after/);
  });
});

describe('the exploration notices', () => {
  test.each(Object.entries(WEAKNESSES))('%s', (_, { world, breaks }) => {
    const { violation } = exploreWorld(world);
    expect(violation?.message).toMatch(breaks);
    expect(describeTrace(violation!.trace).split('\n')).toHaveLength(violation!.trace.length);
  });
});
