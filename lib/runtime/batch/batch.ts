import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { goesBack, type Outcome } from './outcome.ts';

/** What became of a batch. */
export interface BatchResult {
  outcomes: Map<SQSRecord, Outcome>;
  /** Names exactly the records that go back. */
  response: SQSBatchResponse;
}

/** Powertools' batch processor, with an {@link Outcome} for a verdict instead of an exception. */
class OutcomeProcessor extends BatchProcessor {
  readonly outcomes = new Map<SQSRecord, Outcome>();
  readonly #handle: (record: SQSRecord) => Promise<Outcome>;

  constructor(handle: (record: SQSRecord) => Promise<Outcome>) {
    super(EventType.SQS);
    this.#handle = handle;
  }

  override async processRecord(record: SQSRecord) {
    const outcome = await this.#handle(record);
    this.outcomes.set(record, outcome);
    return goesBack(outcome)
      ? this.failureHandler(record, new Error(outcome.kind))
      : this.successHandler(record, outcome);
  }
}

/**
 * Handles the records of a batch side by side.
 * @throws UnexpectedBatchTypeError when the event is none of SQS
 */
export async function processBatch(
  event: SQSEvent,
  handle: (record: SQSRecord) => Promise<Outcome>,
): Promise<BatchResult> {
  const processor = new OutcomeProcessor(handle);
  const response = await processPartialResponse(event, handle, processor, { throwOnFullBatchFailure: false });
  return { outcomes: processor.outcomes, response };
}
