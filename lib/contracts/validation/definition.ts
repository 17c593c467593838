/** What is read of a zod schema or check. Read as it is, so that zod itself need not be loaded here. */
export interface Schema {
  readonly _zod: Internals;
}

export interface Internals {
  readonly def: Definition;
  /** Names of the classes that it is an instance of. */
  readonly traits: ReadonlySet<string>;
  readonly version: { readonly major: number; readonly minor: number };
  /** Whether a property may be absent: `optional` leaves it out, `defaulted` puts something in its place. */
  readonly optin?: 'optional' | 'defaulted';
  readonly optout?: 'optional';
  /** The values that a literal or an enum admits. */
  readonly values?: ReadonlySet<unknown>;
  /** The values that each property of an object admits, where they can be listed. */
  readonly propValues?: Readonly<Record<string, ReadonlySet<unknown> | undefined>>;
  /** What a lazy schema stands for. */
  readonly innerType?: Schema;
  /** Reads without the checks. */
  parse(payload: Payload, context: { async: false }): Payload | Promise<Payload>;
  check(payload: Payload): unknown;
}

export interface Payload {
  value: unknown;
  issues: unknown[];
}

/** A definition of any type: which fields it has depends on `type`, or on `check`. */
export interface Definition {
  readonly type: string;
  readonly checks?: readonly Schema[];
  readonly coerce?: boolean;
  readonly innerType: Schema;
  readonly shape: Readonly<Record<string, Schema>>;
  readonly catchall?: Schema;
  readonly element: Schema;
  readonly items: readonly Schema[];
  readonly rest?: Schema | null;
  readonly options: readonly Schema[];
  readonly discriminator?: string;
  readonly unionFallback?: boolean;
  readonly left: Schema;
  readonly right: Schema;
  readonly in: Schema;
  readonly out: Schema;
  readonly transform?: unknown;
  readonly keyType: Schema;
  readonly valueType: Schema;
  readonly mode?: string;
  readonly partial?: boolean;
  readonly defaultValue?: unknown;

  readonly check?: string;
  readonly when?: (payload: Payload) => boolean;
  readonly fn?: unknown;
  readonly format?: string;
  readonly pattern?: RegExp;
  readonly includes: string;
  readonly position?: number;
  readonly prefix: string;
  readonly suffix: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly length?: number;
  readonly value: number;
  readonly inclusive?: boolean;
}

/** The checks of a schema, in the order in which zod runs them: a format is a schema and its own first check. */
export function checksOf(schema: Schema): readonly Schema[] {
  const { traits, def } = schema._zod;
  const checks = def.checks ?? [];
  return traits.has('$ZodCheck') ? [schema, ...checks] : checks;
}
