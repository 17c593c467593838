import { ArnFormat, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';

// Every statement here names accounts and regions, never a topic, queue or log group: a key often lives in another
// stack than what it encrypts, and a key policy that named them would make the two stacks depend on each other.

/**
 * Lets Amazon SNS deliver into queues that this key encrypts, for topics of the key's own account and region.
 * A key that was imported keeps its policy: its owner has to add the statement.
 * Source: Amazon SNS developer guide, "Configuring AWS KMS permissions".
 */
export function admitSns(key: kms.IKey): void {
  const topics = Stack.of(key).formatArn({ service: 'sns', resource: '*', arnFormat: ArnFormat.NO_RESOURCE_NAME });
  key.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'SnsDelivers',
      principals: [new iam.ServicePrincipal('sns.amazonaws.com')],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: ['*'],
      conditions: { ArnLike: { 'aws:SourceArn': topics } },
    }),
    true,
  );
}

/**
 * Lets Amazon SNS deliver from one topic of another account or region into queues that this key encrypts. Here the topic is
 * named: it is not of the key's own app, or far enough away that the app may depend on it.
 *
 * @param principal as whom SNS comes; another one between regions that have to be opted in to
 */
export function admitForeignTopic(key: kms.IKey, topicArn: string, principal: iam.ServicePrincipal): void {
  key.addToResourcePolicy(
    new iam.PolicyStatement({
      principals: [principal],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: ['*'],
      conditions: { ArnEquals: { 'aws:SourceArn': topicArn } },
    }),
    true,
  );
}

/**
 * Lets another account publish to topics that this key encrypts, as far as their policies let it.
 * Source: Amazon SNS developer guide, "Configuring AWS KMS permissions".
 */
export function admitPublishers(key: kms.IKey, account: iam.AccountPrincipal): void {
  key.addToResourcePolicy(
    new iam.PolicyStatement({
      principals: [account],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: ['*'],
      conditions: { StringEquals: { 'kms:ViaService': `sns.${Stack.of(key).region}.amazonaws.com` } },
    }),
    true,
  );
}

/**
 * Lets CloudWatch alarms publish to topics that this key encrypts. Without it an alarm fires and nobody hears it.
 * The key admits the service as AWS documents it, without a condition; whose alarms may publish is the topic's policy.
 * Source: AWS re:Post knowledge center, "How do I configure a CloudWatch alarm with an encrypted SNS topic?".
 */
export function admitAlarms(key: kms.IKey): void {
  key.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'AlarmsPublish',
      principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      resources: ['*'],
    }),
    true,
  );
}

/**
 * Lets CloudWatch Logs encrypt the log groups of the key's own account and region.
 * Source: CloudWatch Logs user guide, "Encrypt log data using AWS KMS".
 */
export function admitLogs(key: kms.IKey): void {
  const stack = Stack.of(key);
  const logGroups = stack.formatArn({
    service: 'logs',
    resource: 'log-group',
    resourceName: '*',
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  key.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'LogsAreEncrypted',
      principals: [new iam.ServicePrincipal(`logs.${stack.region}.amazonaws.com`)],
      actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
      resources: ['*'],
      conditions: { ArnLike: { 'kms:EncryptionContext:aws:logs:arn': logGroups } },
    }),
    true,
  );
}

/** Lets a principal send to and receive from queues and topics that this key encrypts. */
export function grantMessageKey(key: kms.IKey, grantee: iam.IGrantable): iam.Grant {
  return grantKey(key, grantee, ['kms:Decrypt', 'kms:GenerateDataKey']);
}

/**
 * Lets a principal use tables that this key encrypts: DynamoDB asks KMS with the caller's permissions.
 * Source: Amazon DynamoDB developer guide, "DynamoDB encryption at rest: usage notes"; spelled out instead of `kms:ReEncrypt*`.
 */
export function grantTableKey(key: kms.IKey, grantee: iam.IGrantable): iam.Grant {
  return grantKey(key, grantee, [
    'kms:Decrypt',
    'kms:DescribeKey',
    'kms:Encrypt',
    'kms:GenerateDataKey',
    'kms:ReEncryptFrom',
    'kms:ReEncryptTo',
  ]);
}

function grantKey(key: kms.IKey, grantee: iam.IGrantable, actions: string[]): iam.Grant {
  return iam.Grant.addToPrincipal({ grantee, actions, resourceArns: [key.keyArn] });
}
