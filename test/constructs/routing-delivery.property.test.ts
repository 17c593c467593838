import { SubscribeCommand } from '@aws-sdk/client-sns';
import * as sns from 'aws-cdk-lib/aws-sns';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { HeaderRules } from '../../lib/constructs/index.ts';
import { ImportedEventTopic } from '../../lib/constructs/routing/imported-topic.ts';
import { routingOf } from '../../lib/constructs/routing/subscription-routing.ts';
import { type AnyContract, defineEvent } from '../../lib/contracts/index.ts';
import { Publisher } from '../../lib/runtime/publish/publisher.ts';
import { type Engines, startEngines } from '../runtime/engines.ts';
import { seeded } from '../runtime/seed.ts';
import { wiring } from './fixtures/wiring.ts';

let engines: Engines;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});

// Few words, of which some begin or end as others do: where prefixes and suffixes go wrong.
const word = fc.constantFrom('a', 'aa', 'b', 'ab', 'b-a', 'x1');
const words = fc.array(word, { minLength: 1, maxLength: 3 });
const types = fc.uniqueArray(
  words.map((each) => each.join('.')),
  { minLength: 1, maxLength: 8 },
);
const pattern = fc.oneof(
  fc.constant('*'),
  words.map((each) => `${each.join('.')}.*`),
  words.map((each) => `*.${each.join('.')}`),
  words.map((each) => each.join('.')),
);
const region = fc.option(fc.constantFrom('eu', 'us', 'e'), { nil: undefined });

/** What a pattern means, word by word: `*` stands for one or more words. */
function means(text: string, type: string): boolean {
  const [wanted, given] = [text.split('.'), type.split('.')];
  const matches = (at: number, from: number): boolean => {
    if (at === wanted.length) return from === given.length;
    if (wanted[at] !== '*') return wanted[at] === given[from] && matches(at + 1, from + 1);
    return given.slice(from).some((_, taken) => matches(at + 1, from + taken + 1));
  };
  return matches(0, 0);
}

interface Data {
  region?: string | undefined;
  size: number;
}

function contract(type: string, hasHeader: boolean): AnyContract {
  return defineEvent({
    type,
    version: 1,
    description: 'A test fixture.',
    key: (data) => data.id,
    headers: hasHeader ? { region: ({ region }: Data) => region, size: ({ size }: Data) => size } : {},
    schema: z.object({ id: z.string(), region: z.string().optional(), size: z.number() }),
  });
}

/** Publishes to a topic with one subscription of this policy, and returns the ids of what came through. */
async function through(
  policy: Readonly<Record<string, sns.SubscriptionFilter>>,
  events: readonly { readonly contract: AnyContract; readonly data: object; readonly id: string }[],
): Promise<string[]> {
  const topicArn = await engines.createTopic();
  const queue = engines.createQueue();
  const conditions = Object.fromEntries(Object.entries(policy).map(([key, filter]) => [key, filter.conditions]));
  await engines.sns.send(
    new SubscribeCommand({
      TopicArn: topicArn,
      Protocol: 'sqs',
      Endpoint: queue.arn,
      Attributes: { RawMessageDelivery: 'true', FilterPolicy: JSON.stringify(conditions) },
    }),
  );
  const publisher = new Publisher({ topicArn, source: '/test', client: engines.clients.sns });
  await Promise.all(events.map((event) => publisher.publish(event.contract, event.data, { id: event.id })));
  const { ready } = engines.fauxqs.inspectQueue(queue.name)!.messages;
  return ready.map(({ body }) => (JSON.parse(body) as { id: string }).id).toSorted();
}

test('SNS delivers exactly what the patterns say', async () => {
  const { stack } = wiring();
  let topics = 0;
  let routed = 0;
  await fc.assert(
    fc.asyncProperty(types, fc.array(pattern, { minLength: 1, maxLength: 3 }), async (carried, patterns) => {
      const events = carried.map((type) => contract(type, false));
      const topic = new ImportedEventTopic(stack, `Topic${++topics}`, {
        topicArn: 'arn:aws:sns:eu-west-1:000000000000:any',
        events,
      });
      const idle = patterns.filter((text) => !carried.some((type) => means(text, type)));
      if (idle.length > 0) {
        expect(() => routingOf(stack, topic, patterns)).toThrow(`It wants '${idle[0]}'`);
        return;
      }
      routed++;
      const routing = routingOf(stack, topic, patterns);
      const meant = carried.filter((type) => patterns.some((text) => means(text, type))).toSorted();
      expect(routing.events.map(({ type }) => type).toSorted()).toEqual(meant);
      const published = events.map((each) => ({ contract: each, data: { id: '1', size: 1 }, id: each.type }));
      expect(await through(routing.filterPolicy, published)).toEqual(meant);
    }),
    seeded({ numRuns: 300 }),
  );
  expect(routed).toBeGreaterThan(30);
});

test('SNS delivers exactly what pattern and headers say together', async () => {
  const { stack } = wiring();
  let topics = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ region, size: fc.integer({ min: -3, max: 3 }), hasHeader: fc.boolean() }), {
        minLength: 1,
        maxLength: 8,
      }),
      fc.uniqueArray(fc.constantFrom('eu', 'us', 'e'), { minLength: 1 }),
      fc.integer({ min: -3, max: 3 }),
      async (given, regions, least) => {
        const [With, Without] = [contract('order.placed', true), contract('order.freed', false)];
        const topic = new ImportedEventTopic(stack, `Topic${++topics}`, {
          topicArn: 'arn:aws:sns:eu-west-1:000000000000:any',
          events: [With, Without],
        });
        const headers: HeaderRules = {
          region: sns.SubscriptionFilter.stringFilter({ allowlist: regions }),
          size: sns.SubscriptionFilter.numericFilter({ greaterThanOrEqualTo: least }),
        };
        const { filterPolicy, events } = routingOf(stack, topic, ['order.*'], { headers });
        expect(events).toEqual([With]);
        const published = given.map(({ region, size, hasHeader }, n) => ({
          contract: hasHeader ? With : Without,
          data: { id: String(n), size, ...(region !== undefined && { region }) },
          id: `e-${n}`,
        }));
        const meant = given.flatMap(({ region, size, hasHeader }, n) =>
          hasHeader && region !== undefined && regions.includes(region as 'eu') && size >= least ? [`e-${n}`] : [],
        );
        expect(await through(filterPolicy, published)).toEqual(meant);
      },
    ),
    seeded({ numRuns: 60 }),
  );
});
