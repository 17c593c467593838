import type { z } from 'zod';
import { zodReader } from './ask-zod.ts';
import { withChecks } from './checks.ts';
import type { Schema } from './definition.ts';
import { staysJson } from './json.ts';
import { leafReader, nativeReader } from './native.ts';
import { REFUSED, type Reader } from './reader.ts';

export { REFUSED, type Reader } from './reader.ts';

/** The version of zod whose rules are written down here. What another one reads is for that one to say. */
const ZOD = { major: 4, minor: 6 };

/** A schema made ready to be read with often. */
export interface Compiled {
  /**
   * Reads data that fits. {@link REFUSED} means that zod is to be asked: what is wrong, or, where only zod can tell (a
   * refinement throws, data is too deep for the stack), whether anything is. It throws nothing.
   */
  readonly read: Reader;
  /** Whether the schema is compiled. If not, `read` has zod read all of it. */
  readonly exact: boolean;
  /**
   * Whether the output is the input without what is not declared, and JSON can hold it: nothing is transformed, put in the
   * place of what is absent, or of a type that JSON does not know, and no union is read once more as something else. What `any` and `unknown` admit counts as given, refinements
   * as the checks they are meant to be.
   */
  readonly json: boolean;
}

/** How a schema is compiled. */
export interface CompileProps {
  /**
   * How often an object is read before code is generated for it: what is read a few times is not worth it. Where code must not
   * be generated it is done without.
   * @default 100 times; infinity means never
   */
  generateAfter?: number;
}

/**
 * Compiles a zod schema to functions that answer as zod does, but sooner. What zod alone knows how to read (a transform, say)
 * is left to zod, each such node for itself; so is a whole schema of another version of zod.
 *
 * In one thing it differs: data that one part of a schema refuses is not shown to the other parts, so that a refinement there
 * that throws is not heard of if a union has another option for that data.
 */
export function compile(schema: z.ZodType, { generateAfter = 100 }: CompileProps = {}): Compiled {
  const root = schema as unknown as Schema;
  const { reader, exact } = compileRoot(root, generateAfter);
  let json: boolean | undefined;
  return {
    exact,
    get json() {
      json ??= staysJson(root);
      return json;
    },
    read(data) {
      try {
        return reader(data);
      } catch {
        return REFUSED;
      }
    },
  };
}

function compileRoot(root: Schema, generateAfter: number): { reader: Reader; exact: boolean } {
  const { major, minor } = root._zod.version;
  if (major === ZOD.major && minor === ZOD.minor) {
    const known = new Map<Schema, Reader>();
    const native = (schema: Schema): Reader | undefined => {
      const leaf = leafReader(schema);
      if (leaf !== undefined) return leaf;
      const reader = nativeReader(schema, compileInner);
      return reader && withChecks(schema, reader);
    };
    const readerOf = (schema: Schema): Reader => {
      const reader = known.get(schema) ?? native(schema) ?? withChecks(schema, zodReader(schema));
      known.set(schema, reader);
      return reader;
    };
    const compileInner = Object.assign(readerOf, { generateAfter });
    try {
      const reader = native(root);
      if (reader !== undefined) return { reader, exact: true };
    } catch {
      // a schema that cannot be looked into: what zod does with it shows when data is read
    }
  }
  return { reader: withChecks(root, zodReader(root)), exact: false };
}
