import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { App, Duration, Size, Stack, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { ClaimCheck } from '../../lib/constructs/claim-check.ts';
import {
  Consumer,
  type ConsumerProps,
  EventTopic,
  IdempotencyTable,
  OnCall,
  Outbox,
} from '../../lib/constructs/index.ts';
import { createEnvelope, defineCommand, defineEvent, envelopeText, parseEnvelope } from '../../lib/contracts/index.ts';
import { createFetching } from '../../lib/runtime/claim-check/fetching.ts';
import { createClaimCheck } from '../../lib/runtime/index.ts';
import { startEngines } from '../runtime/engines.ts';
import { ECHO } from './fixtures/wiring.ts';

// The code of docs/routing.md, so that it is checked and run. The last test compares the two.

const OrderPlaced = defineEvent({
  type: 'order.placed',
  version: 1,
  description: 'A customer committed to buy.',
  key: (order) => order.orderId,
  headers: { region: (order) => order.region, total: (order) => order.total },
  tenant: (order) => order.shop,
  schema: z.object({ orderId: z.string(), shop: z.string(), region: z.string().optional(), total: z.number() }),
});
const { type: _type, ...rest } = OrderPlaced;
const OrderPlacedV2 = defineEvent({
  ...rest,
  type: 'order.placed',
  version: 2,
  previous: { contract: OrderPlaced, upcast: (order) => order },
});
const OrderCancelled = defineEvent({ ...rest, type: 'order.cancelled' });
const OrderReturned = defineEvent({ ...rest, type: 'order.returned' });
const DocumentScanned = defineEvent({ ...rest, type: 'document.scanned' });
const PlaceOrder = defineCommand({ ...rest, type: 'order.place' });
const { headers: _headers, ...headerless } = rest;
const ScanDocument = defineCommand({ ...headerless, type: 'document.scan' });

const CALLER = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };

type Shared = Omit<ConsumerProps, 'topic' | 'events'>;

class Example extends Stack {
  constructor(build: (this: Example, shared: Shared, orders: EventTopic) => void) {
    super(new App(), 'Example', { env: { account: '111122223333', region: 'eu-west-1' } });
    const shared = {
      entry: ECHO,
      maxAge: Duration.minutes(5),
      owner: 'shop',
      idempotency: new IdempotencyTable(this, 'Idempotency'),
      onCall: new OnCall(this, 'OnCall'),
    };
    const events = [OrderPlaced, OrderCancelled, OrderReturned];
    build.call(this, shared, new EventTopic(this, 'AllOrders', { events }));
  }
}

const examples: Record<string, (this: Example, shared: Shared, orders: EventTopic) => void> = {
  direct(shared, orders) {
    new Consumer(this, 'Inventory', { ...shared, topic: orders, events: [OrderPlaced, OrderCancelled] });
  },
  wildcards(shared, orders) {
    new Consumer(this, 'Audit', { ...shared, topic: orders, events: ['*'] });
    new Consumer(this, 'Refunds', { ...shared, topic: orders, events: [OrderReturned, '*.cancelled'] });
  },
  versions(shared) {
    const orders = new EventTopic(this, 'Orders', { events: [OrderPlaced, OrderPlacedV2] });
    new Consumer(this, 'Billing', { ...shared, topic: orders, events: [OrderPlacedV2] });
    new Consumer(this, 'Ledger', { ...shared, topic: orders, events: [OrderPlaced], pinVersions: true });
    new Consumer(this, 'Returns', {
      ...shared,
      topic: orders,
      events: ['order.*'],
      publishes: orders,
      produces: [OrderPlacedV2],
    });
  },
  headers(shared, orders) {
    new Consumer(this, 'LargeOrdersInEurope', {
      ...shared,
      topic: orders,
      events: [OrderPlaced],
      headers: {
        region: sns.SubscriptionFilter.stringFilter({ matchPrefixes: ['eu-'] }),
        total: sns.SubscriptionFilter.numericFilter({ greaterThanOrEqualTo: 1000 }),
      },
    });
  },
  fairness() {
    const orders = new EventTopic(this, 'Orders', { events: [OrderPlaced], fair: true });
    expect(orders.fair).toBe(true);
  },
  order(shared) {
    const orders = new EventTopic(this, 'Orders', { events: [OrderPlaced, OrderCancelled], ordered: true });
    new Consumer(this, 'Statistics', { ...shared, topic: orders, events: ['*'], ordered: false });
  },
  'events that nobody takes'(_shared, orders) {
    Validations.of(orders).acknowledge({
      id: 'Annotation::baton:eventWithoutConsumer',
      reason: 'The finance account subscribes.',
    });
  },
  'large events'() {
    const documents = new EventTopic(this, 'Documents', {
      events: [DocumentScanned],
      maxMessageSize: Size.mebibytes(1),
    });
    expect(documents.maxMessageSize.toMebibytes()).toBe(1);
  },
  'events by claim check'(shared) {
    const encryptionKey = new Key(this, 'Key');
    const claimCheck = new ClaimCheck(this, 'ClaimCheck', { encryptionKey });
    const scans = new EventTopic(this, 'Scans', { events: [DocumentScanned], claimCheck });
    const archive = new Outbox(this, 'Archive', { topic: scans, onCall: shared.onCall, owner: 'shop' });
    new Consumer(this, 'Reader', { ...shared, topic: scans, events: [DocumentScanned], outbox: archive });
    const theirs = ClaimCheck.fromBucketAttributes(this, 'TheirData', {
      bucketArn: 'arn:aws:s3:::baton-prod-orders-claimcheck',
      encryptionKey,
    });
    const invoices = EventTopic.fromTopicAttributes(this, 'Invoices', {
      topicArn: 'arn:aws:sns:eu-west-1:111122223333:Baton-prod-Orders-Invoices',
      events: [OrderPlaced],
      claimCheck: theirs,
    });
    new Consumer(this, 'Ledger', { ...shared, topic: invoices, events: [OrderPlaced] });
  },
  grants(_shared, orders) {
    orders.grantSubscribe(new iam.AccountPrincipal('444455556666'));
    orders.grantPublishTo(new iam.AccountPrincipal('444455556666'));
  },
  'other accounts'(shared) {
    const orders = EventTopic.fromTopicAttributes(this, 'Orders', {
      topicArn: 'arn:aws:sns:eu-west-1:111122223333:Baton-prod-Orders-Orders',
      events: [OrderPlaced],
    });
    new Consumer(this, 'Ledger', { ...shared, topic: orders, events: [OrderPlaced] });
  },
  'other regions'(shared) {
    new Consumer(this, 'Replica', {
      ...shared,
      topic: EventTopic.fromTopicArn(this, 'Orders', 'arn:aws:sns:us-east-1:111122223333:orders', [OrderPlaced]),
      events: [OrderPlaced],
      undeliverable: sqs.Queue.fromQueueArn(this, 'Lost', 'arn:aws:sqs:us-east-1:111122223333:replica-undeliverable'),
    });
  },
};

describe('the guide to routing', () => {
  it.each(Object.entries(examples))('has an example that can be built: %s', (_, build) => {
    expect(() => new Example(build)).not.toThrow();
  });

  it('sends commands with their tenant', async () => {
    const sent: SendMessageCommand[] = [];
    const sqs = { send: async (message: SendMessageCommand) => sent.push(message) } as unknown as SQSClient;
    const order = { orderId: '1', shop: 'paris', total: 3 };
    const command = createEnvelope(PlaceOrder, order, { source: '/shop' });
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: process.env.PLACE_ORDER_QUEUE_URL,
        MessageBody: envelopeText(command),
        MessageGroupId: command.tenant,
      }),
    );
    expect(sent[0]?.input.MessageGroupId).toBe('paris');
  });

  it('puts the data of a large command away before it sends the reference', async () => {
    const engines = await startEngines();
    const queue = engines.createQueue();
    const bucket = await engines.createBucket();
    const environment = {
      BATON_CLAIM_CHECK_BUCKET: bucket,
      SCAN_QUEUE_URL: queue.url,
      ...engines.endpoints,
      ...CALLER,
    };
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    const { sqs } = engines;
    const document = { orderId: '1', shop: 'paris', region: 'x'.repeat(2_000_000), total: 3 };
    const command = createEnvelope(ScanDocument, document, { source: '/shop' });
    const { envelope, store } = createClaimCheck({ bucket: process.env.BATON_CLAIM_CHECK_BUCKET! }).checkIn(command);
    await store();
    await sqs.send(
      new SendMessageCommand({ QueueUrl: process.env.SCAN_QUEUE_URL, MessageBody: envelopeText(envelope) }),
    );
    const [message] = await engines.receive(queue);
    const fetch = createFetching({ bucket, client: engines.clients.s3 });
    expect((await fetch(parseEnvelope(message!.Body!))).data).toEqual(document);
    vi.unstubAllEnvs();
    await engines.stop();
  });

  it('has the code of these tests', () => {
    const guide = readFileSync(join(import.meta.dirname, '../../docs/routing.md'), 'utf8');
    const source = squeeze(readFileSync(import.meta.filename, 'utf8'));
    const blocks = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);
    expect(blocks.length).toBeGreaterThan(9);
    for (const block of blocks) expect(source).toContain(squeeze(block));
  });
});

/** Code without regard to how it is laid out. */
function squeeze(code: string): string {
  return code.replace(/\s+/g, ' ').trim();
}
