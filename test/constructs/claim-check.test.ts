import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { ClaimCheck } from '../../lib/constructs/claim-check.ts';
import { CommandQueue, Consumer, EventTopic, Outbox, UnsafePropsError } from '../../lib/constructs/index.ts';
import {
  BookSeat,
  ECHO,
  logicalIdAt,
  type Resource,
  resourceAt,
  SeatBooked,
  SeatFreed,
  statements,
  wiring,
} from './fixtures/wiring.ts';

/** A topic with a claim check, `Large`, beside the one of the fixture. */
function large(retention?: Duration) {
  const made = wiring();
  const encryptionKey = new Key(made.stack, 'DataKey');
  const claimCheck = new ClaimCheck(made.stack, 'ClaimCheck', { encryptionKey, ...(retention && { retention }) });
  const topic = new EventTopic(made.stack, 'Large', { events: [SeatBooked, SeatFreed], claimCheck });
  return { ...made, claimCheck, topic };
}

/** What a role may do with the bucket and its key: `action resource`, with logical ids in place of references. */
function allowedBy(template: Template, path: string): string[] {
  const ids = [logicalIdAt(template, 'ClaimCheck/Bucket'), logicalIdAt(template, 'DataKey')];
  return statements(resourceAt(template, `${path}/Role/DefaultPolicy`).Properties.PolicyDocument)
    .flatMap(({ Action, Resource }) => Action.flatMap((action) => Resource.map((each) => `${action} ${written(each)}`)))
    .filter((each) => ids.some((id) => each.includes(id)))
    .map((each) => each.replace(ids[0]!, 'bucket').replace(ids[1]!, 'key'))
    .toSorted();
}

function written(resource: unknown): string {
  const { 'Fn::Join': join, 'Fn::GetAtt': attribute } = resource as {
    'Fn::Join'?: [string, unknown[]];
    'Fn::GetAtt'?: [string, string];
  };
  if (join) return join[1].map(written).join('');
  return attribute ? attribute[0] : String(resource);
}

const READS = ['kms:Decrypt key', 's3:GetObject bucket/*', 's3:ListBucket bucket'];
const WRITES = ['kms:GenerateDataKey key', 's3:PutObject bucket/*'];

const variableOf = (template: Template, path: string) =>
  resourceAt(template, `${path}/Function`).Properties.Environment.Variables.BATON_CLAIM_CHECK_BUCKET;

describe('the bucket of a claim check', () => {
  const { template, claimCheck } = large();
  const synthesized = template();
  const { Properties, DeletionPolicy } = resourceAt(synthesized, 'ClaimCheck/Bucket');

  it('is encrypted with the key of its customer, and asks KMS once for many objects', () => {
    expect(Properties.BucketEncryption.ServerSideEncryptionConfiguration).toEqual([
      {
        BucketKeyEnabled: true,
        ServerSideEncryptionByDefault: {
          SSEAlgorithm: 'aws:kms',
          KMSMasterKeyID: { 'Fn::GetAtt': [logicalIdAt(synthesized, 'DataKey'), 'Arn'] },
        },
      },
    ]);
  });

  it('is closed to the public, knows no access lists, and takes TLS only', () => {
    expect(Properties.PublicAccessBlockConfiguration).toEqual({
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    });
    expect(Properties.OwnershipControls.Rules).toEqual([{ ObjectOwnership: 'BucketOwnerEnforced' }]);
    const policy = statements(resourceAt(synthesized, 'ClaimCheck/Bucket/Policy').Properties.PolicyDocument);
    expect(policy).toMatchObject([
      { Effect: 'Deny', Action: ['s3:*'], Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
    ]);
  });

  it('forgets data after 45 days, what was overwritten after 7 more, and half an upload after one', () => {
    expect(Properties.LifecycleConfiguration.Rules).toEqual([
      {
        Id: 'Expire',
        Status: 'Enabled',
        ExpirationInDays: 45,
        NoncurrentVersionExpiration: { NoncurrentDays: 7 },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      },
    ]);
    expect(Properties.VersioningConfiguration).toEqual({ Status: 'Enabled' });
    expect(claimCheck.retention.toDays()).toBe(45);
  });

  it('has no name that somebody else could have, and stays when its stack goes', () => {
    expect(Properties).not.toHaveProperty('BucketName');
    expect(DeletionPolicy).toBe('RetainExceptOnCreate');
  });

  it('makes a key of its own unless it is given one, logs where it is told, and goes when it may', () => {
    const stack = new Stack(new App(), 'Theatre');
    const accessLogs = Bucket.fromBucketName(stack, 'Logs', 'theatre-logs');
    const removalPolicy = RemovalPolicy.DESTROY;
    const claimCheck = new ClaimCheck(stack, 'ClaimCheck', { accessLogs, removalPolicy, retention: Duration.days(60) });
    const resources = Object.values(Template.fromStack(stack).toJSON().Resources as Record<string, Resource>);
    const [bucket] = resources.filter(({ Type }) => Type === 'AWS::S3::Bucket');
    expect(bucket).toMatchObject({
      DeletionPolicy: 'Delete',
      Properties: {
        LoggingConfiguration: { DestinationBucketName: 'theatre-logs', LogFilePrefix: 'Theatre/ClaimCheck/' },
        LifecycleConfiguration: { Rules: [{ ExpirationInDays: 60 }] },
      },
    });
    const [key] = resources.filter(({ Type }) => Type === 'AWS::KMS::Key');
    expect(key).toMatchObject({ DeletionPolicy: 'Delete', Properties: { EnableKeyRotation: true } });
    expect(stack.resolve(claimCheck.encryptionKey.keyArn)).toBeDefined();
  });

  it.each([Duration.hours(36), Duration.days(0)])('is refused with %s', (retention) => {
    const build = () => new ClaimCheck(new Stack(new App(), 'Theatre'), 'ClaimCheck', { retention });
    expect(build).toThrow(UnsafePropsError);
    expect(build).toThrow(/^Theatre\/ClaimCheck: `retention` is [\d.]+ days\. S3 counts in whole days/);
  });
});

describe('who may do what with it', () => {
  it('consumers of its topic read, and know where', () => {
    const { topic, consumer, template } = large();
    consumer({ topic });
    consumer({}, 'Elsewhere');
    const synthesized = template();
    expect(allowedBy(synthesized, 'SeatPlan')).toEqual(READS);
    expect(variableOf(synthesized, 'SeatPlan')).toEqual({ Ref: logicalIdAt(synthesized, 'ClaimCheck/Bucket') });
    expect(allowedBy(synthesized, 'Elsewhere')).toEqual([]);
    expect(variableOf(synthesized, 'Elsewhere')).toBeUndefined();
  });

  it('who publishes to its topic writes', () => {
    const { topic, consumer, commandQueue, template } = large();
    consumer({ topic, publishes: topic });
    commandQueue({ publishes: topic });
    const synthesized = template();
    expect(allowedBy(synthesized, 'SeatPlan')).toEqual([...READS, ...WRITES].toSorted());
    expect(allowedBy(synthesized, 'BookSeat')).toEqual(WRITES);
    expect(variableOf(synthesized, 'BookSeat')).toEqual({ Ref: logicalIdAt(synthesized, 'ClaimCheck/Bucket') });
  });

  it('who commits to an outbox of its topic writes; the relay has nothing to do with it', () => {
    const { stack, topic, onCall, commandQueue, template } = large();
    const outbox = new Outbox(stack, 'Outbox', { topic, onCall, owner: 'box-office' });
    commandQueue({ outbox });
    const synthesized = template();
    expect(allowedBy(synthesized, 'BookSeat')).toEqual(WRITES);
    expect(variableOf(synthesized, 'BookSeat')).toEqual(outboxVariable(outbox, stack));
    expect(allowedBy(synthesized, 'Outbox')).toEqual([]);
    expect(variableOf(synthesized, 'Outbox')).toBeUndefined();
  });

  it('the handler of a command queue reads', () => {
    const { claimCheck, commandQueue, template } = large();
    expect(commandQueue({ claimCheck }).claimCheck).toBe(claimCheck);
    expect(allowedBy(template(), 'BookSeat')).toEqual(READS);
  });

  it('others write when they are let', () => {
    const { stack, claimCheck, template } = large();
    const role = new iam.Role(stack, 'TillRole', { assumedBy: new iam.AccountRootPrincipal() });
    claimCheck.grantWrite(role);
    const policy = resourceAt(template(), 'TillRole/DefaultPolicy').Properties.PolicyDocument;
    expect(statements(policy).flatMap(({ Action }) => Action)).toEqual(['s3:PutObject', 'kms:GenerateDataKey']);
  });
});

function outboxVariable(outbox: Outbox, stack: Stack): unknown {
  return stack.resolve(outbox.environment.BATON_CLAIM_CHECK_BUCKET);
}

describe('a claim check is refused', () => {
  it('when a function would read from one and write to another', () => {
    const { stack, topic, consumer } = large();
    const claimCheck = new ClaimCheck(stack, 'Another');
    const publishes = new EventTopic(stack, 'Far', { events: [SeatFreed], claimCheck });
    expect(() => consumer({ topic, publishes })).toThrow(
      /^Theatre\/SeatPlan: Its claim check is Theatre\/ClaimCheck, and Theatre\/Far, where it publishes, has Theatre\/Another: .*Give both the same ClaimCheck\./,
    );
  });

  it('when it would put away what consumers of one of its topics cannot fetch', () => {
    const { stack, topic, onCall, commandQueue } = large();
    const outbox = new Outbox(stack, 'Outbox', { topic, onCall, owner: 'box-office' });
    const publishes = new EventTopic(stack, 'Small', { events: [SeatFreed] });
    expect(() => commandQueue({ publishes, outbox })).toThrow(/Theatre\/Small, where it publishes, has none/);
  });

  it('when its bucket is in another region than the function', () => {
    const { stack, consumer } = wiring({}, { env: { region: 'eu-west-1' } });
    const bucketArn = 'arn:aws:s3:::theatre-data';
    const claimCheck = ClaimCheck.fromBucketAttributes(stack, 'Data', { bucketArn, region: 'us-east-1' });
    const topicArn = `arn:aws:sns:${stack.region}:444455556666:plays`;
    const topic = EventTopic.fromTopicAttributes(stack, 'Plays', { topicArn, events: [SeatBooked], claimCheck });
    expect(() => consumer({ topic })).toThrow(
      /Its claim check Theatre\/Data is in us-east-1, and the function in eu-west-1: .*give the topic a ClaimCheck in eu-west-1/,
    );
  });

  it('when data would be gone before a message is back', () => {
    const short = large(Duration.days(32));
    expect(() => short.consumer({ topic: short.topic })).toThrow(
      /^Theatre\/SeatPlan: Theatre\/ClaimCheck keeps data 32 days, but a message can come back after 32 days.*Raise `retention` of Theatre\/ClaimCheck above 32 days/,
    );
    const enough = large(Duration.days(33));
    expect(() => enough.consumer({ topic: enough.topic })).not.toThrow();
    // nothing of a command queue is undeliverable
    const queue = large(Duration.days(18));
    expect(() => queue.commandQueue({ claimCheck: queue.claimCheck })).toThrow(
      /come back after 18 days \(queue and DLQ\)/,
    );
  });

  it('not when its default meets the longest retention there is', () => {
    const { topic, consumer } = large();
    const retention = Duration.days(14).minus(Duration.seconds(1));
    expect(() => consumer({ topic, retention })).not.toThrow();
  });
});

describe('a claim check from elsewhere', () => {
  const bucketArn = 'arn:aws:s3:::theatre-data';

  it('is read and written under its own name, and with its key when that is known', () => {
    const { stack, consumer, template } = wiring();
    const encryptionKey = Key.fromKeyArn(stack, 'Theirs', 'arn:aws:kms:eu-west-1:444455556666:key/0000');
    const claimCheck = ClaimCheck.fromBucketAttributes(stack, 'Data', { bucketArn, encryptionKey });
    const topicArn = 'arn:aws:sns:eu-west-1:444455556666:plays';
    const topic = EventTopic.fromTopicAttributes(stack, 'Plays', { topicArn, events: [SeatBooked], claimCheck });
    const unlocked = ClaimCheck.fromBucketAttributes(stack, 'Same', { bucketArn, retention: Duration.days(50) });
    const publishes = EventTopic.fromTopicAttributes(stack, 'Again', {
      topicArn: `${topicArn}-again`,
      events: [SeatFreed],
      claimCheck: unlocked,
    });
    consumer({ topic, publishes });
    const synthesized = template();
    expect(variableOf(synthesized, 'SeatPlan')).toBe('theatre-data');
    const granted = statements(resourceAt(synthesized, 'SeatPlan/Role/DefaultPolicy').Properties.PolicyDocument);
    const ofData = granted.filter(({ Resource }) => /theatre-data|444455556666:key/.test(JSON.stringify(Resource)));
    expect(ofData.flatMap(({ Action }) => Action).toSorted()).toEqual([
      'kms:Decrypt',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
    ]);
    expect([claimCheck.retention.toDays(), unlocked.retention.toDays()]).toEqual([45, 50]);
  });

  it('comes with the command queue that it belongs to', () => {
    const { stack } = wiring();
    const claimCheck = ClaimCheck.fromBucketAttributes(stack, 'Data', { bucketArn });
    const queueArn = 'arn:aws:sqs:eu-west-1:444455556666:book-seat';
    const queue = CommandQueue.fromQueueAttributes(stack, 'Far', { queueArn, command: BookSeat, claimCheck });
    expect(queue.claimCheck?.environment).toEqual({ BATON_CLAIM_CHECK_BUCKET: 'theatre-data' });
  });
});

it('has no finding of AwsSolutions, and no reason for one that is not there, in one stack and across', () => {
  class EverythingChecks extends AwsSolutionsChecks {}
  Object.assign(EverythingChecks.prototype, { isAcknowledged: () => false });
  const { app, topic, consumer, idempotency, onCall } = large();
  consumer({ topic, publishes: topic });
  const annex = new Stack(app, 'Annex');
  const shared = { entry: ECHO, maxAge: Duration.minutes(5), owner: 'box-office', idempotency, onCall };
  new Consumer(annex, 'Far', { ...shared, topic, events: [SeatBooked] });
  app.synth();
  const ours = (path: string) => /ClaimCheck|SeatPlan\/Role|Far\/Role/.test(path);
  const found = (checks: AwsSolutionsChecks) =>
    checks
      .validateScope(app)
      .violations.flatMap(({ ruleName, violatingResources }) =>
        violatingResources
          .filter(({ constructPath }) => constructPath !== undefined && ours(constructPath))
          .map((each) => `${ruleName} ${each.constructPath}`),
      );
  expect(found(new AwsSolutionsChecks())).toEqual([]);

  const all = found(new EverythingChecks());
  const acknowledged = app.node.findAll().flatMap(({ node }) =>
    node.metadata
      .filter(({ type }) => type.includes('acknowledged') && ours(node.path))
      .flatMap(({ data }) => Object.entries(data as Record<string, string>))
      .map(([id, reason]) => ({ rule: id.replace(/^Annotation::/i, ''), at: node.path, reason })),
  );
  expect(acknowledged.filter(({ rule }) => rule.includes('/*]')).length).toBeGreaterThan(1);
  for (const { rule, at, reason } of acknowledged) {
    expect(
      all.some((each) => each === `${rule} ${at}` || each.startsWith(`${rule} ${at}/`)),
      `${rule} ${at}`,
    ).toBe(true);
    expect(reason.length).toBeGreaterThan(40);
  }
});
