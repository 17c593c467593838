import {
  CreateTopicCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
  SetTopicAttributesCommand,
  SubscribeCommand,
  type Subscription,
  UnsubscribeCommand,
} from '@aws-sdk/client-sns';
import { NAME_LIMITS, physicalName } from './physical-name.ts';
import {
  attributes,
  type Declared,
  type Deployment,
  flagOf,
  originOf,
  type Provisioned,
  type ResourceType,
  recordsOf,
  requiredText,
  tagsOf,
  textOf,
  textsOf,
} from './resource-type.ts';

const NOT_ENCRYPTED = 'nothing is encrypted on the laptop';

/** AWS::SNS::Topic */
export const topic: ResourceType = {
  honoured: ['TopicName', 'DisplayName', 'FifoTopic', 'ContentBasedDeduplication', 'Subscription', 'Tags'],
  notHonoured: {
    KmsMasterKeyId: NOT_ENCRYPTED,
    TracingConfig: 'nothing is traced by the topic here',
    DeliveryStatusLogging: 'deliveries are not logged here',
    FifoThroughputScope: 'there is no throughput limit here',
    ArchivePolicy: 'nothing is archived here',
    MaximumMessageSize: 'the engine takes 256 KiB in a message, whatever the topic says',
  },
  async provision(declared, deployment) {
    const { engines, existing, resources } = deployment;
    const fifo = flagOf(declared, 'FifoTopic');
    const name =
      textOf(declared, 'TopicName') ??
      physicalName(declared.stack, declared.logicalId, NAME_LIMITS.topic, fifo ? '.fifo' : '');
    const arn = `arn:aws:sns:${engines.region}:${engines.accountId}:${name}`;
    const displayName = textOf(declared, 'DisplayName');
    const deduplication = String(flagOf(declared, 'ContentBasedDeduplication'));
    const changeable: Record<string, string> = {
      ...(displayName !== undefined && { DisplayName: displayName }),
      ...(fifo && { ContentBasedDeduplication: deduplication }),
    };
    if (existing.topics.has(arn)) {
      await Promise.all(
        Object.entries(changeable).map(([AttributeName, AttributeValue]) =>
          engines.clients.sns.send(new SetTopicAttributesCommand({ TopicArn: arn, AttributeName, AttributeValue })),
        ),
      );
    } else {
      await engines.clients.sns.send(
        new CreateTopicCommand({
          Name: name,
          Attributes: { ...changeable, ...(fifo && { FifoTopic: 'true' }) },
          Tags: Object.entries(tagsOf(declared)).map(([Key, Value]) => ({ Key, Value })),
        }),
      );
    }
    resources.topics.push({ ...originOf(declared), name, arn, fifo });
    for (const { Protocol, Endpoint } of recordsOf(declared, 'Subscription')) {
      await subscribe(
        declared,
        { topicArn: arn, protocol: String(Protocol), endpoint: String(Endpoint), wanted: {} },
        deployment,
      );
    }
    return { ref: arn, getAtt: attributes({ TopicArn: arn, TopicName: name, Arn: arn }) };
  },
};

/** AWS::SNS::TopicPolicy: the topic keeps it, nothing enforces it. */
export const topicPolicy: ResourceType = {
  honoured: ['Topics', 'PolicyDocument'],
  async provision(declared, { engines, notEmulated }) {
    const policy = JSON.stringify(declared.properties.PolicyDocument);
    await Promise.all(
      textsOf(declared, 'Topics').map((arn) =>
        engines.clients.sns.send(
          new SetTopicAttributesCommand({ TopicArn: arn, AttributeName: 'Policy', AttributeValue: policy }),
        ),
      ),
    );
    notEmulated(declared, 'permissions are not enforced on the laptop');
    const ref = physicalName(declared.stack, declared.logicalId, NAME_LIMITS.topic);
    return { ref, getAtt: attributes({ Id: ref }) };
  },
};

/** What a subscription has when its template says nothing, for one that said something before. */
const SUBSCRIPTION_DEFAULTS = {
  RawMessageDelivery: 'false',
  FilterPolicy: '{}',
  FilterPolicyScope: 'MessageAttributes',
};

/** AWS::SNS::Subscription */
export const subscription: ResourceType = {
  honoured: [
    'TopicArn',
    'Protocol',
    'Endpoint',
    'RawMessageDelivery',
    'FilterPolicy',
    'FilterPolicyScope',
    'RedrivePolicy',
    'Region',
  ],
  notHonoured: {
    DeliveryPolicy: 'there are no deliveries over HTTP here',
    SubscriptionRoleArn: 'permissions are not enforced on the laptop',
  },
  provision(declared, deployment) {
    const wanted: Record<string, string> = {};
    for (const name of ['RawMessageDelivery', 'FilterPolicy', 'FilterPolicyScope', 'RedrivePolicy']) {
      const value = declared.properties[name];
      if (value !== undefined) wanted[name] = typeof value === 'object' ? JSON.stringify(value) : String(value);
    }
    return subscribe(
      declared,
      {
        topicArn: requiredText(declared, 'TopicArn'),
        protocol: requiredText(declared, 'Protocol'),
        endpoint: textOf(declared, 'Endpoint') ?? '',
        wanted,
      },
      deployment,
    );
  },
};

interface Wish {
  topicArn: string;
  protocol: string;
  endpoint: string;
  wanted: Record<string, string>;
}

async function subscribe(declared: Declared, wish: Wish, deployment: Deployment): Promise<Provisioned> {
  const { engines, existing, notEmulated } = deployment;
  const { topicArn, protocol, endpoint, wanted } = wish;
  const undelivered = whyUndelivered(protocol, engines.direct !== undefined);
  if (undelivered !== undefined) {
    notEmulated(declared, undelivered);
    return { ref: `${topicArn}:${declared.logicalId}`, getAtt: () => undefined };
  }
  const found = existing.topics.has(topicArn)
    ? (await subscriptionsOf(topicArn, deployment)).find(
        (one) => one.Protocol === protocol && one.Endpoint === endpoint,
      )
    : undefined;
  if (found?.SubscriptionArn !== undefined) {
    const { SubscriptionArn } = found;
    deployment.subscriptions.add(SubscriptionArn);
    for (const [AttributeName, AttributeValue] of Object.entries({ ...SUBSCRIPTION_DEFAULTS, ...wanted })) {
      await engines.clients.sns.send(
        new SetSubscriptionAttributesCommand({ SubscriptionArn, AttributeName, AttributeValue }),
      );
    }
    return { ref: SubscriptionArn, getAtt: attributes({ Arn: SubscriptionArn }) };
  }
  const { SubscriptionArn = '' } = await engines.clients.sns.send(
    new SubscribeCommand({
      TopicArn: topicArn,
      Protocol: protocol,
      Endpoint: endpoint,
      Attributes: wanted,
      ReturnSubscriptionArn: true,
    }),
  );
  deployment.subscriptions.add(SubscriptionArn);
  return { ref: SubscriptionArn, getAtt: attributes({ Arn: SubscriptionArn }) };
}

function whyUndelivered(protocol: string, embedded: boolean): string | undefined {
  if (protocol === 'sqs' || (protocol === 'lambda' && embedded)) return undefined;
  if (protocol === 'lambda') return 'functions get nothing from the topics of another engine';
  return protocol.startsWith('email')
    ? 'no e-mail is sent from the laptop'
    : `nothing is sent by ${protocol} from the laptop`;
}

/**
 * Ends the subscriptions that the template no longer has, as an update of its stack would; else a queue that lost its
 * consumer would go on to fill. One to a queue that is not of these stacks was made by someone else, and stays.
 */
export async function endOldSubscriptions(stacks: readonly string[], deployment: Deployment): Promise<void> {
  const { engines, existing, resources, subscriptions } = deployment;
  const known = resources.topics.filter(({ arn }) => existing.topics.has(arn));
  await Promise.all(
    known.map(async ({ arn }) => {
      for (const { SubscriptionArn, Endpoint = '' } of await subscriptionsOf(arn, deployment)) {
        if (SubscriptionArn === undefined || subscriptions.has(SubscriptionArn)) continue;
        const queueName = Endpoint.split(':').at(-1) ?? '';
        if (!stacks.some((stack) => queueName.startsWith(`${stack}-`))) continue;
        await engines.clients.sns.send(new UnsubscribeCommand({ SubscriptionArn }));
      }
    }),
  );
}

async function subscriptionsOf(topicArn: string, { engines }: Deployment): Promise<Subscription[]> {
  const found: Subscription[] = [];
  let NextToken: string | undefined;
  do {
    const page = await engines.clients.sns.send(new ListSubscriptionsByTopicCommand({ TopicArn: topicArn, NextToken }));
    found.push(...(page.Subscriptions ?? []));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return found;
}
