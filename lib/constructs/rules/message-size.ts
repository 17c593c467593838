import { type AppFacts, type Fact, referred, safetyNetOf } from './app-facts.ts';
import type { Finding } from './finding.ts';
import { numberIn } from './template-values.ts';
import { pathOf } from './unsafe-app-error.ts';

/** What is taken when nothing is said, in bytes (source: MaximumMessageSize in the API references of SNS and SQS). */
const TOPIC_DEFAULT = 262_144;
const QUEUE_DEFAULT = 1_048_576;

/** What a topic takes and the queue behind it does not, is published and never arrives. */
export function* messageSize({ byType, byPath }: AppFacts): Generator<Finding> {
  for (const subscription of byType.get('AWS::SNS::Subscription') ?? []) {
    const { properties } = subscription;
    const topic = referred(byPath, properties.TopicArn, 'AWS::SNS::Topic');
    const published = topic && bytesOf(topic, TOPIC_DEFAULT);
    if (topic === undefined || published === undefined) continue;
    const queue = referred(byPath, properties.Endpoint, 'AWS::SQS::Queue');
    for (const taker of [queue, safetyNetOf(subscription, byPath)?.deadLetterQueue]) {
      const taken = taker && bytesOf(taker, QUEUE_DEFAULT);
      if (taker === undefined || taken === undefined || taken >= published) continue;
      yield {
        rule: 'baton:message-size',
        severity: 'error',
        construct: taker.construct,
        problem: `It takes messages of ${taken} bytes, and ${pathOf(topic.construct)}, which it is behind, takes ${published}: larger ones could not be delivered.`,
        remedy: `Raise its MaximumMessageSize to ${published}, or lower that of the topic.`,
      };
    }
  }
}

function bytesOf({ properties }: Fact, otherwise: number): number | undefined {
  return properties.MaximumMessageSize === undefined ? otherwise : numberIn(properties.MaximumMessageSize);
}
