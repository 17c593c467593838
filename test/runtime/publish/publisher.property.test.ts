import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Envelope } from '../../../lib/contracts/index.ts';
import { PublishError } from '../../../lib/runtime/errors.ts';
import { Publisher } from '../../../lib/runtime/publish/publisher.ts';
import { orderPlaced } from '../pipeline.ts';
import { seeded } from '../seed.ts';
import { type CallFate, type Fate, stubbornTopic } from './stubborn-topic.ts';

/** One event to publish: its group, its bulk in bytes, and whether the event loop turns before it. */
const anEvent = fc.record({
  group: fc.nat(5),
  bulk: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(120_000) }),
  pause: fc.boolean(),
});
const fate = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fate>('accept') },
  { weight: 3, arbitrary: fc.constantFrom<Fate[]>('fail', 'refuse', 'leaveOut') },
);
const callFate = fc.oneof(
  { weight: 8, arbitrary: fc.constant<CallFate>('answer') },
  { weight: 2, arbitrary: fc.constantFrom<CallFate[]>('lose', 'loseAnswer', 'refuse', 'deny') },
);

test.each([
  ['a FIFO topic', 'arn:orders.fifo'],
  ['a standard topic', 'arn:orders'],
])('whatever %s does, nothing is lost, reported falsely or out of order', async (_, topicArn) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anEvent, { minLength: 1, maxLength: 60 }),
      fc.array(fate, { minLength: 1, maxLength: 40 }),
      fc.array(callFate, { minLength: 1, maxLength: 20 }),
      fc.array(fc.nat(4), { minLength: 1, maxLength: 10 }),
      fc.integer({ min: 1, max: 5 }),
      async (events, fates, callFates, turns, maxCallsInFlight) => {
        let asked = 0;
        const refused = new Set<string>();
        const lostAnswers = new Set<string>();
        const topic = stubbornTopic(
          (id) => {
            const answer = fates[asked++ % fates.length]!;
            if (answer === 'refuse') refused.add(id);
            return answer;
          },
          (call) => {
            const answer = callFates[call % callFates.length]!;
            if (answer === 'loseAnswer') for (const id of topic.sent[call - 1]!) lostAnswers.add(id);
            return answer;
          },
          (call) => turns[call % turns.length]!,
        );
        const publisher = new Publisher({
          topicArn,
          source: '/orders',
          client: topic.client,
          maxAttempts: 3,
          maxCallsInFlight,
          random: () => 0,
        });
        const handedIn: { id: string; group: string; result: Promise<PromiseSettledResult<void>> }[] = [];
        for (const [n, { group, bulk, pause }] of events.entries()) {
          if (pause) await new Promise((resolve) => setImmediate(resolve));
          const envelope = orderPlaced(`order-${group}`, { id: `event-${n}` }) as Envelope;
          envelope.data = { bulk: 'x'.repeat(bulk) };
          const [result] = [Promise.allSettled([publisher.send(envelope)]).then(([only]) => only!)];
          handedIn.push({ id: envelope.id, group: envelope.subject, result });
        }
        expect(await publisher.flush()).toEqual([]);

        const accepted = new Set(topic.accepted.map(({ id }) => id));
        for (const { id, result } of handedIn) {
          const { status, reason } = (await result) as PromiseRejectedResult;
          if ((status as string) === 'fulfilled') expect(accepted).toContain(id);
          else {
            expect(reason).toBeInstanceOf(PublishError);
            expect(reason).toMatchObject({ eventId: id });
            // what was rejected and is there all the same, is there because its answer was lost
            if (accepted.has(id)) expect(lostAnswers).toContain(id);
            if (reason.senderFault && !callFates.includes('refuse')) expect(refused).toContain(id);
          }
        }
        expect(topic.busiest).toBeLessThanOrEqual(maxCallsInFlight);
        expect(topic.largest).toBeLessThanOrEqual(262_144);
        expect(Math.max(...topic.sent.map((ids) => ids.length))).toBeLessThanOrEqual(10);
        if (topicArn.endsWith('.fifo')) {
          for (const groups of topic.groups) expect(new Set(groups).size).toBe(groups.length);
          for (const group of new Set(handedIn.map((one) => one.group))) {
            const arrived = topic.accepted.filter((one) => one.group === group).map(({ id }) => id);
            const inOrder = handedIn.map(({ id }) => id).filter((id) => arrived.includes(id));
            expect(arrived).toEqual(inOrder);
          }
        }
      },
    ),
    seeded({ numRuns: 200 }),
  );
});
