import type { Schema } from './definition.ts';

/** What a reader answers when data does not fit. */
export const REFUSED: unique symbol = Symbol('refused');

/** Reads data that fits: the value that zod would return, or {@link REFUSED}. */
export type Reader = (data: unknown) => unknown;

/** Makes the reader of an inner schema. */
export interface Compile {
  (schema: Schema): Reader;
  /** How often an object is read before code is generated for it. */
  readonly generateAfter: number;
}

/** Reads with one reader what another has read. */
export function inTurn(first: Reader, second: Reader): Reader {
  return (data) => {
    const value = first(data);
    return value === REFUSED ? REFUSED : second(value);
  };
}

/** Makes a reader when it is first used: of recursive schemas only as much is made as data is deep. */
export function deferred(make: () => Reader): Reader {
  let reader: Reader | undefined;
  return (data) => {
    reader ??= make();
    return reader(data);
  };
}
