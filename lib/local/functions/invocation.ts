/** An error as Lambda reports it to a caller. */
export interface InvocationError {
  /** The class of what was thrown, or one of the runtime's own: `Runtime.ExitError`, `Runtime.OutOfMemory`, `Runtime.ImportModuleError`, ... */
  errorType: string;
  errorMessage: string;
  /** The lines of the stack, the handler's own frames only. */
  trace: string[];
}

/**
 * What ended an invocation: `Unhandled` (the handler threw, or rejected), `Timeout`, `OutOfMemory`, `Exit` (the
 * execution environment went away under the handler), `Init` (the code could not be loaded).
 */
export type FailureKind = 'Unhandled' | 'Timeout' | 'OutOfMemory' | 'Exit' | 'Init';

/** What came of one invocation. A function that fails is a value here, never a rejection. */
export type InvokeResult =
  | { status: 'succeeded'; requestId: string; payload: unknown; durationMs: number }
  | { status: 'failed'; requestId: string; kind: FailureKind; error: InvocationError; durationMs: number }
  | { status: 'throttled'; requestId: string; reason: string };

/** One finished invocation, for metrics: Lambda's `Invocations`, `Errors`, `Throttles` and `Duration` follow from it. */
export interface InvocationRecord {
  functionName: string;
  requestId: string;
  /** From the start of the handler to its end, in milliseconds; neither queueing nor the cold start is part of it. */
  durationMs: number;
  /** Absent when it succeeded. */
  error?: FailureKind;
  throttled?: true;
}

/** What a thread is told when it starts. */
export interface WorkerSettings {
  functionName: string;
  functionArn: string;
  memoryMb: number;
  logGroupName: string;
  logStreamName: string;
  codeDirectory: string;
  handler: string;
}

/** From the pool to the thread. Events travel as JSON texts, so that nothing reaches a handler that AWS could not deliver. */
export interface InvokeMessage {
  requestId: string;
  event: string;
  /** When the function times out, in milliseconds since the epoch. */
  deadline: number;
}

/** From the thread to the pool, over one port: what a handler writes arrives before its result does. */
export type WorkerMessage =
  | { type: 'ready' }
  | { type: 'initFailed'; error: InvocationError }
  | { type: 'output'; text: string }
  | { type: 'succeeded'; payload: string }
  /** `fatal`: the thread ends itself right after it. */
  | { type: 'failed'; error: InvocationError; fatal: boolean };
