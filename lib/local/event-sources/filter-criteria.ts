/** A filter pattern uses something that is not part of Lambda's filter rules, or is not emulated. */
export class FilterPatternError extends Error {
  override name = 'FilterPatternError';
}

/** Whether a record may pass to the function. */
export type RecordFilter = (record: object) => boolean;

type Test = (value: unknown) => boolean;

/**
 * Lambda's event filtering for SQS: a record passes when one of the patterns matches it, or when there is none.
 *
 * Rules: equality of strings, numbers, booleans and null; `prefix`, `suffix`, `equals-ignore-case`, `wildcard`, `numeric`,
 * `exists`, `anything-but` (values, or one of the string rules), and `$or` over fields. The body is read as JSON where the
 * pattern for it is an object, and as plain text where it is a list of rules; a body of the other kind does not match
 * ("Control which events Lambda sends to your function", AWS Lambda Developer Guide).
 *
 * @throws FilterPatternError naming the rule that is not understood.
 */
export function compileFilters(patterns: readonly string[]): RecordFilter {
  const filters = patterns.map(compileSqsPattern);
  return (record) => filters.length === 0 || filters.some((matches) => matches(record));
}

function compileSqsPattern(text: string): RecordFilter {
  const pattern = parse(text);
  if (!isObject(pattern)) throw new FilterPatternError(`A filter pattern must be a JSON object: ${text}`);
  const matches = compileObject(pattern);
  const readsJson = 'body' in pattern && !Array.isArray(pattern.body);
  const readsText = 'body' in pattern && Array.isArray(pattern.body);
  return (record) => {
    const body = 'body' in record && typeof record.body === 'string' ? record.body : '';
    const json = readsJson || readsText ? parse(body) : undefined;
    const structured = typeof json === 'object' && json !== null;
    if (readsJson) return structured && matches({ ...record, body: json });
    return !(readsText && structured) && matches(record);
  };
}

/** All fields must match; `$or` is one more field, of which one alternative must. */
function compileObject(pattern: Record<string, unknown>): Test {
  const fields = Object.entries(pattern).map(([key, rule]): Test => {
    if (key === '$or') return compileAlternatives(rule);
    if (Array.isArray(rule)) {
      const test = compileRules(key, rule);
      return (value) => test(isObject(value) ? value[key] : undefined);
    }
    if (!isObject(rule))
      throw new FilterPatternError(`The rule for "${key}" must be a list or an object, not ${JSON.stringify(rule)}`);
    const test = compileObject(rule);
    return (value) => {
      const inner = isObject(value) ? value[key] : undefined;
      return Array.isArray(inner) ? inner.some(test) : test(inner);
    };
  });
  return (value) => fields.every((test) => test(value));
}

function compileAlternatives(alternatives: unknown): Test {
  if (!Array.isArray(alternatives) || !alternatives.every(isObject)) {
    throw new FilterPatternError(`"$or" must be a list of patterns, not ${JSON.stringify(alternatives)}`);
  }
  const tests = alternatives.map(compileObject);
  return (value) => tests.some((test) => test(value));
}

/** One of the rules must hold; of a list in the record, for one of its values. */
function compileRules(key: string, rules: unknown[]): Test {
  const tests = rules.map((rule) => compileRule(key, rule));
  return (value) => tests.some((test) => (Array.isArray(value) && value.length > 0 ? value.some(test) : test(value)));
}

function compileRule(key: string, rule: unknown): Test {
  if (!isObject(rule)) return (value) => value === rule;
  const [[name, operand] = ['', undefined], ...others] = Object.entries(rule);
  if (others.length > 0)
    throw new FilterPatternError(`A rule for "${key}" has more than one operator: ${JSON.stringify(rule)}`);
  switch (name) {
    case 'exists':
      // Only a leaf exists: an object does not (EventBridge, "Create event patterns").
      return (value) => (value !== undefined && !isObject(value)) === (operand === true);
    case 'numeric':
      return compileNumeric(key, operand);
    case 'anything-but':
      return compileAnythingBut(key, operand);
    default:
      return compileText(key, name, operand);
  }
}

function compileAnythingBut(key: string, operand: unknown): Test {
  const excluded = isObject(operand)
    ? [compileRule(key, operand)]
    : (Array.isArray(operand) ? operand : [operand]).map((value) => compileRule(key, value));
  return (value) => value !== undefined && !isObject(value) && !excluded.some((test) => test(value));
}

function compileText(key: string, name: string, operand: unknown): Test {
  const ignoringCase = isObject(operand) ? operand['equals-ignore-case'] : undefined;
  const expected = ignoringCase ?? operand;
  if (typeof expected !== 'string') throw unknownRule(key, { [name]: operand });
  const fold =
    ignoringCase === undefined && name !== 'equals-ignore-case'
      ? (text: string) => text
      : (text: string) => text.toLowerCase();
  const wanted = fold(expected);
  const over =
    (test: (text: string) => boolean): Test =>
    (value) =>
      typeof value === 'string' && test(fold(value));
  switch (name) {
    case 'prefix':
      return over((text) => text.startsWith(wanted));
    case 'suffix':
      return over((text) => text.endsWith(wanted));
    case 'equals-ignore-case':
      return over((text) => text === wanted);
    case 'wildcard': {
      const source = wanted.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
      const expression = new RegExp(`^${source.join('.*')}$`, 's');
      return over((text) => expression.test(text));
    }
    default:
      throw unknownRule(key, { [name]: operand });
  }
}

function compileNumeric(key: string, operand: unknown): Test {
  if (!Array.isArray(operand) || operand.length === 0 || operand.length % 2 !== 0)
    throw unknownRule(key, { numeric: operand });
  const comparisons: ((value: number) => boolean)[] = [];
  for (let at = 0; at < operand.length; at += 2) {
    const bound: unknown = operand[at + 1];
    if (typeof bound !== 'number') throw unknownRule(key, { numeric: operand });
    comparisons.push(compileComparison(key, operand[at], bound));
  }
  return (value) => typeof value === 'number' && comparisons.every((holds) => holds(value));
}

function compileComparison(key: string, operator: unknown, bound: number): (value: number) => boolean {
  switch (operator) {
    case '=':
      return (value) => value === bound;
    case '!=':
      return (value) => value !== bound;
    case '<':
      return (value) => value < bound;
    case '<=':
      return (value) => value <= bound;
    case '>':
      return (value) => value > bound;
    case '>=':
      return (value) => value >= bound;
    default:
      throw unknownRule(key, { numeric: [operator, bound] });
  }
}

function unknownRule(key: string, rule: unknown): FilterPatternError {
  return new FilterPatternError(`The rule for "${key}" is not one of Lambda's filter rules: ${JSON.stringify(rule)}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
