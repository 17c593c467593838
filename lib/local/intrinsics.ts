/** What the intrinsic functions of one stack may ask for. Whatever answers `undefined` is not there. */
export interface Scope {
  /** The name of the stack, for messages. */
  stack: string;
  /** A parameter, a pseudo parameter (but `AWS::NoValue`), or what `Ref` of a resource gives. */
  ref(name: string): unknown;
  getAtt(logicalId: string, attribute: string): unknown;
  importValue(exportName: string): unknown;
  /** An output of another stack. */
  stackOutput(stackName: string, outputName: string): unknown;
  mapping(map: string, topKey: string, secondKey: string): unknown;
  /** Whether a condition of the template holds. */
  condition(name: string): boolean | undefined;
  availabilityZones(region: string): string[];
}

/** Where a value stands in its template, for messages. */
export interface Place {
  logicalId: string;
  /** `Properties.Environment.Variables.QUEUE_URL` */
  path: string;
}

/** An intrinsic function that cannot be resolved here; the message names stack, logical id and property path. */
export class UnresolvedError extends Error {
  override name = 'UnresolvedError';
  readonly stackName: string;
  readonly logicalId: string;
  readonly path: string;

  constructor(stackName: string, { logicalId, path }: Place, problem: string) {
    super(`Stack ${stackName}, ${logicalId}${path === '' ? '' : `, ${path}`}: ${problem}`);
    this.stackName = stackName;
    this.logicalId = logicalId;
    this.path = path;
  }
}

/**
 * Resolves every intrinsic function of a template value; what has none comes back equal. A property whose value is
 * `AWS::NoValue` disappears, and so does such an element of a list.
 * @throws UnresolvedError
 */
export function resolve(value: unknown, scope: Scope, place: Place): unknown {
  if (Array.isArray(value)) {
    return value
      .map((item, index) => resolve(item, scope, at(place, `[${index}]`)))
      .filter((item) => item !== undefined);
  }
  if (!isRecord(value)) return value;
  const called = callOf(value);
  if (called !== undefined) {
    const [name, argument] = called;
    const run = FUNCTIONS[name];
    if (run === undefined) throw new UnresolvedError(scope.stack, place, `${name} is not known to the local cloud.`);
    return run(new Call(name, scope, at(place, name)), argument);
  }
  const resolved: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const result = resolve(item, scope, at(place, key));
    if (result !== undefined) resolved[key] = result;
  }
  return resolved;
}

/**
 * Whether a condition expression of a template holds.
 * @throws UnresolvedError
 */
export function holds(expression: unknown, scope: Scope, place: Place): boolean {
  const named = isRecord(expression) && Object.keys(expression).length === 1 ? expression.Condition : undefined;
  if (typeof named === 'string') return new Call('Condition', scope, place).condition(named);
  const result = resolve(expression, scope, place);
  if (typeof result === 'boolean') return result;
  throw new UnresolvedError(scope.stack, place, `a condition has to be true or false, and is ${json(result)}.`);
}

/** The intrinsic function that an object stands for, with its argument; undefined when it is a plain object. */
export function callOf(value: Record<string, unknown>): [name: string, argument: unknown] | undefined {
  const entries = Object.entries(value);
  const first = entries[0];
  return entries.length === 1 && first && (first[0] === 'Ref' || first[0].startsWith('Fn::')) ? first : undefined;
}

/** Which of its two values an `Fn::If` takes. */
export function branchOf(argument: unknown, scope: Scope, place: Place): unknown {
  if (!Array.isArray(argument) || argument.length !== 3 || typeof argument[0] !== 'string') {
    throw new UnresolvedError(scope.stack, place, 'it takes [condition name, value if true, value if false].');
  }
  return new Call('Fn::If', scope, place).condition(argument[0]) ? argument[1] : argument[2];
}

/** The parts of an `Fn::Sub` text: literal text, and the names in `${...}`. `${!name}` is literal `${name}`. */
export function partsOf(text: string): ({ literal: string } | { name: string })[] {
  const parts: ({ literal: string } | { name: string })[] = [];
  let end = 0;
  for (const match of text.matchAll(/\$\{(!?)([^}]*)\}/g)) {
    if (match.index > end) parts.push({ literal: text.slice(end, match.index) });
    parts.push(match[1] === '!' ? { literal: `\${${match[2]}}` } : { name: match[2]!.trim() });
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push({ literal: text.slice(end) });
  return parts;
}

/** A logical id and attribute from both forms of `Fn::GetAtt`: `[id, attribute]` and `id.attribute`. */
export function attributeOf(argument: unknown): [logicalId: string, attribute: unknown] | undefined {
  if (Array.isArray(argument) && argument.length >= 2 && typeof argument[0] === 'string') {
    return [argument[0], argument.length === 2 ? argument[1] : argument.slice(1).join('.')];
  }
  if (typeof argument !== 'string') return undefined;
  const dot = argument.indexOf('.');
  return dot > 0 ? [argument.slice(0, dot), argument.slice(dot + 1)] : undefined;
}

/** The name in what `Fn::GetStackOutput` takes for a stack: its name, or its ARN. */
export function stackNameOf(reference: string): string {
  return reference.replace(/^arn:.*:stack\/([^/]+)(\/.*)?$/, '$1');
}

/** One use of a function: its name, its scope and its place, and checks that say what is wrong with its argument. */
class Call {
  readonly name: string;
  readonly scope: Scope;
  readonly place: Place;

  constructor(name: string, scope: Scope, place: Place) {
    this.name = name;
    this.scope = scope;
    this.place = place;
  }

  fail(problem: string): never {
    throw new UnresolvedError(this.scope.stack, this.place, problem);
  }

  resolve(value: unknown, path = ''): unknown {
    return resolve(value, this.scope, at(this.place, path));
  }

  text(value: unknown, what: string): string {
    const result = this.resolve(value);
    if (typeof result === 'string') return result;
    if (typeof result === 'number' || typeof result === 'boolean') return String(result);
    return this.fail(`${what} has to be text, and is ${json(result)}.`);
  }

  list(value: unknown, what: string): unknown[] {
    const result = this.resolve(value);
    return Array.isArray(result) ? result : this.fail(`${what} has to be a list, and is ${json(result)}.`);
  }

  tuple(value: unknown, length: number, what: string): unknown[] {
    return Array.isArray(value) && value.length === length ? value : this.fail(`it takes ${what}.`);
  }

  condition(name: string): boolean {
    return this.scope.condition(name) ?? this.fail(`the template has no condition '${name}'.`);
  }

  conditions(argument: unknown): boolean[] {
    if (!Array.isArray(argument) || argument.length === 0) return this.fail('it takes a list of conditions.');
    return argument.map((item, index) => holds(item, this.scope, at(this.place, `[${index}]`)));
  }

  /** What a name in `Ref` or `Fn::Sub` stands for. */
  ref(name: string): unknown {
    return this.scope.ref(name) ?? this.fail(`'${name}' is neither a parameter nor a resource that exists here.`);
  }

  getAtt(logicalId: string, attribute: string): unknown {
    const found = this.scope.getAtt(logicalId, attribute);
    return found ?? this.fail(`there is no attribute '${attribute}' of '${logicalId}', or no such resource here.`);
  }
}

const FUNCTIONS: Record<string, (call: Call, argument: unknown) => unknown> = {
  Ref(call, argument) {
    if (typeof argument !== 'string') return call.fail('it takes a name.');
    return argument === 'AWS::NoValue' ? undefined : call.ref(argument);
  },

  'Fn::GetAtt'(call, argument) {
    const [logicalId, attribute] =
      attributeOf(argument) ?? call.fail("it takes [logical id, attribute], or 'id.attribute'.");
    return call.getAtt(logicalId, call.text(attribute, 'the attribute'));
  },

  'Fn::Sub'(call, argument) {
    const [template, variables] = Array.isArray(argument) ? argument : [argument, {}];
    if (typeof template !== 'string' || !isRecord(variables)) return call.fail('it takes text, or [text, variables].');
    return partsOf(template)
      .map((part) => {
        if ('literal' in part) return part.literal;
        if (Object.hasOwn(variables, part.name)) return call.text(variables[part.name], `'${part.name}'`);
        const target = attributeOf(part.name);
        const value = target ? call.getAtt(target[0], String(target[1])) : call.ref(part.name);
        return call.text(value, `'${part.name}'`);
      })
      .join('');
  },

  'Fn::Join'(call, argument) {
    const [delimiter, items] = call.tuple(argument, 2, '[delimiter, values]');
    return call
      .list(items, 'the values')
      .map((item) => call.text(item, 'a value'))
      .join(call.text(delimiter, 'the delimiter'));
  },

  'Fn::Split'(call, argument) {
    const [delimiter, text] = call.tuple(argument, 2, '[delimiter, text]');
    return call.text(text, 'the text').split(call.text(delimiter, 'the delimiter'));
  },

  'Fn::Select'(call, argument) {
    const [index, items] = call.tuple(argument, 2, '[index, values]');
    const list = call.list(items, 'the values');
    const position = Number(call.text(index, 'the index'));
    return list[position] ?? call.fail(`there is no value ${position} in a list of ${list.length}.`);
  },

  'Fn::ImportValue'(call, argument) {
    const name = call.text(argument, 'the name of the export');
    return call.scope.importValue(name) ?? call.fail(`no stack of the assembly exports '${name}'.`);
  },

  'Fn::GetStackOutput'(call, argument) {
    if (!isRecord(argument)) return call.fail('it takes {StackName, OutputName}.');
    const stack = stackNameOf(call.text(argument.StackName, 'StackName'));
    const output = call.text(argument.OutputName, 'OutputName');
    return call.scope.stackOutput(stack, output) ?? call.fail(`there is no output '${output}' of a stack '${stack}'.`);
  },

  'Fn::FindInMap'(call, argument) {
    if (!Array.isArray(argument) || argument.length < 3) return call.fail('it takes [map, top key, second key].');
    const [map, top, second] = argument.slice(0, 3).map((key) => call.text(key, 'a key'));
    const found = call.scope.mapping(map!, top!, second!);
    if (found !== undefined) return found;
    const fallback: unknown = argument[3];
    if (isRecord(fallback) && 'DefaultValue' in fallback) return call.resolve(fallback.DefaultValue);
    return call.fail(`the mapping '${map}' has no '${top}', '${second}'.`);
  },

  'Fn::If': (call, argument) => call.resolve(branchOf(argument, call.scope, call.place)),

  'Fn::Equals'(call, argument) {
    const [left, right] = call.tuple(argument, 2, 'two values').map((value) => call.resolve(value));
    // A number of the template equals the text of it, as parameters are texts.
    return isRecord(left) || Array.isArray(left) ? json(left) === json(right) : String(left) === String(right);
  },

  'Fn::And': (call, argument) => call.conditions(argument).every(Boolean),
  'Fn::Or': (call, argument) => call.conditions(argument).some(Boolean),
  'Fn::Not': (call, argument) => !call.conditions(call.tuple(argument, 1, 'a list of one condition'))[0],
  'Fn::Base64': (call, argument) => Buffer.from(call.text(argument, 'it')).toString('base64'),
  'Fn::Length': (call, argument) => call.list(argument, 'it').length,
  'Fn::ToJsonString': (call, argument) => json(call.resolve(argument)),
  'Fn::GetAZs': (call, argument) => call.scope.availabilityZones(call.text(argument, 'the region')),
};

function at({ logicalId, path }: Place, step: string): Place {
  const dot = path === '' || step === '' || step.startsWith('[') ? '' : '.';
  return { logicalId, path: `${path}${dot}${step}` };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function json(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}
