import { createHash } from 'node:crypto';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Envelope } from '../../../lib/contracts/index.ts';
import { AwsError } from '../../../lib/runtime/aws/aws-error.ts';
import type { S3 } from '../../../lib/runtime/aws/clients.ts';
import { LARGEST_DATA } from '../../../lib/runtime/claim-check/reference.ts';
import { PublishError } from '../../../lib/runtime/errors.ts';
import { Publisher, type PublisherProps } from '../../../lib/runtime/publish/publisher.ts';
import { type Engines, startEngines, type TestQueue } from '../engines.ts';
import { type Fate, stubbornTopic } from '../publish/stubborn-topic.ts';
import { DocumentSigned, documentOf } from './documents.ts';

let engines: Engines;
let bucket: string;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(async () => {
  bucket = await engines.createBucket();
});

async function topicWithQueue(fifo = false): Promise<{ topicArn: string; queue: TestQueue }> {
  const topicArn = await engines.createTopic({ fifo });
  const queue = engines.createQueue({ fifo });
  await engines.subscribe(topicArn, queue);
  engines.calls.length = 0;
  return { topicArn, queue };
}

const publisherTo = (topicArn: string, props: Partial<PublisherProps> = {}) =>
  new Publisher({
    topicArn,
    source: '/law',
    client: engines.clients.sns,
    s3: engines.clients.s3,
    claimCheckBucket: bucket,
    ...props,
  });

const keys = async () => {
  const { Contents = [] } = await engines.s3.send(new ListObjectsV2Command({ Bucket: bucket }));
  return Contents.map(({ Key }) => Key);
};

async function objectAt(dataref: string): Promise<string> {
  const Key = dataref.slice(`s3://${bucket}/`.length);
  const { Body } = await engines.s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
  return Body!.transformToString();
}

describe('an event that is larger than its topic takes', () => {
  test('travels as a reference to its data, which is there before it', async () => {
    const { topicArn, queue } = await topicWithQueue();
    const data = documentOf('d1', 300_000);
    const event = await publisherTo(topicArn).publish(DocumentSigned, data, { id: 'e-1' });

    expect(event.data).toEqual(data);
    expect(engines.calls.map(({ operation }) => operation)).toEqual(['PutObject', 'PublishBatch']);
    const [message] = await engines.receive(queue);
    const { dataref, datahash, datasize, ...rest } = JSON.parse(message!.Body!) as Required<Envelope>;
    const json = JSON.stringify(data);
    const hex = createHash('sha256').update(json).digest('hex');
    expect([datahash, datasize]).toEqual([`sha256:${hex}`, String(Buffer.byteLength(json))]);
    expect(dataref).toBe(`s3://${bucket}/document.signed/e-1/1-${hex.slice(0, 16)}`);
    const { data: _, ...envelope } = event;
    expect(rest).toEqual(envelope);
    expect(message!.MessageAttributes).toMatchObject({
      type: { StringValue: 'document.signed' },
      key: { StringValue: 'd1' },
    });
    expect(await objectAt(dataref)).toBe(json);
  });

  test('goes as it is when it just fits', async () => {
    const { topicArn, queue } = await topicWithQueue();
    const fits = documentOf('d1', 100_000);
    await publisherTo(topicArn).publish(DocumentSigned, fits);
    await publisherTo(topicArn, { maxBytes: 100_000 }).publish(DocumentSigned, fits);
    const bodies = (await engines.receive(queue)).map(({ Body }) => JSON.parse(Body!) as Envelope);
    expect(bodies.map(({ dataref }) => typeof dataref)).toEqual(['undefined', 'string']);
    expect(bodies[0]!.data).toEqual(fits);
  });

  test('that is published again is put into the same place', async () => {
    const { topicArn } = await topicWithQueue();
    const event = await publisherTo(topicArn).publish(DocumentSigned, documentOf('d1', 300_000), { id: 'e-1' });
    await publisherTo(topicArn).send(event);
    expect(await keys()).toHaveLength(1);
    await publisherTo(topicArn).publish(DocumentSigned, documentOf('d1', 300_001), { id: 'e-1' });
    expect(await keys()).toHaveLength(1);
    await publisherTo(topicArn).publish(DocumentSigned, documentOf('d1', 300_005), { id: 'e-1' });
    expect(await keys()).toHaveLength(2);
  });

  test('is refused without a claim check, with what to do about it', async () => {
    const { topicArn } = await topicWithQueue();
    const publishing = publisherTo(topicArn, { claimCheckBucket: '' }).publish(
      DocumentSigned,
      documentOf('d1', 300_000),
    );
    await expect(publishing).rejects.toThrow(PublishError);
    await expect(publishing).rejects.toThrow(/takes 262144.*`claimCheck`.*BATON_CLAIM_CHECK_BUCKET/);
    await expect(publishing).rejects.toMatchObject({ permanent: true, senderFault: true });
    expect(engines.calls).toEqual([]);
  });

  test('is refused when what is beside its data is too large', async () => {
    const { topicArn } = await topicWithQueue();
    const publishing = publisherTo(topicArn, { maxBytes: 1_000 }).publish(
      DocumentSigned,
      documentOf('d'.repeat(900), 50),
    );
    await expect(publishing).rejects.toThrow(/beside its data is too large/);
    expect(await keys()).toEqual([]);
  });

  test('is refused above 64 MiB, and nothing is put', async () => {
    const { topicArn } = await topicWithQueue();
    const data = { ...documentOf('d1', 5), text: 'x'.repeat(LARGEST_DATA) };
    const publishing = publisherTo(topicArn).publish(DocumentSigned, data);
    await expect(publishing).rejects.toThrow(`by claim check it may have ${LARGEST_DATA}`);
    expect(engines.calls).toEqual([]);
  });

  test('is not sent when its data cannot be put, and may be tried again', async () => {
    const { topicArn } = await topicWithQueue();
    const publishing = publisherTo(topicArn, { claimCheckBucket: 'nowhere' }).publish(
      DocumentSigned,
      documentOf('d1', 300_000),
    );
    await expect(publishing).rejects.toThrow(/could not be put into the bucket 'nowhere'/);
    await expect(publishing).rejects.toMatchObject({ permanent: false, senderFault: false });
    expect(engines.count('PublishBatch')).toBe(0);
  });
});

/** An S3 that puts when it is told to. */
function slowS3() {
  const puts: { key: string; finish: (error?: Error) => void }[] = [];
  let under = 0;
  const s3 = {
    busiest: 0,
    puts,
    client: {
      call(_operation: string, { Key }: { Key: string }) {
        s3.busiest = Math.max(s3.busiest, ++under);
        return new Promise((resolve, reject) => {
          const finish = (error?: Error) => {
            under--;
            if (error) reject(error);
            else resolve({});
          };
          puts.push({ key: Key.split('/')[1]!, finish });
        });
      },
    } as unknown as S3,
  };
  return s3;
}

const turns = async (count = 20) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe('on a FIFO topic', () => {
  function publishing(fateOf?: (id: string) => Fate) {
    const topic = stubbornTopic(fateOf);
    const s3 = slowS3();
    const publisher = publisherTo('arn:law.fifo', { client: topic.client, s3: s3.client });
    const publish = (id: string, bytes: number) =>
      publisher.publish(DocumentSigned, documentOf(id[0]!, bytes), { id }).then(
        () => 'accepted',
        (error: Error) => error.message,
      );
    return { topic, s3, publish };
  }

  test('a smaller event does not overtake a larger one of its key that is still being put', async () => {
    const { topic, s3, publish } = publishing();
    const all = [publish('a1', 300_000), publish('a2', 10), publish('b1', 10), publish('a3', 300_000)];
    await turns();
    expect(topic.accepted.map(({ id }) => id)).toEqual(['b1']);
    // put side by side, whatever their order
    expect(s3.puts.map(({ key }) => key)).toEqual(['a1', 'a3']);
    s3.puts[1]!.finish();
    await turns();
    expect(topic.accepted.map(({ id }) => id)).toEqual(['b1']);
    s3.puts[0]!.finish();
    expect(await Promise.all(all)).toEqual(['accepted', 'accepted', 'accepted', 'accepted']);
    expect(topic.accepted.map(({ id }) => id)).toEqual(['b1', 'a1', 'a2', 'a3']);
  });

  test('those behind one that could not be put are not sent either', async () => {
    const { topic, s3, publish } = publishing();
    const all = [publish('a1', 10), publish('a2', 300_000), publish('a3', 10), publish('b1', 10)];
    // it fails before its turn has come
    s3.puts[0]!.finish(new AwsError('AccessDenied', 'no', { status: 403 }));
    const [first, second, third, other] = await Promise.all(all);
    expect([first, other]).toEqual(['accepted', 'accepted']);
    expect(second).toMatch(/could not be put/);
    expect(third).toMatch(/before it in its message group/);
    expect(topic.sent.flat().sort()).toEqual(['a1', 'b1']);
    expect(await publish('a4', 10)).toBe('accepted');
  });
});

test('only four objects are put at a time', async () => {
  const s3 = slowS3();
  const topic = stubbornTopic();
  const publisher = publisherTo('arn:law', { client: topic.client, s3: s3.client });
  const all = Array.from({ length: 10 }, (_, n) =>
    publisher.publish(DocumentSigned, documentOf(`d${n}`, 300_000), { id: `e-${n}` }),
  );
  for (let put = 0; put < 10; put++) {
    await turns();
    s3.puts[put]!.finish();
  }
  await Promise.all(all);
  expect(s3.busiest).toBe(4);
  expect(topic.accepted).toHaveLength(10);
});
