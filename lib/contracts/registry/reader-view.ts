import type { JsonSchema } from '../compatibility/index.ts';

/** What a consumer of the pipeline reads of one type: what its code accepts, and the schema that it looks through. */
export interface ReaderView {
  /** The consumer, as in metrics and dead letters. */
  readonly consumer: string;
  /** The team that answers for it. */
  readonly owner: string;
  readonly kind: 'consumer' | 'commandQueue';
  readonly type: string;
  /** The version that its handler is written against. */
  readonly version: number;
  /** Every version that it can read, its own among them, newest first. */
  readonly accepts: readonly number[];
  /** Whether it reads only some fields: see `needs`. */
  readonly partial: boolean;
  /** Whether the filter of its subscription lets only these versions pass. */
  readonly pinned: boolean;
  /** What it reads its own version through, as `schemaDocument` writes it. */
  readonly schema: JsonSchema;
}
