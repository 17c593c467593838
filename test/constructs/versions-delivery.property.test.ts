import { SubscribeCommand } from '@aws-sdk/client-sns';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { UnsafePropsError } from '../../lib/constructs/index.ts';
import { ImportedEventTopic } from '../../lib/constructs/routing/imported-topic.ts';
import { policyOf, routingOf } from '../../lib/constructs/routing/subscription-routing.ts';
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

/** A version of a type: whether it knows the way from the one before, and whether it breaks with that one. */
interface Step {
  linked: boolean;
  major: boolean;
}

/** The versions of a type, 1 to 4. */
function versionsOf(type: string, steps: readonly Step[]): AnyContract[] {
  const versions: AnyContract[] = [];
  for (const { linked, major } of [{ linked: false, major: false }, ...steps]) {
    const before = versions.at(-1);
    versions.push(
      defineEvent({
        type,
        version: versions.length + 1,
        description: 'A test fixture.',
        key: (data: { id: string }) => data.id,
        schema: z.object({ id: z.string() }),
        ...(linked && before && { previous: { contract: before, upcast: (data: { id: string }) => data } }),
        ...(linked && before && major && { major: before.major + 1 }),
      }) as AnyContract,
    );
  }
  return versions;
}

const types = fc
  .array(fc.array(fc.record({ linked: fc.boolean(), major: fc.boolean() }), { maxLength: 3 }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((all) => all.flatMap((steps, n) => versionsOf(`t${n}.done`, steps)));

const given = types.chain((all) =>
  fc.record({
    carried: fc.subarray(all, { minLength: 1 }),
    listed: fc.subarray(all, { minLength: 1 }),
    pinVersions: fc.boolean(),
  }),
);

/** The versions that lead to one, itself included, told without the code under test. */
function leadsTo(contract: AnyContract): string[] {
  return [contract.dataschema, ...(contract.previous ? leadsTo(contract.previous.contract) : [])];
}

async function through(policy: object, events: readonly AnyContract[]): Promise<string[]> {
  const topicArn = await engines.createTopic();
  const queue = engines.createQueue();
  await engines.sns.send(
    new SubscribeCommand({
      TopicArn: topicArn,
      Protocol: 'sqs',
      Endpoint: queue.arn,
      Attributes: { RawMessageDelivery: 'true', FilterPolicy: JSON.stringify(policy) },
    }),
  );
  const publisher = new Publisher({ topicArn, source: '/test', client: engines.clients.sns });
  await Promise.all(events.map((event) => publisher.publish(event, { id: '1' }, { id: event.dataschema })));
  const { ready } = engines.fauxqs.inspectQueue(queue.name)!.messages;
  return ready.map(({ body }) => (JSON.parse(body) as { id: string }).id).toSorted();
}

test('SNS delivers what is said to reach a consumer, whatever versions there are, and nothing that it cannot read', async () => {
  const { stack } = wiring();
  const taken = { pinned: 0, alternatives: 0, unpinned: 0 };
  let topics = 0;
  await fc.assert(
    fc.asyncProperty(given, async ({ carried, listed, pinVersions }) => {
      const topic = new ImportedEventTopic(stack, `Topic${++topics}`, {
        topicArn: 'arn:aws:sns:eu-west-1:000000000000:any',
        events: carried,
      });
      let routing: ReturnType<typeof routingOf>;
      try {
        routing = routingOf(stack, topic, listed, { pinVersions });
      } catch (error) {
        expect(error).toBeInstanceOf(UnsafePropsError);
        return;
      }
      const accepted = new Set(listed.flatMap(leadsTo));
      const wanted = new Set(listed.map(({ type }) => type));
      const meant = carried
        .filter(({ type, dataschema }) => (pinVersions ? accepted.has(dataschema) : wanted.has(type)))
        .map(({ dataschema }) => dataschema);
      expect(routing.events.map(({ dataschema }) => dataschema)).toEqual(meant);
      expect(new Set(routing.dataschemas)).toEqual(new Set([...meant, ...accepted]));
      expect(await through(policyOf(routing), carried)).toEqual(meant.toSorted());
      if (!pinVersions) taken.unpinned++;
      else if (routing.anyOf.length > 0) taken.alternatives++;
      else taken.pinned++;
    }),
    seeded({ numRuns: 300 }),
  );
  for (const [what, times] of Object.entries(taken)) expect([what, times > 9]).toEqual([what, true]);
});
