import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { App, CfnResource, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct, type IConstruct } from 'constructs';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { roomFor, SplittingStack, type SplittingStackProps } from '../../lib/constructs/splitting-stack.ts';
import { seeded } from '../runtime/seed.ts';

let placementsDirectory: string;

beforeEach(() => {
  placementsDirectory = mkdtempSync(path.join(tmpdir(), 'baton-placements-'));
  onTestFinished(() => rmSync(placementsDirectory, { recursive: true }));
});

/** Stands for a consumer: so many resources, wherever there is room. */
class Worker extends Construct {
  constructor(scope: Construct, id: string, resources: number, beside?: IConstruct) {
    super(roomFor(scope, id, beside), id);
    for (let n = 0; n < resources; n++) new sns.CfnTopic(this, `Resource${n}`, {});
  }
}

function splitting(props: SplittingStackProps = {}, app = new App()): SplittingStack {
  return new SplittingStack(app, 'Shop', { placementsDirectory, ...props });
}

function record(): unknown {
  return JSON.parse(readFileSync(path.join(placementsDirectory, 'Shop.json'), 'utf8'));
}

/** Synthesizes workers and says in which stack each is, by id. */
function placed(workers: readonly (readonly [id: string, resources: number])[]): Record<string, string> {
  const app = new App();
  const stack = splitting({}, app);
  const all = workers.map(([id, resources]) => new Worker(stack, id, resources));
  app.synth();
  return Object.fromEntries(all.map((each) => [each.node.id, Stack.of(each).stackName]));
}

const many = (count: number, resources = 40) =>
  Array.from({ length: count }, (_, n) => [`Worker${String(n + 1).padStart(3, '0')}`, resources] as const);

describe('a splitting stack', () => {
  it('is a stack like any other while everything fits', () => {
    const app = new App();
    const stack = splitting({}, app);
    for (const [id, resources] of many(8)) new Worker(stack, id, resources);
    expect(stack.stacks).toHaveLength(1);
    expect(app.synth().stacks.map((each) => each.stackName)).toEqual(['Shop']);
  });

  it('opens further stacks for what does not fit, with its environment, tags, aspects and protection', () => {
    const app = new App();
    const env = { account: '111111111111', region: 'eu-central-1' };
    const stack = splitting({ env, description: 'A shop', terminationProtection: true, tags: { a: 'b' } }, app);
    for (const [id, resources] of many(20)) new Worker(stack, id, resources);
    Tags.of(stack).add('team', 'shop');
    const [first, second, third] = app.synth().stacks;
    expect([first, second, third].map((each) => each!.stackName)).toEqual(['Shop', 'Shop-2', 'Shop-3']);
    for (const each of [second!, third!]) {
      expect(each.environment).toMatchObject(env);
      expect(each.terminationProtection).toBe(true);
      expect(each.tags).toMatchObject({ a: 'b' });
      const [topic] = Object.values(each.template.Resources as Record<string, { Properties: object }>);
      expect(topic!.Properties).toMatchObject({ Tags: expect.arrayContaining([{ Key: 'team', Value: 'shop' }]) });
    }
    expect(second!.template.Description).toBe('A shop, part 2');
  });

  it('lets a subclass say what a further stack is', () => {
    class Further extends Stack {}
    class Shop extends SplittingStack {
      protected override furtherStack(number: number, props: StackProps): Stack {
        return new Further(this.node.root as App, `More${number}`, props);
      }
    }
    const shop = new Shop(new App(), 'Shop', { placementsDirectory });
    for (const [id, resources] of many(15)) new Worker(shop, id, resources);
    expect(shop.stacks[1]).toBeInstanceOf(Further);
    expect(shop.stacks[1]!.stackName).toBe('Shop-2');
  });

  it('keeps what is nested in a construct with that construct', () => {
    const stack = splitting();
    const group = new Construct(stack, 'Group');
    for (const [id, resources] of many(12)) new Worker(group, id, resources);
    expect(stack.stacks).toHaveLength(1);
  });

  it('puts what must be beside something beside it, however full', () => {
    const stack = splitting({ ownFill: 50 });
    const keeper = new Worker(stack, 'Keeper', 60);
    expect(Stack.of(new Worker(stack, 'Watched', 10, keeper)).stackName).toBe('Shop');
    const elsewhere = new Worker(stack, 'Elsewhere', 10);
    expect(Stack.of(elsewhere).stackName).toBe('Shop-2');
    expect(Stack.of(new Worker(stack, 'WithElsewhere', 10, elsewhere)).stackName).toBe('Shop-2');
  });

  it('says where a consumer is, or will be', () => {
    writeFileSync(path.join(placementsDirectory, 'Shop.json'), '{"Later": 3}');
    const stack = splitting();
    const now = new Worker(stack, 'Now', 1);
    expect(stack.stackOf('Now')?.stackName).toBe(Stack.of(now).stackName);
    expect(stack.stackOf('Later')?.stackName).toBe('Shop-3');
    expect(Stack.of(new Worker(stack, 'Later', 1)).stackName).toBe('Shop-3');
    expect(stack.stackOf('Never')).toBeUndefined();
  });
});

describe('the record of placements', () => {
  it('is written at synthesis, by id, with a warning to commit it, and not again', () => {
    const stack = splitting({ ownFill: 50 });
    new Worker(stack, 'Zeta', 60);
    new Worker(stack, 'Alpha', 10);
    expect(existsSync(stack.placementsFile)).toBe(false);
    Template.fromStack(stack);
    expect(Object.entries(record() as object)).toEqual([
      ['Alpha', 2],
      ['Zeta', 1],
    ]);
    expect(readdirSync(placementsDirectory)).toEqual(['Shop.json']);
    Annotations.fromStack(stack).hasWarning('/Shop', Match.stringLikeRegexp('Shop.json was written. Commit it'));

    const again = splitting({ ownFill: 50, placements: 'check' });
    new Worker(again, 'Zeta', 60);
    new Worker(again, 'Alpha', 10);
    Template.fromStack(again);
    Annotations.fromStack(again).hasNoWarning('/Shop', Match.anyValue());
  });

  it('keeps a consumer where it is when others come before it', () => {
    const before = placed(many(12));
    expect(before.Worker012).toBe('Shop-2');
    const after = placed([['First', 40], ['Second', 40], ...many(12)]);
    expect(after).toMatchObject(before);
  });

  it('keeps a consumer where it is when others leave, and takes new ones into the room', () => {
    const before = placed(many(12));
    const left = many(12).slice(6);
    const after = placed(left);
    expect(before).toMatchObject(after);
    expect(placed([...left, ['New', 40]])).toEqual({ ...after, New: 'Shop' });
  });

  it('keeps consumers that have grown in their stack', () => {
    const before = placed(many(8, 40));
    expect(placed(many(8, 60))).toEqual(before);
  });

  it('says which stack nothing is left in: CDK does not delete it', () => {
    placed(many(12));
    const stack = splitting();
    new Worker(stack, 'Worker001', 1);
    Template.fromStack(stack);
    Annotations.fromStack(stack).hasWarning('/Shop', Match.stringLikeRegexp('Nothing is left in Shop-2'));
  });

  it('may only be checked: where nobody would commit it', () => {
    const stack = splitting({ placements: 'check' });
    new Worker(stack, 'New', 1);
    expect(() => Template.fromStack(stack)).toThrow(
      /^Shop: .*Shop\.json does not say where each consumer is.*commit it/,
    );
    expect(existsSync(stack.placementsFile)).toBe(false);
  });

  it('is not written by an app that is refused', () => {
    const stack = splitting();
    new Worker(stack, 'TooLarge', 501);
    expect(() => Template.fromStack(stack)).toThrow(/501 resources/);
    expect(existsSync(stack.placementsFile)).toBe(false);
  });

  it.each([
    ['{"A": 1,\n<<<<<<< ours', /is not JSON.*Resolve the merge/],
    ['[]', /is no record of placements/],
    ['{"A": "2"}', /the stack of 'A' is "2", not a number/],
    ['{"A": 0}', /the stack of 'A' is 0/],
  ])('is refused when it cannot be read: %s', (text, message) => {
    writeFileSync(path.join(placementsDirectory, 'Shop.json'), text);
    expect(() => splitting()).toThrow(message);
  });
});

describe('what is refused', () => {
  it('is a second consumer of one id, also in another stack', () => {
    const stack = splitting({ ownFill: 50 });
    new Worker(stack, 'Same', 60);
    expect(() => new Worker(stack, 'Same', 60)).toThrow(/^Shop: There is a consumer 'Same' already/);
  });

  it.each([0, 452, 1.5])('is to fill up to %d resources', (fill) => {
    expect(() => splitting({ fill })).toThrow(/`fill` is/);
    expect(() => splitting({ ownFill: fill - 1 })).toThrow(/`ownFill` is/);
  });

  it('is a record for two stacks', () => {
    const app = new App();
    splitting({}, app);
    expect(() => new SplittingStack(app, 'ShopInAsia', { placementsDirectory, stackName: 'Shop' })).toThrow(
      /^ShopInAsia: Shop has the same stack name.*another `placementsDirectory`/,
    );
  });
});

/** What somebody does to the list of consumers before the next synthesis. */
type Edit = { add: number; at: number; size: number } | { remove: number };

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ add: fc.integer({ min: 1, max: 8 }), at: fc.nat(1000), size: fc.integer({ min: 20, max: 45 }) }),
  fc.record({ remove: fc.nat(1000) }),
);

describe('whatever is added and removed, in whatever order', () => {
  it('no consumer ever moves, every one is placed, and no stack takes more than 500 resources', () => {
    let run = 0;
    fc.assert(
      fc.property(
        fc.array(fc.array(edit, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 }),
        (rounds) => {
          const directory = path.join(placementsDirectory, String(run++));
          let workers: [id: string, size: number][] = [];
          let known: Record<string, string> = {};
          let made = 0;
          for (const edits of rounds) {
            for (const each of edits) {
              if ('remove' in each) workers = workers.filter((_, n) => n !== each.remove % (workers.length || 1));
              else {
                const added = Array.from({ length: each.add }, (): [string, number] => [`Worker${made++}`, each.size]);
                workers = workers.toSpliced(each.at % (workers.length + 1), 0, ...added);
              }
            }
            const stack = new SplittingStack(new App(), 'Shop', { placementsDirectory: directory });
            const now: Record<string, string> = {};
            for (const [id, size] of workers) now[id] = Stack.of(new Worker(stack, id, size)).stackName;
            // What synthesis does, without the templates.
            expect(stack.node.validate()).toEqual([]);
            for (const [id, name] of Object.entries(now)) expect(known[id] ?? name).toBe(name);
            for (const each of stack.stacks) expect(countOf(each)).toBeLessThanOrEqual(500);
            expect(Object.keys(now)).toHaveLength(workers.length);
            known = now;
          }
        },
      ),
      seeded({ numRuns: 25 }),
    );
  });
});

function countOf(stack: Stack): number {
  return stack.node.findAll().filter((each) => CfnResource.isCfnResource(each) && each.stack === stack).length;
}
