import type { ReaderView } from '../../contracts/registry/reader-view.ts';
import type { DataReference, Judgement } from './judgement.ts';

/** What a reader's thread is started with. */
export interface ThreadSettings {
  /** The folder of the bundle. */
  directory: string;
  /** As Lambda has it. */
  handler: string;
  strict: boolean;
  /** The bucket of its claim check, where the template says so. */
  bucket?: string;
  /** Whether there is one whose name only a deployment knows. */
  bucketUnknown: boolean;
}

/** What the code of a consumer knows of how it reads; the rest of a view is in the template. */
export type VersionView = Pick<ReaderView, 'type' | 'version' | 'accepts' | 'partial' | 'schema'>;

/** A message to judge. */
export interface MessageToJudge {
  body: string;
  /** The JSON that the event refers to. */
  data?: string;
}

/** What is sent to a reader's thread. */
export interface JudgeRequest {
  message: MessageToJudge;
}

/** What became of a message, and which data it takes to say more. */
export type Judged = Judgement & { reference?: DataReference };

/** What a reader's thread answers: first one of the others, then `judged` per request. */
export type FromThread =
  | { kind: 'opened'; views: VersionView[]; problems: string[] }
  /** The function was not made by `consume`. */
  | { kind: 'foreign' }
  /** `at` is where in the sources, as far as the bundle's source map says so: `functions/billing/handler.ts:5:7`. */
  | { kind: 'failed'; message: string; at?: string }
  | { kind: 'judged'; judgement: Judged };
