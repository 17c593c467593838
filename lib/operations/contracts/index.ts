export * from './data-fetcher.ts';
export * from './declared-contracts.ts';
export * from './deployment.ts';
export * from './errors.ts';
export * from './in-flight.ts';
export type { DataReference, Judgement, Verdict } from './judgement.ts';
export * from './pipeline.ts';
export * from './readers.ts';
export type { FetchData } from './referenced-data.ts';
