import * as z from 'zod';

/**
 * Kinds of texts that zod knows by name and JSON Schema by an expression only. A document that an earlier release of zod made may
 * have another expression: then it counts as any other.
 */
const NAMED: Readonly<Record<string, z.ZodType>> = {
  time: z.iso.time(),
  cidrv4: z.cidrv4(),
  cidrv6: z.cidrv6(),
  mac: z.mac(),
  base64: z.base64(),
  base64url: z.base64url(),
  e164: z.e164(),
  ulid: z.ulid(),
  cuid: z.cuid(),
  cuid2: z.cuid2(),
  nanoid: z.nanoid(),
  xid: z.xid(),
  ksuid: z.ksuid(),
  emoji: z.emoji(),
  hostname: z.hostname(),
  guid: z.guid(),
};

const BY_PATTERN: ReadonlyMap<string, string> = new Map(
  Object.entries(NAMED).flatMap(([name, schema]) => {
    const pattern = patternOf(schema);
    return pattern === undefined ? [] : [[pattern, name] as const];
  }),
);

/** With these, every time begins that zod checks by an expression. */
const DAY = patternOf(z.iso.date())?.replace(/\$$/, '');

/** What kind of text an expression is known to stand for. */
export function nameOfPattern(pattern: string): string | undefined {
  return BY_PATTERN.get(pattern);
}

/** Whether an expression stands for a time of a day: with or without an offset, in any precision. */
export function isTimeOfDay(pattern: string): boolean {
  return DAY !== undefined && pattern !== `${DAY}$` && pattern.startsWith(DAY);
}

/** What code checks beyond a schema, as far as its `$comment` says that. */
export interface CheckedByCode {
  /** The kind of text: `jwt`. */
  readonly format: string | undefined;
  /** An expression whose flags JSON Schema does not know. */
  readonly expression: RegExp | undefined;
  /** What else the comment says. */
  readonly rest: string;
}

/** Reads the comments that registered documents have. */
export function checkedByCode(comment: unknown): CheckedByCode {
  const text = typeof comment === 'string' ? comment : '';
  const [sentence, format] = /Code checks that it is an? ([a-z0-9-]+)\.\s*/.exec(text) ?? [];
  const [, source, flags] = /Code checks that it matches \/(.+)\/([a-z]*)\./.exec(text) ?? [];
  return {
    format,
    expression: source === undefined ? undefined : expressionOf(source, flags!),
    rest: text.replace(sentence ?? '', '').trim(),
  };
}

function expressionOf(source: string, flags: string): RegExp | undefined {
  try {
    // one that goes on where it ended, or anywhere, judges the same text now so, now so
    return new RegExp(source, flags.replace(/[gy]/g, ''));
  } catch {
    return undefined;
  }
}

function patternOf(schema: z.ZodType): string | undefined {
  const { pattern } = z.toJSONSchema(schema);
  return typeof pattern === 'string' ? pattern : undefined;
}
