/** Is told of what topics do, as it happens. */
export interface TopicListener {
  /** A message was accepted. */
  published(topicArn: string, bytes: number): void;
  /** A subscription got a message. */
  delivered(topicArn: string): void;
  /** The filter policy of a subscription kept a message from it. */
  filteredOut(topicArn: string, details: { withoutAttributes: boolean }): void;
  /**
   * The endpoint of a subscription is not there. `redriven`: whether the message went to the dead-letter queue of the
   * subscription; undefined when it has none.
   */
  failed(topicArn: string, details: { redriven: boolean | undefined }): void;
}

/** A message for a function that is subscribed to a topic. */
export interface FunctionNotification {
  subscriptionArn: string;
  /** The ARN of the function, as the subscription has it. */
  endpoint: string;
  /** What a queue would get without raw delivery: `{"Type":"Notification", ...}`. */
  envelope: string;
}

/** Listens to topics, and takes what they have for functions. */
export interface TopicObserver extends TopicListener {
  /** False when there is no such function. */
  notify(notification: FunctionNotification): boolean;
}
