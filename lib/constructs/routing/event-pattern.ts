/** What a pattern says about the types that it wants. */
export type EventPattern =
  /** `*`: every type. */
  | { readonly kind: 'every' }
  /** `order.*`: every type below, at any depth. */
  | { readonly kind: 'below'; readonly prefix: string }
  /** `*.placed`: every type that ends so. */
  | { readonly kind: 'above'; readonly suffix: string }
  /** `order.placed`: this type. */
  | { readonly kind: 'exactly'; readonly type: string };

const WORDS = '[a-z][a-z0-9-]*(?:\\.[a-z][a-z0-9-]*)*';
const EXACTLY = new RegExp(`^${WORDS}$`);
const BELOW = new RegExp(`^(${WORDS}\\.)\\*$`);
const ABOVE = new RegExp(`^\\*(\\.${WORDS})$`);

/** Reads a pattern; undefined when SNS has no rule that says the same. */
export function readPattern(text: string): EventPattern | undefined {
  if (text === '*') return { kind: 'every' };
  const below = BELOW.exec(text)?.[1];
  if (below !== undefined) return { kind: 'below', prefix: below };
  const above = ABOVE.exec(text)?.[1];
  if (above !== undefined) return { kind: 'above', suffix: above };
  return EXACTLY.test(text) ? { kind: 'exactly', type: text } : undefined;
}

/** Whether a pattern wants a type. `*` stands for one or more words, so `order.*` does not want `order` itself. */
export function wants(pattern: EventPattern, type: string): boolean {
  switch (pattern.kind) {
    case 'every':
      return true;
    case 'below':
      return type.startsWith(pattern.prefix);
    case 'above':
      return type.endsWith(pattern.suffix);
    case 'exactly':
      return type === pattern.type;
  }
}

/** The rule by which SNS says the same about the attribute `type`. */
export function conditionOf(pattern: EventPattern): string | Record<string, unknown> {
  switch (pattern.kind) {
    case 'every':
      return { exists: true };
    case 'below':
      return { prefix: pattern.prefix };
    case 'above':
      return { suffix: pattern.suffix };
    case 'exactly':
      return pattern.type;
  }
}

/**
 * What to write instead of a pattern that SNS cannot express: a sentence.
 * @param types those of the topic
 */
export function remedyFor(text: string, types: readonly string[]): string {
  if (text === '#') return "For every event, write '*'.";
  const below = /^([a-z0-9.-]+\.)#$/.exec(text)?.[1];
  if (below !== undefined) return `For every type below, write '${below}*'.`;
  const meant = types.filter((type) => meansType(text, type));
  const list = meant.length === 0 ? '' : ` (here ${meant.map((type) => `'${type}'`).join(', ')})`;
  return `SNS compares beginnings and ends of a type: write 'order.*', '*.placed' or '*', or list the events${list}.`;
}

/** What somebody who knows patterns from elsewhere may have meant. */
function meansType(text: string, type: string): boolean {
  if (!/[*#]/.test(text)) return false;
  const expression = text.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/[*#]+/g, '.*');
  return new RegExp(`^${expression}$`).test(type);
}
