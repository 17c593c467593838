import type { BuildAppOptions } from 'fauxqs';
import { isRecord } from '../intrinsics.ts';
import type { TopicObserver } from './topic-observer.ts';

type Stores = NonNullable<BuildAppOptions['stores']>;
type Queue = ReturnType<Stores['sqsStore']['createQueue']>;
type Subscription = NonNullable<ReturnType<Stores['snsStore']['subscribe']>>;
type Spy = NonNullable<Stores['snsStore']['spy']>;

/** A publish that is under way. */
interface Publish {
  topicArn: string;
  hasAttributes: boolean;
  /** The subscription that is looked at, until it is known what became of the message. */
  pending: Subscription | undefined;
}

/**
 * Lets an observer see what topics do, and gives functions that are subscribed what their subscriptions let through, which
 * fauxqs 2.4.1 does not.
 *
 * For every message that fauxqs publishes, it tells its spy, then asks the store for each subscription, and for the queue of
 * those that the message passes to, all in one go. So a subscription that is followed by no queue has filtered the message
 * out; and in place of a queue that is not there, the dead-letter queue of the subscription can take the message.
 */
export function observeTopics({ snsStore, sqsStore }: Stores, observerNow: () => TopicObserver | undefined): void {
  let publish: Publish | undefined;

  const settle = () => {
    if (publish?.pending === undefined) return;
    const { topicArn, hasAttributes, pending } = publish;
    publish.pending = undefined;
    // Passed over for another reason: its protocol has nothing here that it could be delivered by.
    if (!['sqs', 'lambda'].includes(pending.protocol)) return;
    observerNow()?.filteredOut(topicArn, { withoutAttributes: !hasAttributes });
  };
  const end = () => {
    settle();
    publish = undefined;
  };

  const getSubscription = snsStore.getSubscription.bind(snsStore);
  const getQueueByArn = sqsStore.getQueueByArn.bind(sqsStore);

  const addMessage: Spy['addMessage'] = (message) => {
    const observer = observerNow();
    if (observer === undefined || message.service !== 'sns') return;
    settle();
    // Nothing of a publish outlives the turn of the event loop that it began in.
    if (publish === undefined) queueMicrotask(end);
    const { topicArn, body, messageAttributes } = message;
    const attributes = Object.entries(messageAttributes);
    publish = { topicArn, hasAttributes: attributes.length > 0, pending: undefined };
    let bytes = Buffer.byteLength(body);
    for (const [name, { DataType, StringValue, BinaryValue }] of attributes) {
      for (const part of [name, DataType, StringValue, BinaryValue]) bytes += Buffer.byteLength(part ?? '');
    }
    observer.published(topicArn, bytes);
  };
  snsStore.spy = { addMessage } as Spy;

  snsStore.getSubscription = (arn) => {
    const subscription = getSubscription(arn);
    if (publish === undefined || subscription === undefined) return subscription;
    settle();
    publish.pending = subscription;
    return subscription.protocol === 'lambda' ? asQueueSubscription(subscription) : subscription;
  };

  sqsStore.getQueueByArn = (arn) => {
    const queue = getQueueByArn(arn);
    const observer = observerNow();
    if (publish?.pending === undefined || observer === undefined) return queue;
    const { topicArn, pending } = publish;
    publish.pending = undefined;
    const redrive = (): Queue | undefined => {
      const deadLetterArn = deadLetterArnOf(pending);
      const deadLetters = deadLetterArn === undefined ? undefined : getQueueByArn(deadLetterArn);
      observer.failed(topicArn, { redriven: deadLetterArn === undefined ? undefined : deadLetters !== undefined });
      return deadLetters;
    };
    if (pending.protocol === 'lambda') {
      const enqueue: Queue['enqueue'] = (message) => {
        const { arn: subscriptionArn, endpoint } = pending;
        if (observer.notify({ subscriptionArn, endpoint, envelope: message.body })) observer.delivered(topicArn);
        else redrive()?.enqueue(message);
      };
      return { isFifo: () => false, enqueue } as Queue;
    }
    if (queue === undefined) return redrive();
    observer.delivered(topicArn);
    return queue;
  };
}

/** How the subscription of a function has to look for its filter policy to be applied, and its message to be made. */
function asQueueSubscription(subscription: Subscription): Subscription {
  return Object.create(subscription, {
    protocol: { value: 'sqs' },
    confirmed: { value: true },
    attributes: { value: { ...subscription.attributes, RawMessageDelivery: 'false' } },
    parsedFilterPolicy: {
      get: () => subscription.parsedFilterPolicy,
      set: (policy: Subscription['parsedFilterPolicy']) => {
        subscription.parsedFilterPolicy = policy;
      },
    },
  }) as Subscription;
}

function deadLetterArnOf({ attributes: { RedrivePolicy: policy } }: Subscription): string | undefined {
  try {
    const parsed: unknown = JSON.parse(policy ?? '{}');
    return isRecord(parsed) && typeof parsed.deadLetterTargetArn === 'string' ? parsed.deadLetterTargetArn : undefined;
  } catch {
    return undefined;
  }
}
