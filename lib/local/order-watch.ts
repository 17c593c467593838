import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { Invocable } from './event-sources/event-source.ts';

/**
 * Watches the order inside message groups: the check that FIFO really is first in, first out. A record that is
 * acknowledged while an earlier one of its group is still open has overtaken it. Sequence numbers are SQS's own.
 */
export class OrderWatch {
  /** Sequence numbers that were delivered and are not acknowledged yet, by queue and group. */
  readonly #open = new Map<string, Set<string>>();
  readonly #acknowledged = new Set<string>();
  #overtaken = 0;

  /** How many records have overtaken an earlier one of their group. */
  get overtaken(): number {
    return this.#overtaken;
  }

  /** The same function, watched. */
  watching(fn: Invocable): Invocable {
    return {
      concurrency: fn.concurrency,
      invoke: async (payload) => {
        this.delivered(payload as SQSEvent);
        const result = await fn.invoke(payload);
        this.ended(
          payload as SQSEvent,
          result.status === 'succeeded' ? (result.payload as SQSBatchResponse) : undefined,
        );
        return result;
      },
    };
  }

  /** Takes note of what is about to be delivered. */
  delivered(event: SQSEvent): void {
    for (const { group, sequence } of positions(event)) {
      if (this.#acknowledged.has(`${group} ${sequence}`)) continue;
      this.#open.set(group, (this.#open.get(group) ?? new Set()).add(sequence));
    }
  }

  /** Takes note of how a delivery ended; without a response nothing was acknowledged. */
  ended(event: SQSEvent, response: SQSBatchResponse | undefined): void {
    if (response === undefined) return;
    const failed = new Set(response.batchItemFailures.map((failure) => failure.itemIdentifier));
    for (const { group, sequence, messageId } of positions(event)) {
      const open = this.#open.get(group);
      if (failed.has(messageId) || !open?.has(sequence)) continue;
      // Sequence numbers are of one length, so that text order is their order (source: Amazon SQS developer guide).
      if ([...open].some((other) => other < sequence)) this.#overtaken++;
      open.delete(sequence);
      if (open.size === 0) this.#open.delete(group);
      this.#acknowledged.add(`${group} ${sequence}`);
    }
  }
}

function positions(event: SQSEvent): { group: string; sequence: string; messageId: string }[] {
  return event.Records.flatMap(({ messageId, eventSourceARN, attributes }) =>
    attributes.MessageGroupId === undefined || attributes.SequenceNumber === undefined
      ? []
      : [{ group: `${eventSourceARN} ${attributes.MessageGroupId}`, sequence: attributes.SequenceNumber, messageId }],
  );
}
