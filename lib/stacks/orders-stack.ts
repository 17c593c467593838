import { CfnOutput, Duration } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { InventoryReserved } from '../../events/inventory-reserved.ts';
import { OrderPlaced } from '../../events/order-placed.ts';
import { OrderShipped } from '../../events/order-shipped.ts';
import { PaymentCaptured } from '../../events/payment-captured.ts';
import { PlaceOrder } from '../../events/place-order.ts';
import {
  CircuitBreakers,
  ClaimCheck,
  CommandQueue,
  Consumer,
  EventTopic,
  type FlowProps,
  grantTableKey,
  Outbox,
} from '../constructs/index.ts';
import type { Environment } from './environments.ts';
import type { FoundationStack } from './foundation-stack.ts';
import { PipelineStack } from './pipeline-stack.ts';

/** What a handler does to the rows of the shop. */
type RowAction = 'PutItem' | 'PartiQLSelect';

/** From a customer's wish to the parcel: one command, one topic, and who cares for what happens. */
export class OrdersStack extends PipelineStack {
  readonly orders: EventTopic;
  readonly outbox: Outbox;
  readonly circuitBreakers: CircuitBreakers;
  readonly placeOrder: CommandQueue;
  readonly consumers: readonly Consumer[];

  /** What turns a wish into a parcel. */
  readonly checkout: FlowProps['parts'];
  /** What follows from it. */
  readonly aftercare: FlowProps['parts'];

  constructor(scope: Construct, environment: Environment, foundation: FoundationStack) {
    super(scope, 'Orders', environment, 'The order pipeline: command queue, topic and consumers');
    const { shop } = foundation;
    const shared = {
      idempotency: foundation.idempotency,
      onCall: foundation.onCall,
      maxAge: Duration.minutes(5),
      alarms: environment.alarms,
      logRetention: environment.logRetentionDays,
      removalPolicy: this.removalPolicy,
    };

    // For work that nobody waits for: a second's wait fills batches that cost less than half as much per event. As many
    // records as fit into one transaction of 100 items: four each where events are committed, else two.
    const unhurried = { batchSize: 25, batchWindow: Duration.seconds(1) };
    const unhurriedAndQuiet = { ...unhurried, batchSize: 50 };
    const patient = { ...unhurried, batchSize: 100 };

    // An order of a thousand lines is larger than what a topic takes: its data waits in a bucket.
    const claimCheck = new ClaimCheck(this, 'ClaimCheck', {
      encryptionKey: foundation.key,
      removalPolicy: this.removalPolicy,
    });

    // Ordered by order id. Who does not need the order of events subscribes with a standard queue all the same.
    this.orders = new EventTopic(this, 'Orders', {
      events: [OrderPlaced, InventoryReserved, PaymentCaptured, OrderShipped],
      ordered: true,
      claimCheck,
      encryptionKey: foundation.key,
      onCall: foundation.onCall,
      owner: 'checkout',
    });

    // What a handler writes and what it says are one transaction; the relay does the saying.
    this.outbox = new Outbox(this, 'Outbox', {
      topic: this.orders,
      ...environment.outbox,
      // Each producer says one thing about an order, and what follows from an event has seen it on the topic.
      fenced: false,
      onCall: foundation.onCall,
      owner: 'checkout',
      logRetention: environment.logRetentionDays,
      removalPolicy: this.removalPolicy,
    });

    this.circuitBreakers = new CircuitBreakers(this, 'CircuitBreakers', {
      idempotency: foundation.idempotency,
      onCall: foundation.onCall,
      owner: 'platform',
      logRetention: environment.logRetentionDays,
    });

    this.placeOrder = new CommandQueue(this, 'PlaceOrder', {
      ...shared,
      ...unhurried,
      command: PlaceOrder,
      claimCheck,
      entry: 'functions/place-order/handler.ts',
      owner: 'checkout',
      outbox: this.outbox,
      produces: [OrderPlaced],
      environment: { SHOP_TABLE: shop.tableName },
    });
    const inventory = new Consumer(this, 'Inventory', {
      ...shared,
      topic: this.orders,
      events: [OrderPlaced],
      entry: 'functions/inventory/handler.ts',
      owner: 'fulfilment',
      ordered: true,
      outbox: this.outbox,
      produces: [InventoryReserved],
      environment: { SHOP_TABLE: shop.tableName },
    });
    const billing = new Consumer(this, 'Billing', {
      ...shared,
      ...patient,
      topic: this.orders,
      events: [OrderPlaced],
      entry: 'functions/billing/handler.ts',
      owner: 'payments',
      ordered: false,
      // The payment provider has bad minutes; eight attempts with backoff outlast them.
      maxAttempts: 8,
      backoff: { base: Duration.seconds(1), cap: Duration.minutes(5) },
      // While it has no good minute at all, nobody knocks but a few probes.
      circuitBreakers: this.circuitBreakers,
      dependencies: { payments: { timeout: Duration.seconds(10), alarm: 'page' } },
      outbox: this.outbox,
      produces: [PaymentCaptured],
      environment: { SHOP_TABLE: shop.tableName, PAYMENT_PROVIDER_URL: environment.paymentProviderUrl },
    });
    const shipping = new Consumer(this, 'Shipping', {
      ...shared,
      ...unhurried,
      topic: this.orders,
      events: [InventoryReserved, PaymentCaptured],
      entry: 'functions/shipping/handler.ts',
      owner: 'fulfilment',
      ordered: false,
      outbox: this.outbox,
      produces: [OrderShipped],
      environment: { SHOP_TABLE: shop.tableName },
    });
    const invoicing = new Consumer(this, 'Invoicing', {
      ...shared,
      ...unhurriedAndQuiet,
      topic: this.orders,
      events: [PaymentCaptured],
      entry: 'functions/invoicing/handler.ts',
      owner: 'finance',
      ordered: false,
      environment: { SHOP_TABLE: shop.tableName },
    });
    const notifications = new Consumer(this, 'Notifications', {
      ...shared,
      topic: this.orders,
      events: [OrderPlaced, OrderShipped],
      entry: 'functions/notifications/handler.ts',
      owner: 'customer-care',
      // Nobody is told that an order is on its way before being thanked for it.
      ordered: true,
      environment: { SHOP_TABLE: shop.tableName },
    });
    const analytics = new Consumer(this, 'Analytics', {
      ...shared,
      ...unhurriedAndQuiet,
      topic: this.orders,
      events: [OrderPlaced],
      entry: 'functions/analytics/handler.ts',
      owner: 'insights',
      ordered: false,
      environment: { SHOP_TABLE: shop.tableName },
    });
    this.consumers = [inventory, billing, shipping, invoicing, notifications, analytics];

    this.checkout = [this.placeOrder, inventory, billing, shipping, this.outbox, this.circuitBreakers, this.orders];
    this.aftercare = [invoicing, notifications, analytics];

    for (const writing of [this.placeOrder, ...this.consumers]) grantRows(shop, writing, 'PutItem');
    grantRows(shop, shipping, 'PartiQLSelect');

    new CfnOutput(this, 'OrdersTopicArn', { value: this.orders.topic.topicArn, description: 'Events of orders' });
    new CfnOutput(this, 'PlaceOrderQueueUrl', {
      value: this.placeOrder.queue.queueUrl,
      description: 'Send orders here',
    });
  }
}

function grantRows(table: dynamodb.Table, grantee: iam.IGrantable, ...actions: RowAction[]): void {
  iam.Grant.addToPrincipal({
    grantee,
    actions: actions.map((action) => `dynamodb:${action}`),
    resourceArns: [table.tableArn],
  });
  if (table.encryptionKey) grantTableKey(table.encryptionKey, grantee);
}
