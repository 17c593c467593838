import { randomUUID } from 'node:crypto';
import type { FunctionResource } from '../resources.ts';
import { type ExecutionEnvironment, type Outcome, startExecutionEnvironment } from './execution-environment.ts';
import type { InvocationError, InvocationRecord, InvokeResult } from './invocation.ts';

/** A function's code cannot be loaded: the message says which file of which function, and why. */
export class FunctionLoadError extends Error {
  override name = 'FunctionLoadError';
  readonly reported: InvocationError;

  constructor(functionName: string, reported: InvocationError) {
    super(`Function ${functionName} does not start: ${reported.errorMessage}`);
    this.reported = reported;
  }
}

export interface FunctionOptions {
  /**
   * Variables for every function, such as `AWS_ENDPOINT_URL_SQS` and credentials; the template's win over them.
   * @default {}
   */
  environment?: Record<string, string>;
  /** Every line that the function writes, in order; before the result of the invocation that wrote it. */
  onLog?: (line: string, functionName: string) => void;
  /** Every invocation that ended. */
  onInvocation?: (record: InvocationRecord) => void;
  /**
   * How many execution environments there may be. A lower reserved concurrency of the function wins.
   * @default 10
   */
  concurrency?: number;
}

/** A Lambda function on this machine: a pool of execution environments, each a thread that runs one invocation at a time. */
export interface LambdaFunction {
  readonly name: string;
  /** The most invocations that run at a time. */
  readonly concurrency: number;
  /**
   * Runs the handler on `payload` (JSON). Where Lambda would throttle for lack of an execution environment, the invocation
   * waits for one, first come first served. Never rejects.
   */
  invoke(payload: unknown): Promise<InvokeResult>;
  /**
   * Starts execution environments until there are `count` (up to the concurrency), so that no cold start is left.
   * @throws FunctionLoadError
   */
  warm(count: number): Promise<void>;
  /** Takes up new code or configuration. Running invocations end on what they started with; the next ones have the new. */
  replaceCode(resource: FunctionResource): void;
  /** Ends a busy execution environment as a failing host would. False when none is busy. */
  killOne(): Promise<boolean>;
  /** Counts now. */
  stats(): { environments: number; busy: number; waiting: number };
  /** Ends every execution environment; what still runs or waits fails. */
  stop(): Promise<void>;
}

interface Member {
  environment: ExecutionEnvironment;
  generation: number;
  state: 'starting' | 'idle' | 'busy';
}

interface Waiting {
  requestId: string;
  event: string;
  resolve: (result: InvokeResult) => void;
}

/** A function of the local cloud. No thread is started before the first invocation or `warm`. */
export function createFunction(resource: FunctionResource, options: FunctionOptions = {}): LambdaFunction {
  const { environment = {}, concurrency: cap = 10 } = options;
  const members = new Set<Member>();
  const waiting: Waiting[] = [];
  let current = resource;
  let generation = 0;
  let stopped = false;

  const concurrency = (): number => Math.min(current.reservedConcurrency ?? cap, cap);
  const inState = (state: Member['state']): Member[] => [...members].filter((member) => member.state === state);

  const finish = (call: Waiting, outcome: Outcome, durationMs: number): void => {
    const { requestId } = call;
    options.onInvocation?.({
      functionName: current.name,
      requestId,
      durationMs,
      ...(outcome.ok ? {} : { error: outcome.kind }),
    });
    if (outcome.ok) {
      call.resolve({ status: 'succeeded', requestId, payload: outcome.payload, durationMs });
    } else {
      const { kind, error } = outcome;
      options.onLog?.(`ERROR Invoke Error ${JSON.stringify({ requestId, ...error })}`, current.name);
      call.resolve({ status: 'failed', requestId, kind, error, durationMs });
    }
  };

  const retire = (member: Member, reason: string): Promise<void> => {
    members.delete(member);
    return member.environment.terminate(reason);
  };

  const start = (): void => {
    const started = startExecutionEnvironment(current, environment, (line) => options.onLog?.(line, resource.name));
    const member: Member = { environment: started, generation, state: 'starting' };
    members.add(member);
    void started.gone.then(() => {
      members.delete(member);
      dispatch();
    });
    void started.ready.then((outcome) => {
      if (outcome.ok) {
        member.state = 'idle';
        dispatch();
        return;
      }
      members.delete(member);
      // Only code that is still the function's may answer for it.
      const call = member.generation === generation ? waiting.shift() : undefined;
      if (call !== undefined) finish(call, outcome, 0);
    });
  };

  const run = async (member: Member, call: Waiting): Promise<void> => {
    member.state = 'busy';
    const startedAt = performance.now();
    const outcome = await member.environment.run(call.requestId, call.event);
    member.state = 'idle';
    finish(call, outcome, performance.now() - startedAt);
    if (!member.environment.alive) members.delete(member);
    else if (member.generation !== generation) void retire(member, 'replaced');
    dispatch();
  };

  /** Gives waiting invocations to idle environments, and starts new ones for those left over. */
  const dispatch = (): void => {
    if (stopped) return;
    for (const member of inState('idle')) {
      if (!member.environment.alive) continue;
      const call = waiting.shift();
      if (call === undefined) return;
      void run(member, call);
    }
    let lacking = waiting.length - inState('starting').length;
    while (lacking-- > 0 && members.size < concurrency()) start();
  };

  return {
    name: resource.name,
    get concurrency() {
      return concurrency();
    },
    invoke(payload) {
      const requestId = randomUUID();
      if (stopped || concurrency() === 0) {
        const reason = stopped ? 'the function is stopped' : 'its reserved concurrency is 0';
        options.onInvocation?.({ functionName: current.name, requestId, durationMs: 0, throttled: true });
        return Promise.resolve({ status: 'throttled', requestId, reason });
      }
      const { promise, resolve } = Promise.withResolvers<InvokeResult>();
      waiting.push({ requestId, event: JSON.stringify(payload ?? null), resolve });
      dispatch();
      return promise;
    },
    async warm(count) {
      const missing = Math.min(count, concurrency()) - members.size;
      for (let left = missing; left > 0; left -= 1) start();
      const outcomes = await Promise.all([...members].map((member) => member.environment.ready));
      const failure = outcomes.find((outcome) => !outcome.ok);
      if (failure !== undefined && !failure.ok) throw new FunctionLoadError(current.name, failure.error);
    },
    replaceCode(next) {
      current = next;
      generation += 1;
      for (const member of members) if (member.state !== 'busy') void retire(member, 'replaced');
      dispatch();
    },
    async killOne() {
      const [victim] = inState('busy');
      if (victim === undefined) return false;
      await retire(victim, 'signal: killed');
      return true;
    },
    stats: () => ({ environments: members.size, busy: inState('busy').length, waiting: waiting.length }),
    async stop() {
      stopped = true;
      const error = { errorType: 'Runtime.ExitError', errorMessage: 'The function was stopped', trace: [] };
      for (const call of waiting.splice(0)) finish(call, { ok: false, kind: 'Exit', error }, 0);
      await Promise.all([...members].map((member) => retire(member, 'stopped')));
    },
  };
}
