import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, ListBucketsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { PublishCommand } from '@aws-sdk/client-sns';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { App, Stack } from 'aws-cdk-lib';
import { type CfnSubscription, Subscription, SubscriptionProtocol, Topic } from 'aws-cdk-lib/aws-sns';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ClaimCheck } from '../../lib/constructs/claim-check.ts';
import { readAssembly } from '../../lib/local/assembly.ts';
import { type Engines, startEngines } from '../../lib/local/engines.ts';
import { provision } from '../../lib/local/provision/provision.ts';

let folder: string;
let engines: Engines;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'baton-buckets-test-'));
  engines = await startEngines({ region: 'eu-west-1' });
});
afterEach(async () => {
  await engines.stop();
  rmSync(folder, { recursive: true, force: true });
});

function synth(build: (stack: Stack) => void) {
  const app = new App({ outdir: folder, context: { 'aws:cdk:enable-path-metadata': true } });
  build(new Stack(app, 'Theatre'));
  return readAssembly(app.synth().directory);
}

it('the bucket of a claim check takes and gives objects, and what it lacks here is listed', async () => {
  const { notEmulated } = await provision(
    synth((stack) => void new ClaimCheck(stack, 'ClaimCheck')),
    engines,
  );
  const s3 = new S3Client({
    endpoint: engines.endpoints.s3,
    region: 'eu-west-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
  const [Bucket] = Buckets.map(({ Name }) => Name);
  expect(Bucket).toMatch(/^theatre-claimcheck[a-z0-9-]+$/);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'seat.booked/1', Body: '{"rows":[]}' }));
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'seat.booked/1' }));
  expect(await Body?.transformToString()).toBe('{"rows":[]}');
  s3.destroy();

  const lacking = notEmulated.filter(({ type, property }) => type === 'AWS::S3::Bucket' && property !== undefined);
  expect(lacking.map(({ property }) => property).toSorted()).toEqual([
    'BucketEncryption',
    'LifecycleConfiguration',
    'OwnershipControls',
    'PublicAccessBlockConfiguration',
    'VersioningConfiguration',
  ]);
  for (const { reason } of lacking) expect(reason).not.toMatch(/unknown|not known/i);
});

it('a subscription with alternatives in its filter gets what one of them wants', async () => {
  const assembly = synth((stack) => {
    const topic = new Topic(stack, 'Topic', { topicName: 'plays' });
    const { queueArn: endpoint } = new Queue(stack, 'Queue', { queueName: 'plays' });
    const subscription = new Subscription(stack, 'Subscription', {
      topic,
      endpoint,
      protocol: SubscriptionProtocol.SQS,
      rawMessageDelivery: true,
    });
    (subscription.node.defaultChild as CfnSubscription).filterPolicy = {
      row: ['A'],
      $or: [
        { type: ['seat.booked'], version: ['1', '2'] },
        { type: ['seat.freed'], version: ['1'] },
      ],
    };
  });
  const { topics, queues } = await provision(assembly, engines);
  const publish = (row: string, type: string, version: string) =>
    engines.clients.sns.send(
      new PublishCommand({
        TopicArn: topics[0]!.arn,
        Message: `${row} ${type} ${version}`,
        MessageAttributes: Object.fromEntries(
          Object.entries({ row, type, version }).map(([name, StringValue]) => [
            name,
            { DataType: 'String', StringValue },
          ]),
        ),
      }),
    );
  for (const row of ['A', 'B']) {
    for (const type of ['seat.booked', 'seat.freed', 'seat.sold']) {
      for (const version of ['1', '2', '3']) await publish(row, type, version);
    }
  }
  const { Messages = [] } = await engines.clients.sqs.send(
    new ReceiveMessageCommand({ QueueUrl: queues[0]!.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
  );
  expect(Messages.map(({ Body }) => Body).toSorted()).toEqual(['A seat.booked 1', 'A seat.booked 2', 'A seat.freed 1']);
});
