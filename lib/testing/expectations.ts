import { isDeepStrictEqual } from 'node:util';
import type { AnyContract } from '../contracts/contract.ts';
import { type Envelope, type EventOf, parseEvent } from '../contracts/envelope.ts';
import type { Outcome, ReturnReason } from '../runtime/batch/outcome.ts';
import { ExpectationError } from './errors.ts';
import type { RecordOutcome, RunResult } from './run-handler.ts';

/** One record of a batch: its event, the event's id, its message id, or its position counted from 0. */
export type Which = Pick<Envelope, 'id'> | string | number;

/** What an error has to be. */
export interface ErrorPattern {
  /** Its class, as its `name` says. @default any */
  name?: string;
  /** What its message has in it. @default anything */
  message?: string | RegExp;
}

type OfKind<Kind extends Outcome['kind']> = Extract<RecordOutcome, { kind: Kind }>;

/** Every record was handled now; or this one was. @throws ExpectationError that lists what became of all */
export function expectHandled(result: RunResult, which?: Which): void {
  expectEach(result, which, 'handled');
}

/** Every record, or this one, had been handled before: its handler did not run. @throws ExpectationError */
export function expectDuplicate(result: RunResult, which?: Which): void {
  expectEach(result, which, 'duplicate');
}

/** A record failed and goes back. @throws ExpectationError @returns its outcome, with the error and the delay in seconds */
export function expectRetried(result: RunResult, which: Which, error: ErrorPattern = {}): OfKind<'retry'> {
  const [outcome] = expectEach(result, which, 'retry');
  expectError(result, outcome!, error);
  return outcome!;
}

/** A record is in the DLQ. @throws ExpectationError @returns its outcome, with the error */
export function expectDeadLettered(result: RunResult, which: Which, error: ErrorPattern = {}): OfKind<'deadLettered'> {
  const [outcome] = expectEach(result, which, 'deadLettered');
  expectError(result, outcome!, error);
  return outcome!;
}

/** A record goes back unharmed. @throws ExpectationError @returns its outcome */
export function expectReturned(result: RunResult, which: Which, reason?: ReturnReason): OfKind<'returned'> {
  const [outcome] = expectEach(result, which, 'returned');
  if (reason !== undefined && outcome!.reason !== reason) fail(result, `returned because of '${reason}'`, outcome!);
  return outcome!;
}

/**
 * The run published exactly one event of this contract (and with this data, when it is given).
 * @throws ExpectationError that lists what was published; InvalidDataError when that breaks the contract
 * @returns the event
 */
export function expectPublished<C extends AnyContract>(
  result: Pick<RunResult, 'published'>,
  contract: C,
  data?: ReturnType<C['parse']>,
): EventOf<C> {
  const events = result.published
    .filter(({ type, dataschema }) => type === contract.type && dataschema === contract.dataschema)
    .map((event) => parseEvent(event, [contract]));
  const found = data === undefined ? events : events.filter((event) => isDeepStrictEqual(event.data, data));
  if (found.length === 1) return found[0]!;
  const wanted = `one '${contract.type}' version ${contract.version}${data === undefined ? '' : ` of ${JSON.stringify(data)}`}`;
  throw new ExpectationError(`Expected ${wanted} to be published, found ${found.length}. ${listed(result.published)}`);
}

/** The run published nothing; or nothing of this contract. @throws ExpectationError */
export function expectNothingPublished(result: Pick<RunResult, 'published'>, contract?: AnyContract): void {
  const found = result.published.filter(({ type }) => contract === undefined || type === contract.type);
  if (found.length > 0) {
    throw new ExpectationError(
      `Expected no ${contract ? `'${contract.type}'` : 'event'} to be published. ${listed(found)}`,
    );
  }
}

/** The sum of a metric over the run: of all its records, or of those of one event type. */
export function metricOf(result: Pick<RunResult, 'metrics'>, name: string, type?: string): number {
  return result.metrics
    .filter(({ dimensions }) => type === undefined || dimensions.type === type)
    .flatMap(({ values }) => values[name] ?? [])
    .reduce((sum, value) => sum + value, 0);
}

function expectEach<Kind extends Outcome['kind']>(
  result: RunResult,
  which: Which | undefined,
  kind: Kind,
): OfKind<Kind>[] {
  const chosen = which === undefined ? result.outcomes : [find(result, which)];
  for (const outcome of chosen) if (outcome.kind !== kind) fail(result, kind, outcome);
  return chosen as OfKind<Kind>[];
}

function find(result: RunResult, which: Which): RecordOutcome {
  const { outcomes } = result;
  const id = typeof which === 'object' ? which.id : which;
  const found =
    typeof id === 'number'
      ? outcomes[id]
      : outcomes.find(({ event, record }) => event?.id === id || record.messageId === id);
  if (found !== undefined) return found;
  throw new ExpectationError(`There is no record ${JSON.stringify(id)} in the batch.${table(result)}`);
}

function expectError(
  result: RunResult,
  outcome: OfKind<'retry' | 'deadLettered'>,
  { name, message }: ErrorPattern,
): void {
  const error = outcome.error instanceof Error ? outcome.error : new Error(String(outcome.error));
  const isNamed = name === undefined || error.name === name || error.constructor.name === name;
  const says =
    message === undefined ||
    (typeof message === 'string' ? error.message.includes(message) : message.test(error.message));
  if (!isNamed || !says)
    fail(result, `${outcome.kind} by ${name ?? 'an error'}${message ? ` saying ${message}` : ''}`, outcome);
}

function fail(result: RunResult, expected: string, outcome: RecordOutcome): never {
  const error = 'error' in outcome ? outcome.error : undefined;
  throw new ExpectationError(
    `Expected ${nameOf(outcome)} to be ${expected}, but it was ${describe(outcome)}.${table(result)}`,
    error === undefined ? undefined : { cause: error },
  );
}

function table({ outcomes }: RunResult): string {
  return `\nThe batch:\n${outcomes.map((one, position) => `  ${position}  ${nameOf(one)}: ${describe(one)}`).join('\n')}`;
}

function nameOf({ event, record }: RecordOutcome): string {
  return event ? `'${event.type}' ${event.id}` : `message ${record.messageId}`;
}

function describe(outcome: RecordOutcome): string {
  switch (outcome.kind) {
    case 'retry':
      return `retry in ${outcome.delaySeconds} s (${String(outcome.error)})`;
    case 'deadLettered':
      return `deadLettered (${String(outcome.error)})`;
    case 'returned':
      return `returned, ${outcome.reason}, in ${outcome.delaySeconds} s`;
    default:
      return outcome.kind;
  }
}

function listed(events: readonly Envelope[]): string {
  if (events.length === 0) return 'Nothing was published.';
  return `Published:\n${events.map(({ type, id, data }) => `  '${type}' ${id}: ${JSON.stringify(data)}`).join('\n')}`;
}
