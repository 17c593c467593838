import { type ResourceEnvironment, Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { UnsafePropsError } from '../errors.ts';

/** Whether two places are the same; unknown while one of them is decided at deployment only. */
export type Sameness = 'same' | 'other' | 'unknown';

/** How far a topic is from who subscribes to it. */
export interface Distance {
  readonly account: Sameness;
  readonly region: Sameness;
}

/**
 * Regions that an account has to opt in to: all that were launched after March 20, 2019.
 * Source: Amazon SNS developer guide, "Sending Amazon SNS messages to an Amazon SQS queue or AWS Lambda function in a
 * different Region"; AWS Account Management reference guide, "Enable or disable AWS Regions in your account".
 */
const OPT_IN = new Set([
  'af-south-1',
  'ap-east-1',
  'ap-east-2',
  'ap-south-2',
  'ap-southeast-3',
  'ap-southeast-4',
  'ap-southeast-5',
  'ap-southeast-6',
  'ap-southeast-7',
  'ca-west-1',
  'eu-central-2',
  'eu-south-1',
  'eu-south-2',
  'il-central-1',
  'me-central-1',
  'me-south-1',
  'mx-central-1',
]);

/** How far a topic is from a construct. */
export function distanceBetween(topic: ResourceEnvironment, scope: Construct): Distance {
  const { account, region } = Stack.of(scope);
  return { account: compare(topic.account, account), region: compare(topic.region, region) };
}

/** Whether it is certain that both are in the same account and region. */
export function isNear({ account, region }: Distance): boolean {
  return account === 'same' && region === 'same';
}

/**
 * As whom SNS delivers into a queue. Between a region that is enabled for everybody and one that is not, it comes as itself
 * in the latter. Source: "Sending Amazon SNS messages to an Amazon SQS queue ... in a different Region".
 *
 * @throws UnsafePropsError between two regions that have to be opted in to, where SNS does not deliver
 */
export function deliveringPrincipal(scope: Construct, topic: ResourceEnvironment): iam.ServicePrincipal {
  const here = Stack.of(scope).region;
  if (compare(topic.region, here) !== 'other') return new iam.ServicePrincipal('sns.amazonaws.com');
  const optIn = [topic.region, here].filter((region) => OPT_IN.has(region));
  if (optIn.length === 2) {
    throw new UnsafePropsError(
      scope,
      `Its topic is in ${topic.region} and its queue in ${here}; both are opt-in regions, and SNS does not deliver between those.`,
      'Put a consumer into the region of the topic, or go through a region that is enabled by default.',
    );
  }
  return new iam.ServicePrincipal(optIn.length === 0 ? 'sns.amazonaws.com' : `sns.${optIn[0]}.amazonaws.com`);
}

function compare(one: string, other: string): Sameness {
  if (one === other) return 'same';
  return Token.isUnresolved(one) || Token.isUnresolved(other) ? 'unknown' : 'other';
}
