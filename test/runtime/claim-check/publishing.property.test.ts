import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AwsError } from '../../../lib/runtime/aws/aws-error.ts';
import type { S3, Sns } from '../../../lib/runtime/aws/clients.ts';
import { Publisher } from '../../../lib/runtime/publish/publisher.ts';
import { stubbornTopic } from '../publish/stubborn-topic.ts';
import { seeded } from '../seed.ts';
import { DocumentSigned, documentOf } from './documents.ts';

const anEvent = fc.record({
  group: fc.constantFrom('a', 'b', 'c'),
  large: fc.boolean(),
  pause: fc.boolean(),
  put: fc.record({
    turns: fc.nat(6),
    fails: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  }),
});

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test('however slowly data is put, nothing is sent before its data is there, out of order, or reported falsely', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anEvent, { minLength: 1, maxLength: 40 }),
      fc.array(fc.constantFrom('accept' as const, 'accept' as const, 'fail' as const), { minLength: 1, maxLength: 20 }),
      async (events, fates) => {
        const there = new Set<string>();
        const early: string[] = [];
        let asked = 0;
        const topic = stubbornTopic(() => fates[asked++ % fates.length]!);
        const sns = {
          call: (operation: 'PublishBatch', input: { PublishBatchRequestEntries: { Message: string }[] }) => {
            for (const { Message } of input.PublishBatchRequestEntries) {
              const { dataref } = JSON.parse(Message) as { dataref?: string };
              if (dataref !== undefined && !there.has(dataref)) early.push(dataref);
            }
            return topic.client.call(operation, input as never);
          },
        } as unknown as Sns;
        const s3 = {
          async call(_operation: string, { Bucket, Key }: { Bucket: string; Key: string }) {
            const { put } = events[Number(Key.split('/')[1]!.slice(2))]!;
            await turns(put.turns);
            if (put.fails) throw new AwsError('AccessDenied', 'no', { status: 403 });
            there.add(`s3://${Bucket}/${Key}`);
            return {};
          },
        } as unknown as S3;
        const publisher = new Publisher({
          topicArn: 'arn:law.fifo',
          source: '/law',
          client: sns,
          s3,
          claimCheckBucket: 'claims',
          maxBytes: 1_500,
          maxAttempts: 2,
          random: () => 0,
        });
        const results: Promise<boolean>[] = [];
        for (const [n, { group, large, pause }] of events.entries()) {
          if (pause) await turns(1);
          const data = documentOf(group, large ? 2_000 : 10);
          const publishing = publisher.publish(DocumentSigned, data, { id: `${group}-${n}` });
          results.push(
            publishing.then(
              () => true,
              () => false,
            ),
          );
        }
        const fulfilled = await Promise.all(results);
        expect(early).toEqual([]);
        const ids = events.map(({ group }, n) => `${group}-${n}`);
        expect(topic.accepted.map(({ id }) => id).sort()).toEqual(ids.filter((_, n) => fulfilled[n]).sort());
        for (const group of ['a', 'b', 'c']) {
          const accepted = topic.accepted.filter((one) => one.group === group).map(({ id }) => Number(id.slice(2)));
          expect(accepted).toEqual(accepted.toSorted((x, y) => x - y));
        }
      },
    ),
    seeded({ numRuns: 150 }),
  );
});
