import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnyContract, createEnvelope } from '../../lib/contracts/index.ts';
import { type LocalCloud, startLocalCloud } from '../../lib/local/cloud.ts';
import { createClients } from '../../lib/runtime/aws/clients.ts';
import { outgoing } from '../../lib/runtime/index.ts';
import { Publisher } from '../../lib/runtime/publish/publisher.ts';
import { readDeadLetters } from '../../lib/superstore/dead-letters.ts';
import { eventually } from './eventually.ts';

const project = resolve(import.meta.dirname, '../..');
const from = (room: string) => JSON.stringify(join(project, 'lib', room, 'index.ts'));

const files: Record<string, string> = {
  'package.json': '{ "type": "module" }',
  'cdk.json': JSON.stringify({ app: 'node app.ts' }),
  'events/parcel-sent.ts': `
    import * as z from 'zod';
    import { defineEvent } from ${from('contracts')};
    const common = { type: 'parcel.sent', description: 'A parcel left.', key: (p: { parcelId: string }) => p.parcelId } as const;
    export const ParcelSentV1 = defineEvent({
      ...common,
      version: 1,
      schema: z.object({ parcelId: z.string(), grams: z.number(), note: z.string() }),
    });
    export const ParcelSent = defineEvent({
      ...common,
      version: 2,
      major: 2,
      schema: z.object({ parcelId: z.string(), kilograms: z.number(), note: z.string() }),
      previous: {
        contract: ParcelSentV1,
        upcast: ({ grams, ...parcel }) => ({ ...parcel, kilograms: grams / 1000 }),
      },
    });`,
  'app.ts': `
    import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
    import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
    import { ClaimCheck, Consumer, EventTopic, IdempotencyTable, OnCall, customerKey } from ${from('constructs')};
    import { ParcelSent, ParcelSentV1 } from './events/parcel-sent.ts';
    const stack = new Stack(new App(), 'Depot');
    const encryptionKey = customerKey(stack, { description: 'Depot', removalPolicy: RemovalPolicy.DESTROY });
    const onCall = new OnCall(stack, 'OnCall', { page: [], ticket: [], encryptionKey });
    const idempotency = new IdempotencyTable(stack, 'Idempotency', { encryptionKey });
    const seen = new dynamodb.Table(stack, 'Seen', { partitionKey: { name: 'id', type: dynamodb.AttributeType.STRING } });
    const claimCheck = new ClaimCheck(stack, 'ClaimCheck', { encryptionKey });
    const topic = new EventTopic(stack, 'Parcels', {
      events: [ParcelSentV1, ParcelSent], ordered: true, encryptionKey, claimCheck,
    });
    const shared = {
      topic, idempotency, onCall, owner: 'depot', maxAge: Duration.minutes(5), environment: { SEEN: seen.tableName },
    };
    for (const [id, props] of Object.entries({
      Legacy: { events: [ParcelSentV1], pinVersions: true },
      Modern: { events: [ParcelSent] },
      Scales: { events: [ParcelSent], ordered: false },
    })) {
      const consumer = new Consumer(stack, id, { ...shared, ...props, entry: 'functions/' + id.toLowerCase() + '.ts' });
      seen.grantWriteData(consumer);
    }`,
};

/** A handler that writes down what it saw, and how often it was asked to. */
function handler(contract: string): string {
  return `
    import * as z from 'zod';
    import { needs } from ${from('contracts')};
    import { consume } from ${from('runtime')};
    import { ParcelSent, ParcelSentV1 } from '../events/parcel-sent.ts';
    export const handler = consume(${contract}, async ({ id, data, dataschema }, context) => {
      const { note, ...rest } = data as { note?: string };
      await context.dynamodb.call('UpdateItem', {
        TableName: process.env.SEEN!,
        Key: { id: { S: process.env.BATON_CONSUMER + '/' + id } },
        UpdateExpression: 'SET saw = :saw, note = :note ADD times :one',
        ExpressionAttributeValues: {
          ':saw': { S: JSON.stringify({ dataschema, ...rest }) }, ':note': { N: String(note?.length ?? 0) }, ':one': { N: '1' },
        },
      });
    });`;
}

describe('a type that moves from one version to the next', () => {
  let folder: string;
  let cloud: LocalCloud;
  let publisher: Publisher;
  let ParcelSentV1: AnyContract;
  let ParcelSent: AnyContract;
  const said: string[] = [];

  beforeAll(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'baton-migration-')));
    symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
    const handlers = {
      'functions/legacy.ts': handler('ParcelSentV1'),
      'functions/modern.ts': handler('ParcelSent'),
      'functions/scales.ts': handler('needs(ParcelSent, z.object({ kilograms: z.number() }))'),
    };
    for (const [name, text] of Object.entries({ ...files, ...handlers })) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    ({ ParcelSent, ParcelSentV1 } = await import(pathToFileURL(join(folder, 'events/parcel-sent.ts')).href));
    cloud = await startLocalCloud({ projectDirectory: folder, env: 'dev', say: (line) => said.push(line) });
    const { environment } = cloud.resources.functions.find(
      ({ environment }) => environment.BATON_CONSUMER === 'modern',
    )!;
    const { s3, ...clients } = createClients(cloud.engines.environment());
    publisher = new Publisher({
      topicArn: cloud.resources.topics.find(({ path }) => path.includes('Parcels'))!.arn,
      source: '/depot',
      client: clients.sns,
      s3,
      claimCheckBucket: environment.BATON_CLAIM_CHECK_BUCKET!,
    });
  }, 60_000);
  afterAll(async () => {
    await cloud?.stop();
    rmSync(folder, { recursive: true });
  });

  /** What the consumers saw of an event, by consumer, when so many did. */
  async function seen(id: string, count: number) {
    return await eventually(async () => {
      const { Items = [] } = await cloud.engines.clients.dynamodb.send(
        new ScanCommand({
          TableName: cloud.resources.functions.find(({ environment }) => environment.SEEN)!.environment.SEEN!,
        }),
      );
      const rows = Items.filter((item) => item.id!.S!.endsWith(`/${id}`));
      if (rows.length < count) return undefined;
      return Object.fromEntries(
        rows.map(({ id: key, saw, times, note }) => [
          key!.S!.split('/')[0],
          { ...JSON.parse(saw!.S!), times: Number(times!.N), note: Number(note!.N) },
        ]),
      );
    });
  }

  const v1 = { dataschema: 'urn:baton:parcel.sent:1', times: 1, note: 2 };
  const v2 = { dataschema: 'urn:baton:parcel.sent:2', times: 1, note: 2 };

  it('reaches everybody as the version that they are written against, once, while both are published', async () => {
    const { id } = await publisher.publish(
      ParcelSent,
      { parcelId: 'p-1', kilograms: 0.25, note: 'ok' },
      { alongside: [outgoing(ParcelSentV1, { parcelId: 'p-1', grams: 250, note: 'ok' })] },
    );
    const first = await seen(id, 3);
    expect(first).toEqual({
      legacy: { ...v1, parcelId: 'p-1', grams: 250 },
      modern: { ...v2, parcelId: 'p-1', kilograms: 0.25 },
      scales: { ...v2, kilograms: 0.25, note: 0 },
    });
    await cloud.untilIdle();
    expect(await seen(id, 3)).toEqual(first);
  });

  it('is upcast for who has moved, when the publisher has not', async () => {
    const { id } = await publisher.publish(ParcelSentV1, { parcelId: 'p-2', grams: 500, note: 'ok' });
    expect(await seen(id, 3)).toEqual({
      legacy: { ...v1, parcelId: 'p-2', grams: 500 },
      modern: { ...v2, parcelId: 'p-2', kilograms: 0.5 },
      scales: { ...v2, kilograms: 0.5, note: 0 },
    });
  });

  it('goes by claim check when it is too large to travel, and nobody notices', async () => {
    const note = 'x'.repeat(600_000);
    const { id } = await publisher.publish(ParcelSentV1, { parcelId: 'p-3', grams: 1000, note });
    expect(await seen(id, 3)).toMatchObject({
      legacy: { ...v1, grams: 1000, note: note.length },
      modern: { ...v2, kilograms: 1, note: note.length },
      scales: { ...v2, kilograms: 1, note: 0 },
    });
    const s3 = new S3Client({
      endpoint: cloud.engines.endpoints.s3,
      forcePathStyle: true,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    const { environment } = cloud.resources.functions.find(({ environment }) => environment.SEEN)!;
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: environment.BATON_CLAIM_CHECK_BUCKET! }));
    expect(Contents).toHaveLength(1);
    s3.destroy();
  });

  it('ends in the DLQ of who cannot read it, passes by who is pinned, and reaches who needs only what it has', async () => {
    const envelope = createEnvelope(ParcelSent, { parcelId: 'p-4', kilograms: 1, note: 'ok' }, { source: '/depot' });
    await publisher.send({ ...envelope, dataschema: 'urn:baton:parcel.sent:9' });
    await cloud.untilIdle();
    expect(await seen(envelope.id, 1)).toEqual({ scales: { ...v2, kilograms: 1, note: 0 } });
    const sqs: SQSClient = cloud.engines.clients.sqs;
    const letters = await Promise.all(
      cloud
        .deadLetterQueues()
        .map(async ({ url }) => [url.split('/').at(-1)!, await readDeadLetters(sqs, url)] as const),
    );
    const errors = letters.flatMap(([queue, found]) =>
      found.map((letter) => [/Legacy|Modern|Scales/.exec(queue)?.[0], letter.context.errorClass]),
    );
    expect(errors).toEqual([['Modern', 'UnsupportedVersionError']]);
  });
});
