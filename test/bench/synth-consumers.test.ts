import { afterAll, describe, expect, it } from 'vitest';
import { measureConsumers } from '../../bench/synth-consumers.ts';

const before = process.env.CDK_VALIDATION;
// CDK's rules take seconds, and are not what is looked at here.
process.env.CDK_VALIDATION = 'false';
afterAll(() => {
  if (before === undefined) delete process.env.CDK_VALIDATION;
  else process.env.CDK_VALIDATION = before;
});

describe('the benchmark of synthesis', () => {
  it('synthesizes apps of its own in fresh processes, and counts what a consumer adds', async () => {
    const lines: string[] = [];
    const figures = await measureConsumers((line) => lines.push(line), { consumers: [1, 3], runs: 1 });
    expect(Object.keys(figures)).toEqual(['consumers1Ms', 'consumers3Ms', 'consumers3WarmMs', 'resourcesPerConsumer']);
    expect(figures.resourcesPerConsumer).toBeGreaterThan(20);
    expect(figures.resourcesPerConsumer).toBeLessThan(40);
    expect(lines).toContain('3 AWS::SQS::Queue a consumer');
  }, 60_000);
});
