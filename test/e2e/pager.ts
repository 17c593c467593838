import { SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import type { LocalCloud } from '../../lib/local/cloud.ts';

/** Subscribes a queue to an on-call topic, as a pager would be; returns the queue's URL. */
export async function subscribePager({ engines, resources }: LocalCloud, path: string): Promise<string> {
  const { sqs, sns } = engines.clients;
  const topic = resources.topics.find((one) => one.path.includes(path))!;
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: `pager-${path.replace('/', '-')}` }));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: QueueUrl!, AttributeNames: ['QueueArn'] }),
  );
  await sns.send(
    new SubscribeCommand({
      TopicArn: topic.arn,
      Protocol: 'sqs',
      Endpoint: Attributes!.QueueArn!,
      Attributes: { RawMessageDelivery: 'true' },
    }),
  );
  return QueueUrl!;
}
