import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it, onTestFinished } from 'vitest';
import cdkJson from '../../cdk.json' with { type: 'json' };
import { addPipeline } from '../../lib/stacks/app.ts';
import { environmentNamed, environmentNames } from '../../lib/stacks/environments.ts';
import { FoundationStack } from '../../lib/stacks/foundation-stack.ts';
import { logicalIdAt, type Resource, resourceAt, statements } from '../constructs/fixtures/wiring.ts';

function pipeline(name: string, outdir?: string) {
  const app = new App({ outdir, context: { ...cdkJson.context, 'aws:cdk:enable-path-metadata': true } });
  const onCall = { page: ['page@shop.test'], ticket: ['ticket@shop.test'] };
  return { app, ...addPipeline(app, { ...environmentNamed(name), onCall }) };
}

function resourcesOf(template: Template, type: string): Resource[] {
  return Object.values(template.findResources(type)) as Resource[];
}

const prod = pipeline('prod');
const foundation = Template.fromStack(prod.foundation);
const orders = Template.fromStack(prod.orders);

describe.each(environmentNames)('the pipeline in %s', (name) => {
  const { app, foundation, orders } = pipeline(name);

  it('is two stacks named after it', () => {
    expect([foundation.stackName, orders.stackName]).toEqual([`Baton-${name}-Foundation`, `Baton-${name}-Orders`]);
    app.synth();
    const dependencies = [foundation, orders].map((stack) => stack.dependencies.map((other) => other.stackName));
    expect(dependencies).toEqual([[], [foundation.stackName]]);
  });

  it('breaks no rule of AwsSolutions that is not acknowledged with a reason', () => {
    const report = new AwsSolutionsChecks(app).validateScope(app);
    const found = report.violations?.map((each) => [
      each.ruleName,
      each.violatingResources.map((one) => one.constructPath),
    ]);
    expect(found ?? []).toEqual([]);
  });
});

describe('every acknowledged rule', () => {
  it('has a reason, and is one of two', () => {
    const acknowledged = prod.app.node
      .findAll()
      .flatMap((construct) => construct.node.metadata)
      .filter(({ type }) => type.includes('acknowledged'))
      .flatMap(({ data }) => Object.entries(data as Record<string, string>));
    expect(new Set(acknowledged.map(([rule]) => rule.replace('Annotation::', '')))).toEqual(
      new Set(['AwsSolutions-IAM5[Resource::*]', 'AwsSolutions-SQS3']),
    );
    for (const [, reason] of acknowledged) expect(reason.length).toBeGreaterThan(40);
  });
});

describe('synthesis', () => {
  it('writes the same assembly again from the same source', () => {
    const assemblies = [0, 1].map(() => {
      const outdir = mkdtempSync(path.join(tmpdir(), 'baton-assembly-'));
      onTestFinished(() => rmSync(outdir, { recursive: true }));
      pipeline('staging', outdir).app.synth();
      const files = readdirSync(outdir).toSorted();
      const texts = files.filter((file) => /\.(template|assets)\.json$/.test(file) || file === 'manifest.json');
      return { files, contents: texts.map((file) => [file, readFileSync(path.join(outdir, file), 'utf8')]) };
    });
    expect(assemblies[0]!.contents.length).toBe(5);
    expect(assemblies[1]).toEqual(assemblies[0]);
  });
});

describe('the foundation', () => {
  it('encrypts everything with one key that rotates', () => {
    expect(resourceAt(foundation, 'Key').Properties.EnableKeyRotation).toBe(true);
    foundation.resourceCountIs('AWS::KMS::Key', 1);
    orders.resourceCountIs('AWS::KMS::Key', 0);
  });

  it('keeps its tables in prod, and can restore them', () => {
    const tables = resourcesOf(foundation, 'AWS::DynamoDB::Table');
    expect(tables).toHaveLength(2);
    for (const table of tables) {
      expect(table.DeletionPolicy).toBe('RetainExceptOnCreate');
      expect(table.Properties).toMatchObject({
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: { SSEEnabled: true },
      });
      expect(table.Properties.StreamSpecification).toBeUndefined();
    }
    expect([prod.foundation.terminationProtection, prod.orders.terminationProtection]).toEqual([true, true]);
  });

  it('lets go of them in dev', () => {
    const dev = Template.fromStack(pipeline('dev').foundation);
    for (const table of resourcesOf(dev, 'AWS::DynamoDB::Table')) {
      expect(table).toMatchObject({ DeletionPolicy: 'Delete', Properties: { DeletionProtectionEnabled: false } });
    }
  });

  it('says where it is', () => {
    expect(Object.keys(foundation.findOutputs('*'))).toEqual(
      expect.arrayContaining(['ShopTableName', 'IdempotencyTableName', 'PageTopicArn', 'TicketTopicArn']),
    );
    expect(Object.keys(orders.findOutputs('*'))).toEqual(['OrdersTopicArn', 'PlaceOrderQueueUrl']);
  });

  it('warns of addresses that reach nobody', () => {
    const { onCall } = new FoundationStack(new App(), environmentNamed('prod'));
    const warnings = onCall.node.metadata.map(({ data }) => String(data));
    expect(warnings.join()).toContain('shop-on-call@example.com');
    expect(prod.foundation.onCall.node.metadata).toEqual([]);
  });
});

describe('the orders stack', () => {
  const CONSUMERS = [
    ['Inventory', true, ['order.placed'], true],
    ['Billing', false, ['order.placed'], true],
    ['Shipping', false, ['inventory.reserved', 'payment.captured'], true],
    ['Invoicing', false, ['payment.captured'], false],
    ['Notifications', true, ['order.placed', 'order.shipped'], false],
    ['Analytics', false, ['order.placed'], false],
  ] as const;

  it.each(CONSUMERS)('%s: ordered %s, gets %s, commits events %s', (id, ordered, types, commits) => {
    expect(resourceAt(orders, `${id}/Queue`).Properties.FifoQueue ?? false).toBe(ordered);
    expect(resourceAt(orders, `${id}/Subscription`).Properties.FilterPolicy).toEqual({ type: types });
    const { Variables } = resourceAt(orders, `${id}/Function`).Properties.Environment;
    expect(Variables.SHOP_TABLE).toBeDefined();
    expect('BATON_OUTBOX_TABLE' in Variables).toBe(commits);
    // what it would publish by itself would be a second write
    expect(Variables.BATON_TOPIC_ARN).toBeUndefined();
  });

  it('carries events by order, on a FIFO topic', () => {
    expect(resourceAt(orders, 'Orders/Topic').Properties).toMatchObject({
      FifoTopic: true,
      FifoThroughputScope: 'MessageGroup',
    });
  });

  it('gives billing eight attempts and the payment provider', () => {
    expect(resourceAt(orders, 'Billing/Function').Properties.Environment.Variables).toMatchObject({
      BATON_MAX_ATTEMPTS: '8',
      PAYMENT_PROVIDER_URL: 'https://payments.example.com',
    });
    expect(resourceAt(orders, 'Billing/Queue').Properties.RedrivePolicy.maxReceiveCount).toBe(19);
  });

  it.each([
    ['PlaceOrder', ['dynamodb:PutItem']],
    ['Inventory', ['dynamodb:PutItem']],
    ['Billing', ['dynamodb:PutItem']],
    ['Shipping', ['dynamodb:PartiQLSelect', 'dynamodb:PutItem']],
    ['Invoicing', ['dynamodb:PutItem']],
    ['Notifications', ['dynamodb:PutItem']],
    ['Analytics', ['dynamodb:PutItem']],
  ])('lets %s do to the rows of the shop what it does, and no more', (id, actions) => {
    const shop = logicalIdAt(foundation, 'Shop');
    const granted = statements(resourceAt(orders, `${id}/Role/DefaultPolicy`).Properties.PolicyDocument).filter(
      (each) => JSON.stringify(each.Resource).includes(shop),
    );
    expect(granted.flatMap((each) => each.Action).toSorted()).toEqual(actions);
  });

  it('has every queue safe: hidden long enough, redriven late enough, kept long enough, encrypted', () => {
    const functions = resourcesOf(orders, 'AWS::Lambda::Function');
    const queues = resourcesOf(orders, 'AWS::SQS::Queue');
    const sources = queues.filter((queue) => queue.Properties.RedrivePolicy);
    expect([functions.length, sources.length, queues.length]).toEqual([9, 8, 22]);
    for (const queue of sources) {
      expect(queue.Properties.VisibilityTimeout).toBeGreaterThanOrEqual(180);
      expect(queue.Properties.RedrivePolicy.maxReceiveCount).toBeGreaterThanOrEqual(8);
      expect(queue.Properties.MessageRetentionPeriod).toBeLessThan(1_209_600);
    }
    for (const queue of queues) {
      expect(queue.Properties.KmsMasterKeyId).toBeDefined();
      if (!queue.Properties.RedrivePolicy) expect(queue.Properties.MessageRetentionPeriod).toBe(1_209_600);
    }
    expect(resourcesOf(orders, 'AWS::SQS::QueuePolicy')).toHaveLength(queues.length);
  });

  it('has an alarm for everything, with somebody to hear it', () => {
    const alarms = resourcesOf(orders, 'AWS::CloudWatch::Alarm');
    // of queues, of undeliverable events, of the outbox, of the payments' circuit, of the keeper of circuits
    expect(alarms).toHaveLength(7 * 4 + 6 + 1 + 1 + 1);
    for (const { Properties } of alarms) {
      expect([Properties.AlarmActions.length, Properties.OKActions.length]).toEqual([1, 1]);
    }
  });

  it('grants no wildcard but for traces', () => {
    for (const { Properties } of resourcesOf(orders, 'AWS::IAM::Policy')) {
      const wild = statements(Properties.PolicyDocument).filter((each) =>
        JSON.stringify([each.Action, each.Resource]).includes('*'),
      );
      for (const action of wild.flatMap((each) => each.Action)) expect(action).toMatch(/^xray:Put/);
    }
  });

  it('refers to the foundation by exports, so that neither is deployed with a part missing', () => {
    const imported = JSON.stringify(orders.toJSON()).match(/"Fn::ImportValue":"Baton-prod-Foundation:[^"]+"/g) ?? [];
    expect(new Set(imported).size).toBeGreaterThanOrEqual(5);
  });
});
