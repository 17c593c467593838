import { CreateQueueCommand, SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { NAME_LIMITS, physicalName } from './physical-name.ts';
import {
  attributes,
  type Declared,
  type Deployment,
  flagOf,
  originOf,
  type ResourceType,
  tagsOf,
  textsOf,
} from './resource-type.ts';

/** What a queue has when its template says nothing (AWS::SQS::Queue), for one that said something before. */
const DEFAULTS: Record<string, string> = {
  DelaySeconds: '0',
  MaximumMessageSize: '1048576',
  MessageRetentionPeriod: '345600',
  ReceiveMessageWaitTimeSeconds: '0',
  VisibilityTimeout: '30',
  RedrivePolicy: '',
};
/** The engine takes these only when it creates a queue. */
const ONLY_AT_CREATION = ['FifoQueue', 'DeduplicationScope', 'FifoThroughputLimit'];

const NOT_ENCRYPTED = 'nothing is encrypted on the laptop';

/** AWS::SQS::Queue */
export const queue: ResourceType = {
  honoured: [
    'QueueName',
    'FifoQueue',
    'ContentBasedDeduplication',
    'DelaySeconds',
    'MaximumMessageSize',
    'ReceiveMessageWaitTimeSeconds',
    'RedrivePolicy',
    'VisibilityTimeout',
    'Tags',
  ],
  notHonoured: {
    MessageRetentionPeriod: 'messages do not expire here',
    RedriveAllowPolicy: 'kept, but any queue may dead-letter to any other here',
    DeduplicationScope: 'kept, but deduplication is per queue here',
    FifoThroughputLimit: 'kept, but there is no throughput limit here',
    KmsMasterKeyId: NOT_ENCRYPTED,
    KmsDataKeyReusePeriodSeconds: NOT_ENCRYPTED,
    SqsManagedSseEnabled: NOT_ENCRYPTED,
  },
  async provision(declared, deployment) {
    const { engines, resources } = deployment;
    const fifo = flagOf(declared, 'FifoQueue');
    const name =
      (declared.properties.QueueName as string | undefined) ??
      physicalName(declared.stack, declared.logicalId, NAME_LIMITS.queue, fifo ? '.fifo' : '');
    const wanted = attributesOf(declared);
    const url = deployment.existing.queues.has(name)
      ? await update(name, wanted, deployment)
      : await create(name, wanted, tagsOf(declared), deployment);
    const arn = `arn:aws:sqs:${engines.region}:${engines.accountId}:${name}`;
    const deadLetterArn = deadLetterTarget(wanted.RedrivePolicy);
    resources.queues.push({ ...originOf(declared), name, url, arn, fifo, ...(deadLetterArn && { deadLetterArn }) });
    return { ref: url, getAtt: attributes({ Arn: arn, QueueName: name, QueueUrl: url }) };
  },
};

/** AWS::SQS::QueuePolicy: the queue keeps it, nothing enforces it. */
export const queuePolicy: ResourceType = {
  honoured: ['Queues', 'PolicyDocument'],
  async provision(declared, { engines, notEmulated }) {
    const policy = JSON.stringify(declared.properties.PolicyDocument);
    await Promise.all(
      textsOf(declared, 'Queues').map((url) =>
        engines.clients.sqs.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { Policy: policy } })),
      ),
    );
    notEmulated(declared, 'permissions are not enforced on the laptop');
    const ref = physicalName(declared.stack, declared.logicalId, NAME_LIMITS.queue);
    return { ref, getAtt: attributes({ Id: ref }) };
  },
};

async function create(
  name: string,
  wanted: Record<string, string>,
  tags: Record<string, string>,
  { engines }: Deployment,
): Promise<string> {
  const { QueueUrl } = await engines.clients.sqs.send(
    new CreateQueueCommand({ QueueName: name, Attributes: wanted, tags }),
  );
  return QueueUrl ?? engines.queueUrl(name);
}

/** A queue that was there before keeps its messages and gets what the template says now, defaults included. */
async function update(name: string, wanted: Record<string, string>, { engines }: Deployment): Promise<string> {
  const url = engines.queueUrl(name);
  const changed = Object.fromEntries(
    Object.entries({ ...DEFAULTS, ...wanted }).filter(([attribute]) => !ONLY_AT_CREATION.includes(attribute)),
  );
  await engines.clients.sqs.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: changed }));
  return url;
}

function attributesOf({ properties }: Declared): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [property, value] of Object.entries(properties)) {
    if (property === 'QueueName' || property === 'Tags') continue;
    if (![...queue.honoured, ...Object.keys(queue.notHonoured!)].includes(property)) continue;
    // CDK writes FifoQueue only where it is true; CreateQueue refuses `false`.
    if (property === 'FifoQueue' && String(value) !== 'true') continue;
    result[property] = typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
  return result;
}

function deadLetterTarget(redrivePolicy: string | undefined): string | undefined {
  if (redrivePolicy === undefined) return undefined;
  const { deadLetterTargetArn } = JSON.parse(redrivePolicy) as { deadLetterTargetArn?: string };
  return deadLetterTargetArn;
}
