import { isRecord } from '../intrinsics.ts';
import type { Metric } from '../resources.ts';
import { CloudWatchApiError, missingParameter, validationError } from './cloudwatch-api-error.ts';

/** The body of a request. */
export type Input = Record<string, unknown>;

/** A field as text; undefined when it is not set. */
export function textIn(input: Input, field: string): string | undefined {
  const value = input[field];
  if (value === undefined || value === null || typeof value === 'string') return value ?? undefined;
  throw wrong(field, value, 'a text');
}

export function requiredTextIn(input: Input, field: string): string {
  const value = textIn(input, field);
  if (value === undefined || value === '') throw missingParameter(field);
  return value;
}

/** A field that has one of a few values. */
export function choiceIn<Choice extends string>(
  input: Input,
  field: string,
  choices: readonly Choice[],
): Choice | undefined {
  const value = textIn(input, field);
  if (value === undefined) return undefined;
  const choice = choices.find((each) => each === value);
  if (choice !== undefined) return choice;
  const name = field.charAt(0).toLowerCase() + field.slice(1);
  throw validationError(
    `1 validation error detected: Value '${value}' at '${name}' failed to satisfy constraint: Member must satisfy enum value set: [${choices.join(', ')}]`,
  );
}

/** A field that is a whole number within bounds. */
export function numberIn(input: Input, field: string, low: number, high: number): number | undefined {
  const value = input[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value;
  throw wrong(field, value, `a whole number from ${low} to ${high}`);
}

/** A field that is a moment: ms since the epoch. On the wire it is a number of seconds. */
export function momentIn(input: Input, field: string): number | undefined {
  const value = input[field];
  if (value === undefined || value === null) return undefined;
  const ms = typeof value === 'number' ? value * 1000 : typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (Number.isFinite(ms)) return ms;
  throw wrong(field, value, 'a moment: seconds since the epoch');
}

export function requiredMomentIn(input: Input, field: string): number {
  const value = momentIn(input, field);
  if (value === undefined) throw missingParameter(field);
  return value;
}

/** A field that is a list of texts. */
export function textsIn(input: Input, field: string): string[] | undefined {
  const value = input[field];
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw wrong(field, value, 'a list of texts');
}

/** A field that is a list of objects; empty when it is not set. */
export function recordsIn(input: Input, field: string): Input[] {
  const value = input[field];
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every(isRecord)) return value;
  throw wrong(field, value, 'a list of objects');
}

/** A field that is a list of numbers; a number that JSON has no digits for is a text there. */
export function numbersIn(input: Input, field: string): number[] | undefined {
  const value = input[field];
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) return value.map(Number);
  throw wrong(field, value, 'a list of numbers');
}

/** The metric that `Namespace`, `MetricName` and `Dimensions` name. */
export function metricIn(input: Input, namespace = requiredTextIn(input, 'Namespace')): Metric {
  const dimensions = recordsIn(input, 'Dimensions').map((dimension) => [
    requiredTextIn(dimension, 'Name'),
    requiredTextIn(dimension, 'Value'),
  ]);
  return { namespace, name: requiredTextIn(input, 'MetricName'), dimensions: Object.fromEntries(dimensions) };
}

/** Dimensions as the API writes them. */
export function dimensionsOf({ dimensions }: Metric): { Name: string; Value: string }[] {
  return Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
}

/** One page of a list; the token is where the next one begins. */
export function pageOf<Item>(list: readonly Item[], size: number, token: string | undefined) {
  const from = token === undefined ? 0 : Number(token);
  if (!Number.isInteger(from) || from < 0) {
    const message = `The token ${token} was not given by this API.`;
    throw new CloudWatchApiError('InvalidNextToken', message);
  }
  const rest = list.length > from + size ? { NextToken: String(from + size) } : {};
  return { items: list.slice(from, from + size), rest };
}

/** Seconds since the epoch, as the wire has moments. */
export function seconds(ms: number): number {
  return ms / 1000;
}

function wrong(field: string, value: unknown, expected: string): CloudWatchApiError {
  return validationError(`${field} has to be ${expected}, and is ${JSON.stringify(value)}.`);
}
