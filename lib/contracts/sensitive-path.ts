/** A step of a path: the name of a property, or `[]` for every item of an array. */
export type Step = string;

/** What is read of a zod schema: its definition. Read as it is, so that zod itself need not be loaded here. */
interface Definition {
  type: string;
  innerType?: unknown;
  shape?: Record<string, unknown>;
  catchall?: unknown;
  element?: unknown;
  items?: readonly unknown[];
  rest?: unknown;
  options?: readonly unknown[];
  left?: unknown;
  right?: unknown;
  in?: unknown;
  out?: unknown;
  valueType?: unknown;
  getter?: () => unknown;
}

/** The steps of a path such as `lines[].note`; undefined when it is none. */
export function readPath(path: string): Step[] | undefined {
  if (!/^[^.[\]]+(\[\])*(\.[^.[\]]+(\[\])*)*$/.test(path)) return undefined;
  return path.replaceAll('[]', '.[]').split('.');
}

/** Whether data that fits a zod schema may have something there. */
export function hasPath(schema: unknown, steps: readonly Step[]): boolean {
  const [step, ...rest] = steps;
  const definition = definitionOf(schema);
  if (definition === undefined) return false;
  if (step === undefined) return definition.type !== 'never';
  switch (definition.type) {
    case 'object': {
      const field = Object.hasOwn(definition.shape!, step) ? definition.shape![step] : definition.catchall;
      return step !== '[]' && hasPath(field, rest);
    }
    case 'record':
      return step !== '[]' && hasPath(definition.valueType, rest);
    case 'array':
      return step === '[]' && hasPath(definition.element, rest);
    case 'tuple':
      return step === '[]' && [...definition.items!, definition.rest].some((item) => item && hasPath(item, rest));
    case 'union':
      return definition.options!.some((option) => hasPath(option, steps));
    case 'intersection':
      return hasPath(definition.left, steps) || hasPath(definition.right, steps);
    case 'pipe':
      return hasPath(definition.in, steps) || hasPath(definition.out, steps);
    case 'lazy':
      return hasPath(definition.getter!(), steps);
    case 'any':
    case 'unknown':
    case 'custom':
      return true;
    default:
      // optional, nullable, readonly, a default, ...: what they wrap has the path, or nothing does
      return definition.innerType !== undefined && hasPath(definition.innerType, steps);
  }
}

function definitionOf(schema: unknown): Definition | undefined {
  return (schema as { _zod?: { def: Definition } } | undefined)?._zod?.def;
}
