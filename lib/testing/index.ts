export type { Plain, Row } from './attribute-values.ts';
export { ExpectationError, TestingError, UnsupportedError } from './errors.ts';
export * from './expectations.ts';
export type { OnStatement } from './memory-dynamodb.ts';
export type { DeadLetter, SentMessage } from './memory-queues.ts';
export type { TableKeys } from './memory-table.ts';
export type { LogLine, MetricLine } from './output.ts';
export {
  type ConsumerUnderTest,
  type RecordOutcome,
  type RunOptions,
  type RunResult,
  runHandler,
} from './run-handler.ts';
export { type BatchEntry, type MessageProps, receivedAgain, type SqsBatchProps, sqsBatch } from './sqs-batch.ts';
export { type AwsCall, createWorld, type World, type WorldProps } from './world.ts';
