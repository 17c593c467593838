/** The three states of an alarm. */
export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

/** A composite alarm's rule that cannot be read, or that names an alarm that is not there. */
export class CompositeRuleError extends Error {
  override name = 'CompositeRuleError';

  constructor(problem: string, rule: string) {
    super(`The composite alarm rule '${rule}' ${problem}.`);
  }
}

export type CompositeRule =
  | { kind: 'constant'; value: boolean }
  /** `alarm` is a name or an ARN. */
  | { kind: 'in-state'; state: AlarmState; alarm: string }
  | { kind: 'not'; rule: CompositeRule }
  | { kind: 'and' | 'or'; left: CompositeRule; right: CompositeRule };

const TOKEN = /\s*(?:([()])|"((?:[^"\\]|\\.)*)"|([^\s()"]+))/y;
const STATES: ReadonlySet<string> = new Set(['OK', 'ALARM', 'INSUFFICIENT_DATA']);
const MAXIMUM_DEPTH = 200;

interface Token {
  kind: 'symbol' | 'quoted' | 'word' | 'end';
  text: string;
}

/**
 * Reads a rule such as `ALARM("a") OR (ALARM("b") AND NOT OK("c"))`. NOT binds tighter than AND, AND tighter than OR; names
 * may be quoted or bare, and may be ARNs.
 * @throws CompositeRuleError that says what was expected.
 */
export function parseCompositeRule(text: string): CompositeRule {
  const tokens = tokensOf(text);
  let position = 0;
  let depth = 0;

  const peek = (): Token => tokens[position]!;
  const fail = (expected: string): never => {
    const { kind, text: found } = peek();
    throw new CompositeRuleError(
      `has ${kind === 'end' ? 'its end' : `'${found}'`} where ${expected} was expected`,
      text,
    );
  };
  const taken = (kind: Token['kind'], value: string): boolean => {
    const matches = peek().kind === kind && peek().text === value;
    if (matches) position++;
    return matches;
  };

  function either(): CompositeRule {
    let left = both();
    while (taken('word', 'OR')) left = { kind: 'or', left, right: both() };
    return left;
  }

  function both(): CompositeRule {
    let left = single();
    while (taken('word', 'AND')) left = { kind: 'and', left, right: single() };
    return left;
  }

  function single(): CompositeRule {
    if (++depth > MAXIMUM_DEPTH) {
      throw new CompositeRuleError(`is nested more than ${MAXIMUM_DEPTH} levels deep`, text);
    }
    const rule = operand();
    depth--;
    return rule;
  }

  function operand(): CompositeRule {
    if (taken('word', 'NOT')) return { kind: 'not', rule: single() };
    if (taken('word', 'TRUE')) return { kind: 'constant', value: true };
    if (taken('word', 'FALSE')) return { kind: 'constant', value: false };
    if (taken('symbol', '(')) {
      const inner = either();
      if (!taken('symbol', ')')) fail(`')'`);
      return inner;
    }
    const { kind, text: state } = peek();
    if (kind !== 'word' || !isState(state)) return fail('ALARM(...), OK(...), INSUFFICIENT_DATA(...), TRUE or FALSE');
    position++;
    if (!taken('symbol', '(')) fail(`'('`);
    const name = peek();
    if (name.kind !== 'quoted' && name.kind !== 'word') return fail('the name or ARN of an alarm');
    position++;
    if (!taken('symbol', ')')) fail(`')'`);
    return { kind: 'in-state', state, alarm: name.text };
  }

  const rule = either();
  if (peek().kind !== 'end') fail('AND, OR or the end');
  return rule;
}

/** Every alarm that a rule names, as the rule names it. */
export function alarmsIn(rule: CompositeRule): string[] {
  switch (rule.kind) {
    case 'constant':
      return [];
    case 'in-state':
      return [rule.alarm];
    case 'not':
      return alarmsIn(rule.rule);
    case 'and':
    case 'or':
      return [...alarmsIn(rule.left), ...alarmsIn(rule.right)];
  }
}

/** Whether the rule holds: the composite alarm is then in ALARM, otherwise in OK. */
export function holds(rule: CompositeRule, stateOf: (alarm: string) => AlarmState): boolean {
  switch (rule.kind) {
    case 'constant':
      return rule.value;
    case 'in-state':
      return stateOf(rule.alarm) === rule.state;
    case 'not':
      return !holds(rule.rule, stateOf);
    case 'and':
      return holds(rule.left, stateOf) && holds(rule.right, stateOf);
    case 'or':
      return holds(rule.left, stateOf) || holds(rule.right, stateOf);
  }
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const trimmed = text.trimEnd();
  let at = 0;
  while (at < trimmed.length) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(trimmed);
    if (!found) throw new CompositeRuleError(`has a quote without its end at position ${at + 1}`, text);
    const [, symbol, quoted, word] = found;
    if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol });
    else if (quoted !== undefined) tokens.push({ kind: 'quoted', text: quoted.replace(/\\(.)/g, '$1') });
    else tokens.push({ kind: 'word', text: word ?? '' });
    at = TOKEN.lastIndex;
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}

function isState(text: string): text is AlarmState {
  return STATES.has(text);
}
