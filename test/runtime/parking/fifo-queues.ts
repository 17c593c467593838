import type { Message, SendMessageBatchRequestEntry, SQSClient } from '@aws-sdk/client-sqs';
import type { Sqs } from '../../../lib/runtime/aws/clients.ts';

/** Who makes a call. */
export type Who = 'consumer' | 'operator';

interface Stored {
  id: string;
  body: string;
  group: string;
  deduplication: string;
  attributes: Message['MessageAttributes'];
  receives: number;
  visibleAt: number;
  receipt: string;
}

const DEDUPLICATION_MS = 5 * 60_000;

/**
 * FIFO queues as AWS has them and the engine has not: one receive gives several messages of a group, receipts end with
 * their visibility, and time passes when a test says so. Queues are made when they are first named.
 */
export class FifoQueues {
  /** Milliseconds. */
  now = 1_700_000_000_000;
  /** How long a receive hides messages when it does not say, in milliseconds. */
  visibilityMs = 30_000;
  /** Told of every call before it is made; what it throws, the call ends with. */
  before: (who: Who) => void | Promise<void> = () => undefined;
  /** Told of every call after it was made; what it throws, the caller gets instead of the answer. */
  after: (who: Who) => void = () => undefined;
  #queues = new Map<string, { messages: Stored[]; sent: Map<string, number> }>();
  #numbers = 0;

  /** For the runtime. */
  readonly lean = {
    call: (operation: string, input: object) => this.#call('consumer', operation, input),
  } as unknown as Sqs;
  /** For an operator; its calls can go wrong, too. */
  readonly sdk = {
    send: ({ constructor: { name }, input }: { constructor: { name: string }; input: object }) =>
      this.#call('operator', name.replace(/Command$/, ''), input),
  } as unknown as SQSClient;

  /** Sends without anybody being told. */
  put(url: string, group: string, body: string): void {
    this.#send(url, {
      Id: '',
      MessageBody: body,
      MessageGroupId: group,
      MessageDeduplicationId: `put-${++this.#numbers}`,
    });
  }

  /** Receives without anybody being told. */
  take(url: string, most: number): Message[] {
    return this.#receive(url, most, this.visibilityMs);
  }

  /** Deletes without anybody being told. */
  acknowledge(url: string, receipt: string): void {
    const { messages } = this.#queue(url);
    const position = messages.findIndex((message) => message.receipt === receipt && message.visibleAt > this.now);
    if (position >= 0) messages.splice(position, 1);
  }

  /** Makes messages visible again. */
  giveBack(url: string, receipts: readonly string[]): void {
    for (const message of this.#queue(url).messages)
      if (receipts.includes(message.receipt)) message.visibleAt = this.now;
  }

  /** The bodies of all messages, in order, hidden or not. */
  bodies(url: string): string[] {
    return this.#queue(url).messages.map(({ body }) => body);
  }

  async #call(who: Who, operation: string, input: object): Promise<object> {
    await this.before(who);
    const answer = this.#act(operation, input as Record<string, never>);
    this.after(who);
    return answer;
  }

  // biome-ignore lint/suspicious/noExplicitAny: each operation has an input of its own
  #act(operation: string, input: Record<string, any>): object {
    const url: string = input.QueueUrl;
    switch (operation) {
      case 'SendMessage':
        this.#send(url, input as SendMessageBatchRequestEntry);
        return {};
      case 'SendMessageBatch':
        for (const entry of input.Entries) this.#send(url, entry);
        return {};
      case 'ReceiveMessage':
        return { Messages: this.#receive(url, input.MaxNumberOfMessages, input.VisibilityTimeout * 1_000) };
      case 'DeleteMessage': {
        const { length } = this.bodies(url);
        this.acknowledge(url, input.ReceiptHandle);
        if (this.bodies(url).length === length) throw new Error('ReceiptHandleIsInvalid');
        return {};
      }
      case 'ChangeMessageVisibilityBatch':
        this.giveBack(
          url,
          (input.Entries as { ReceiptHandle: string }[]).map((entry) => entry.ReceiptHandle),
        );
        return {};
      case 'GetQueueAttributes': {
        const hidden = this.#queue(url).messages.filter(({ visibleAt }) => visibleAt > this.now).length;
        return { Attributes: { QueueArn: url, ApproximateNumberOfMessagesNotVisible: String(hidden) } };
      }
      default:
        throw new Error(`The model knows no ${operation}.`);
    }
  }

  #queue(url: string) {
    let queue = this.#queues.get(url);
    if (queue === undefined) {
      queue = { messages: [], sent: new Map() };
      this.#queues.set(url, queue);
    }
    return queue;
  }

  #send(url: string, entry: SendMessageBatchRequestEntry): void {
    const queue = this.#queue(url);
    const deduplication = `${entry.MessageGroupId}/${entry.MessageDeduplicationId}`;
    if ((queue.sent.get(deduplication) ?? 0) > this.now - DEDUPLICATION_MS) return;
    queue.sent.set(deduplication, this.now);
    queue.messages.push({
      id: `message-${++this.#numbers}`,
      body: entry.MessageBody!,
      group: entry.MessageGroupId!,
      deduplication: entry.MessageDeduplicationId!,
      attributes: entry.MessageAttributes,
      receives: 0,
      visibleAt: 0,
      receipt: '',
    });
  }

  #receive(url: string, most: number, visibilityMs: number): Message[] {
    const { messages } = this.#queue(url);
    const locked = new Set(messages.filter(({ visibleAt }) => visibleAt > this.now).map(({ group }) => group));
    const given = messages.filter(({ group }) => !locked.has(group)).slice(0, most);
    return given.map((message) => {
      message.receives++;
      message.visibleAt = this.now + visibilityMs;
      message.receipt = `receipt-${++this.#numbers}`;
      return {
        MessageId: message.id,
        ReceiptHandle: message.receipt,
        Body: message.body,
        MessageAttributes: message.attributes,
        Attributes: {
          MessageGroupId: message.group,
          MessageDeduplicationId: message.deduplication,
          ApproximateReceiveCount: String(message.receives),
        },
      } as Message;
    });
  }
}
