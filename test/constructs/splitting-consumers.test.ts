import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import cdkJson from '../../cdk.json' with { type: 'json' };
import {
  CircuitBreakers,
  CommandQueue,
  Consumer,
  EventTopic,
  IdempotencyTable,
  OnCall,
} from '../../lib/constructs/index.ts';
import { SplittingStack } from '../../lib/constructs/splitting-stack.ts';
import { readAssembly } from '../../lib/local/assembly.ts';
import { BookSeat, ECHO, SeatBooked, SeatFreed } from './fixtures/wiring.ts';

const root = mkdtempSync(path.join(tmpdir(), 'baton-splitting-'));
afterAll(() => rmSync(root, { recursive: true }));

/** A theatre with so many consumers of one topic, in a stack that splits. */
function theatre(count: number, { placementsDirectory = path.join(root, 'placements'), outdir = '' } = {}) {
  const app = new App({ ...(outdir && { outdir }), context: cdkJson.context });
  const stack = new SplittingStack(app, 'Theatre', { placementsDirectory });
  const topic = new EventTopic(stack, 'Seats', { events: [SeatBooked, SeatFreed] });
  const shared = {
    entry: ECHO,
    maxAge: Duration.minutes(5),
    owner: 'box-office',
    idempotency: new IdempotencyTable(stack, 'Idempotency'),
    onCall: new OnCall(stack, 'OnCall'),
  };
  const circuitBreakers = new CircuitBreakers(stack, 'CircuitBreakers', shared);
  const consumer = (id: string, props: object = {}) =>
    new Consumer(stack, id, { ...shared, topic, events: [SeatBooked, SeatFreed], ...props });
  const consumers = Array.from({ length: count }, (_, n) => consumer(`Consumer${n + 1}`));
  return { app, stack, shared, circuitBreakers, consumers, consumer };
}

describe('200 consumers in a splitting stack', () => {
  const [first, second] = [path.join(root, 'first'), path.join(root, 'second')];
  let stacks: string[];

  beforeAll(() => {
    const { app, stack, consumers } = theatre(200, { outdir: first });
    app.synth();
    stacks = stack.stacks.map((each) => each.stackName);
    for (const each of consumers) expect(stacks).toContain(Stack.of(each).stackName);
    theatre(200, { outdir: second }).app.synth();
  }, 120_000);

  it('are in stacks of 500 resources at most, which depend on the first alone', () => {
    const assembly = readAssembly(first);
    expect(assembly.stacks.map((each) => each.name).toSorted()).toEqual(stacks.toSorted());
    expect(stacks.length).toBeGreaterThan(10);
    expect(assembly.stacks[0]!.name).toBe('Theatre');
    for (const { template } of assembly.stacks) {
      expect(Object.keys(template.Resources).length).toBeLessThanOrEqual(500);
    }
    const { artifacts } = JSON.parse(readFileSync(path.join(first, 'manifest.json'), 'utf8'));
    expect(artifacts.Theatre.dependencies).toEqual(['Theatre.assets']);
    expect(artifacts['Theatre-2'].dependencies).toEqual(['Theatre', 'Theatre-2.assets']);
  });

  it('are read by the local cloud: each import is an export of the first stack, each function has its code', () => {
    const { stacks: read, assets } = readAssembly(first);
    const exported = new Set(Object.values(read[0]!.template.Outputs).map((each) => each.Export?.Name));
    const functions = read.flatMap(({ template }) =>
      Object.values(template.Resources).filter(({ Type }) => Type === 'AWS::Lambda::Function'),
    );
    expect(functions.length).toBeGreaterThanOrEqual(200);
    for (const { Properties } of functions) {
      expect(assets.has((Properties!.Code as { S3Key: string }).S3Key)).toBe(true);
    }
    for (const { template } of read.slice(1)) {
      const imports = [...JSON.stringify(template).matchAll(/"Fn::ImportValue":"([^"]+)"/g)].map((match) => match[1]!);
      expect(imports.length).toBeGreaterThan(0);
      for (const name of imports) expect(exported).toContain(name);
    }
  });

  it('are the same when synthesized again', () => {
    for (const { templateFile } of readAssembly(first).stacks) {
      const again = path.join(second, path.basename(templateFile));
      expect(readFileSync(again, 'utf8')).toBe(readFileSync(templateFile, 'utf8'));
    }
  });
});

describe('what stays in the splitting stack itself', () => {
  const placementsDirectory = path.join(root, 'staying');

  it('is a command queue, to which others refer', () => {
    const { app, stack, shared } = theatre(18, { placementsDirectory });
    const commands = new CommandQueue(stack, 'Commands', { ...shared, command: BookSeat });
    expect(stack.stacks.length).toBeGreaterThan(1);
    expect(Stack.of(commands).stackName).toBe('Theatre');
    app.synth();
  });

  it('is a consumer with dependencies, beside its circuit breakers', () => {
    const { app, circuitBreakers, consumer } = theatre(18, { placementsDirectory });
    const billing = consumer('Billing', { circuitBreakers, dependencies: { payments: {} } });
    expect(Stack.of(billing).stackName).toBe('Theatre');
    app.synth();
  });

  it('unless its circuit breakers are in a further stack', () => {
    const { app, stack, shared, consumer } = theatre(18, { placementsDirectory });
    const further = stack.stackOf('Consumer18')!;
    const circuitBreakers = new CircuitBreakers(further, 'FurtherBreakers', shared);
    const charging = consumer('Charging', { circuitBreakers, dependencies: { payments: {} } });
    expect(Stack.of(charging).stackName).toBe(further.stackName);
    expect(further.stackName).not.toBe('Theatre');
    app.synth();
  });
});
