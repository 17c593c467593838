import { type AppFacts, type Fact, referred, safetyNetOf } from './app-facts.ts';
import type { Finding } from './finding.ts';
import { pathOf } from './unsafe-app-error.ts';

/** Source: Amazon SNS developer guide, "Message delivery for FIFO topics" and "Amazon SNS dead-letter queues". */
export function* fifoSubscription({ byType, byPath }: AppFacts): Generator<Finding> {
  for (const subscription of byType.get('AWS::SNS::Subscription') ?? []) {
    const { construct, properties } = subscription;
    const topic = referred(byPath, properties.TopicArn, 'AWS::SNS::Topic');
    if (topic === undefined) continue;
    const finding = { rule: 'baton:fifo-subscription', severity: 'error', construct } as const;
    const queue = referred(byPath, properties.Endpoint, 'AWS::SQS::Queue');
    if (queue && isFifo(queue) && !isFifo(topic)) {
      yield {
        ...finding,
        problem: `It puts messages of ${pathOf(topic.construct)}, a standard topic, into ${pathOf(queue.construct)}, a FIFO queue; SNS refuses that.`,
        remedy: 'Make the topic FIFO as well, or the queue a standard one.',
      };
    }
    const undeliverable = safetyNetOf(subscription, byPath)?.deadLetterQueue;
    if (undeliverable && isFifo(undeliverable) !== isFifo(topic)) {
      yield {
        ...finding,
        problem: `Its dead-letter queue ${pathOf(undeliverable.construct)} is ${kindOf(undeliverable)}, and ${pathOf(topic.construct)} is ${kindOf(topic)}: what cannot be delivered would be lost.`,
        remedy: `Use a dead-letter queue of the kind of the topic, here ${kindOf(topic)}.`,
      };
    }
  }
}

function isFifo({ properties }: Fact): boolean {
  return properties.FifoQueue === true || properties.FifoTopic === true;
}

function kindOf(fact: Fact): string {
  return isFifo(fact) ? 'FIFO' : 'standard';
}
