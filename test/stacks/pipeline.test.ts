import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
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
const operations = Template.fromStack(prod.operations);

describe.each(environmentNames)('the pipeline in %s', (name) => {
  const { app, foundation, orders, operations } = pipeline(name);
  const stacks = [foundation, orders, operations];

  it('is three stacks named after it', () => {
    expect(stacks.map((stack) => stack.stackName)).toEqual(
      ['Foundation', 'Orders', 'Operations'].map((part) => `Baton-${name}-${part}`),
    );
    app.synth();
    const dependencies = stacks.map((stack) => stack.dependencies.map((other) => other.stackName).toSorted());
    expect(dependencies).toEqual([[], [foundation.stackName], [foundation.stackName, orders.stackName]]);
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
    expect(assemblies[0]!.contents.length).toBe(7);
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
    // of idempotency records, of the audit trail, of the shop
    expect(tables).toHaveLength(3);
    for (const table of tables) {
      expect(table.DeletionPolicy).toBe('RetainExceptOnCreate');
      expect(table.Properties).toMatchObject({
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: { SSEEnabled: true },
      });
      expect(table.Properties.StreamSpecification).toBeUndefined();
    }
    for (const stack of [prod.foundation, prod.orders, prod.operations]) expect(stack.terminationProtection).toBe(true);
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
    expect(prod.foundation.onCall.node.metadata.map(({ data }) => String(data)).join()).not.toContain('reach');
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

  it('has an alarm for everything', () => {
    // 15 of a consumer and 13 of the command queue, whose failures SNS has no part in; topic, outbox, keeper, payments' circuit
    orders.resourceCountIs('AWS::CloudWatch::Alarm', 6 * 15 + 13 + 4 + 3 + 1 + 1);
    // a voice for what pages and one for what can wait; the keeper only pages
    orders.resourceCountIs('AWS::CloudWatch::CompositeAlarm', 2 * (6 + 1 + 1 + 1) + 1);
  });

  it('lets the flows speak for its parts', () => {
    for (const { Properties } of resourcesOf(orders, 'AWS::CloudWatch::CompositeAlarm')) {
      expect(Properties.AlarmActions).toBeUndefined();
      expect(Properties.AlarmDescription).toMatch(/Flow: (checkout|aftercare)\. /);
    }
  });

  it('grants no wildcard but for traces and the objects of its bucket', () => {
    for (const { Properties } of resourcesOf(orders, 'AWS::IAM::Policy')) {
      const wild = statements(Properties.PolicyDocument).filter((each) =>
        JSON.stringify([each.Action, each.Resource]).includes('*'),
      );
      for (const action of wild.flatMap((each) => each.Action))
        expect(action).toMatch(/^(xray:Put|s3:(Get|Put)Object$)/);
    }
  });

  it('refers to the foundation by exports, so that neither is deployed with a part missing', () => {
    const imported = JSON.stringify(orders.toJSON()).match(/"Fn::ImportValue":"Baton-prod-Foundation:[^"]+"/g) ?? [];
    expect(new Set(imported).size).toBeGreaterThanOrEqual(5);
  });
});

describe('the operations stack', () => {
  it('has one voice a flow and urgency, and one for what lasts', () => {
    const composites = resourcesOf(operations, 'AWS::CloudWatch::CompositeAlarm');
    const speaking = composites.filter(({ Properties }) => Properties.AlarmActions !== undefined);
    expect(speaking.map(({ Properties }) => Properties.AlarmName).toSorted()).toEqual(
      ['Aftercare', 'Checkout'].flatMap((flow) =>
        ['degraded', 'escalation', 'health'].map((says) => `Baton-prod-Operations-${flow}-${says}`),
      ),
    );
    for (const { Properties } of composites) {
      if (Properties.AlarmActions === undefined) continue;
      expect(Properties.OKActions).toEqual(Properties.AlarmActions);
      expect(Properties.ActionsSuppressor).toBeDefined();
    }
  });

  it('shows the pipeline to three kinds of people', () => {
    const names = resourcesOf(operations, 'AWS::CloudWatch::Dashboard').map(
      ({ Properties }) => Properties.DashboardName,
    );
    expect(names.toSorted()).toEqual(['debug', 'executive', 'on-call'].map((view) => `Baton-prod-Operations-${view}`));
  });

  it('has a role for those who look, and one for those who act', () => {
    const roles = resourcesOf(operations, 'AWS::IAM::Role');
    expect(
      roles.map(({ Properties }) => JSON.stringify(Properties.AssumeRolePolicyDocument).includes('MultiFactor')),
    ).toEqual([false, true]);
  });

  it('takes the people that the environment names', () => {
    const arn = 'arn:aws:iam::111111111111:role/sre';
    const people = { readers: [arn], operators: [arn] };
    const app = new App({ context: cdkJson.context });
    const named = addPipeline(app, { ...environmentNamed('prod'), people });
    for (const { Properties } of resourcesOf(Template.fromStack(named.operations), 'AWS::IAM::Role')) {
      expect(statements(Properties.AssumeRolePolicyDocument)[0]!.Principal).toEqual({ AWS: arn });
    }
  });

  it('keeps the addresses of pagers out of the templates', () => {
    const app = new App({ context: cdkJson.context });
    const page = [{ https: { secret: 'pager', field: 'url' } }, { https: { parameter: '/shop/pager' } }];
    const { foundation } = addPipeline(app, { ...environmentNamed('prod'), onCall: { page, ticket: ['t@shop.test'] } });
    const endpoints = resourcesOf(Template.fromStack(foundation), 'AWS::SNS::Subscription').map(({ Properties }) =>
      JSON.stringify(Properties.Endpoint),
    );
    expect(endpoints.filter((each) => each.includes('{{resolve:'))).toHaveLength(2);
  });
});
