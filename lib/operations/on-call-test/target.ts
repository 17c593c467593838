import { paginateListSubscriptionsByTopic, type SNSClient, type Subscription } from '@aws-sdk/client-sns';

/** Somebody, or something, that hears of alarms. */
export interface Target {
  protocol: string;
  /** Enough to know it by, and not what it is: a URL of a pager is its password. */
  endpoint: string;
  /**
   * - `person`: somebody reads it and can say what it said
   * - `machine`: nobody does
   * - `pending`: it has not confirmed its subscription, and gets nothing
   */
  kind: 'person' | 'machine' | 'pending';
}

const MACHINES = new Set(['application', 'firehose', 'lambda', 'sqs']);

/** Who is subscribed to topics, in the order that SNS lists them. */
export async function targetsOf(sns: SNSClient, topicArns: readonly string[]): Promise<Target[]> {
  const targets: Target[] = [];
  for (const TopicArn of topicArns) {
    for await (const { Subscriptions = [] } of paginateListSubscriptionsByTopic({ client: sns }, { TopicArn })) {
      targets.push(...Subscriptions.filter(({ SubscriptionArn }) => SubscriptionArn !== 'Deleted').map(targetOf));
    }
  }
  return targets;
}

function targetOf({ Protocol = 'unknown', Endpoint = '', SubscriptionArn }: Subscription): Target {
  // SNS writes both, in different places
  const pending = /^Pending ?Confirmation$/i.test(SubscriptionArn ?? '');
  return {
    protocol: Protocol,
    endpoint: masked(Protocol, Endpoint),
    kind: pending ? 'pending' : MACHINES.has(Protocol) ? 'machine' : 'person',
  };
}

/** `j***@example.com`, `https://events.pagerduty.com/***`, `***42`, the name at the end of an ARN. */
export function masked(protocol: string, endpoint: string): string {
  if (protocol.startsWith('email')) return endpoint.replace(/^(.).*(@.*)$/, '$1***$2');
  if (protocol.startsWith('http')) return URL.canParse(endpoint) ? `${new URL(endpoint).origin}/***` : '***';
  if (endpoint.startsWith('arn:')) return endpoint.split(/[:/]/).at(-1)!;
  return `***${endpoint.slice(-2)}`;
}
