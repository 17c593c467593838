import type { Context } from 'node:vm';
import { BadSchemaError } from './bad-schema-error.ts';
import type { JsonSchema } from './keywords.ts';
import type { Premise } from './premise.ts';
import { openDocument, type SchemaDocument, type SchemaNode } from './schema-document.ts';

/** How much work one comparison may be, in pairs of schemas and values that are looked at; a few seconds. */
export const STEP_LIMIT = 1_000_000;

/** How deep a comparison may go into schemas that refer to one another, in pairs. */
export const NESTING_LIMIT = 400;

/**
 * What is taken as never written beyond what a schema declares:
 * - `nothing`: whatever the schema allows may have been written
 * - `silent`: where a schema says nothing about undeclared properties, none were written
 * - `open`: nor were they where it allows them with `true`
 */
export type Undeclared = 'nothing' | 'silent' | 'open';

/** The state of one comparison of two schemas. */
export interface Engine {
  readonly undeclared: Undeclared;
  /** The schema by which was written what is read. */
  writer: SchemaDocument | undefined;
  /** Whether other schemas of the writer speak of what this one is for, too. */
  shared(node: SchemaNode): boolean;
  readonly premises: Map<string, Premise>;
  /** What is known of pairs; `lowest` is the outermost open pair that it rests on. */
  readonly known: Map<string, { result: boolean; lowest: number; level: number }>;
  /** The pairs that are being compared, taken to hold meanwhile by what is inside of them. */
  readonly open: Map<string, { depth: number; level: number }>;
  /** Pairs known only as long as an open pair holds. */
  readonly provisional: string[];
  readonly alike: Map<string, boolean>;
  /** What each schema says without those inside it, in one text. */
  readonly shapes: Map<SchemaNode, string>;
  /** The same, with annotations. */
  readonly exactShapes: Map<SchemaNode, string>;
  readonly enums: WeakMap<object, ReadonlySet<string>>;
  readonly patterns: Map<string, (text: string) => boolean | undefined>;
  /** How long was spent on matching patterns. */
  matchingMs: number;
  /** Where patterns are matched that may take long. */
  sandbox: Context | undefined;
  steps: number;
  depth: number;
  /** How many properties and items deep. */
  level: number;
  lowest: number;
  /** How many times a premise was split into cases to prove what is being proved. */
  splits: number;
  /** How many cases were looked at in all. */
  cases: number;
  nextId(): number;
  /** The schema that only one type fits. */
  typeNode(bits: number): SchemaNode;
  /** Whether whatever fits the premise fits the goal. False when it does not, and when it is not known. */
  included(premise: Premise, goal: SchemaNode): boolean;
}

export function createEngine(
  undeclared: Undeclared,
  included: (engine: Engine, premise: Premise, goal: SchemaNode) => boolean,
  shared: (engine: Engine, document: SchemaDocument) => ReadonlySet<JsonSchema>,
): Engine {
  let ids = 0;
  let sharedByWriter: ReadonlySet<JsonSchema> | undefined;
  const typeNodes = new Map<number, SchemaNode>();
  const engine: Engine = {
    undeclared,
    writer: undefined,
    shared(node) {
      sharedByWriter ??= shared(engine, engine.writer!);
      return sharedByWriter.has(node.schema);
    },
    premises: new Map(),
    known: new Map(),
    open: new Map(),
    provisional: [],
    alike: new Map(),
    shapes: new Map(),
    exactShapes: new Map(),
    enums: new WeakMap(),
    patterns: new Map(),
    matchingMs: 0,
    sandbox: undefined,
    steps: 0,
    depth: 0,
    level: 0,
    lowest: Number.POSITIVE_INFINITY,
    splits: 0,
    cases: 0,
    nextId: () => ids++,
    typeNode(bits) {
      let node = typeNodes.get(bits);
      if (node === undefined) {
        const schema: JsonSchema =
          bits === 64 ? { type: 'number', not: { type: 'integer' } } : { type: TYPE_OF[bits]! };
        node = openDocument(schema, 'a type', engine.nextId).root;
        typeNodes.set(bits, node);
      }
      return node;
    },
    included: (premise, goal) => included(engine, premise, goal),
  };
  return engine;
}

const TYPE_OF: Record<number, string> = {
  1: 'null',
  2: 'boolean',
  4: 'object',
  8: 'array',
  16: 'string',
  32: 'integer',
};

/** Counts a step. @throws BadSchemaError when the comparison becomes too much work */
export function spend(engine: Engine, steps = 1): void {
  engine.steps += steps;
  if (engine.steps > STEP_LIMIT) {
    throw new BadSchemaError(
      'The comparison',
      undefined,
      `it had to be given up after ${STEP_LIMIT} steps: the schemas combine too many alternatives. Split them, or combine less with anyOf, oneOf and allOf.`,
    );
  }
}

/** Runs something one pair deeper. @throws BadSchemaError when the schemas lead too deep */
export function deeper<Result>(engine: Engine, run: () => Result): Result {
  if (engine.depth >= NESTING_LIMIT) {
    throw new BadSchemaError(
      'The comparison',
      undefined,
      `it had to be given up ${NESTING_LIMIT} pairs of schemas deep: the schemas refer to one another in too many ways.`,
    );
  }
  engine.depth++;
  try {
    return run();
  } finally {
    engine.depth--;
  }
}

/** Whether whatever fits the premise fits the goal, of something inside the value at hand: a property, an item, a name. */
export function includedBelow(engine: Engine, premise: Premise, goal: SchemaNode): boolean {
  engine.level++;
  try {
    return engine.included(premise, goal);
  } finally {
    engine.level--;
  }
}
