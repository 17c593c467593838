import type { Assembly, AssemblyStack, Template, TemplateOutput } from '../assembly.ts';
import { holds, isRecord, resolve, type Scope } from '../intrinsics.ts';
import { stableUuid } from './physical-name.ts';
import { ProvisionError, type Provisioned } from './resource-type.ts';

/** A stack on its way into the local cloud. */
export interface StackContext {
  stack: AssemblyStack;
  /** The template, with this cloud's account and region where it names those it was synthesized for. */
  template: Template;
  scope: Scope;
  /** What is provisioned by now, by logical id. */
  provisioned: Map<string, Provisioned>;
  /** Finds an output of any stack by the name of its export. */
  exportedBy(name: string): OutputSite | undefined;
  /** Finds an output of any stack. */
  outputOf(stackName: string, outputName: string): OutputSite | undefined;
}

/** An output and the stack that has it. */
export interface OutputSite {
  context: StackContext;
  name: string;
  output: TemplateOutput;
}

export interface ScopeProps {
  region: string;
  accountId: string;
  /** Values of template parameters, over their defaults. */
  parameters: Record<string, string>;
}

/** Makes the contexts of all stacks of an assembly, which see each other's outputs. */
export function stackContexts(assembly: Assembly, props: ScopeProps): StackContext[] {
  const contexts: StackContext[] = [];
  const localize = localizer(assembly, props);
  let exports: Map<string, OutputSite> | undefined;
  for (const stack of assembly.stacks) {
    const template = localize(stack.template, stack) as Template;
    const provisioned = new Map<string, Provisioned>();
    const context: StackContext = {
      stack,
      template,
      provisioned,
      scope: scopeOf(stack, template, provisioned, props, {
        importValue: (name) => outputValue(context.exportedBy(name)),
        stackOutput: (stackName, output) => outputValue(context.outputOf(stackName, output)),
      }),
      exportedBy(name) {
        exports ??= exportsOf(contexts);
        return exports.get(name);
      },
      outputOf(stackName, name) {
        const owner = contexts.find((other) => other.stack.name === stackName);
        const output = owner?.template.Outputs[name];
        return owner && output && { context: owner, name, output };
      },
    };
    contexts.push(context);
  }
  return contexts;
}

/** The outputs of a stack whose conditions hold. */
export function outputsOf(context: StackContext): OutputSite[] {
  return Object.entries(context.template.Outputs)
    .filter(([, { Condition }]) => Condition === undefined || context.scope.condition(Condition) !== false)
    .map(([name, output]) => ({ context, name, output }));
}

/** What an output resolves to. */
export function outputValue(site: OutputSite | undefined): unknown {
  return site && resolve(site.output.Value, site.context.scope, { logicalId: 'Outputs', path: `${site.name}.Value` });
}

function exportsOf(contexts: StackContext[]): Map<string, OutputSite> {
  const found = new Map<string, OutputSite>();
  for (const site of contexts.flatMap(outputsOf)) {
    if (site.output.Export === undefined) continue;
    const place = { logicalId: 'Outputs', path: `${site.name}.Export.Name` };
    found.set(String(resolve(site.output.Export.Name, site.context.scope, place)), site);
  }
  return found;
}

function scopeOf(
  stack: AssemblyStack,
  template: Template,
  provisioned: Map<string, Provisioned>,
  { region, accountId, parameters }: ScopeProps,
  across: Pick<Scope, 'importValue' | 'stackOutput'>,
): Scope {
  const pseudo: Record<string, unknown> = {
    'AWS::AccountId': accountId,
    'AWS::Region': region,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': stack.name,
    'AWS::StackId': `arn:aws:cloudformation:${region}:${accountId}:stack/${stack.name}/${stableUuid(stack.name)}`,
    'AWS::NotificationARNs': [],
  };
  const conditions = new Map<string, boolean | undefined>();
  const scope: Scope = {
    stack: stack.name,
    ...across,
    ref(name) {
      if (Object.hasOwn(pseudo, name)) return pseudo[name];
      const parameter = template.Parameters[name];
      if (parameter === undefined) return provisioned.get(name)?.ref;
      const value = parameters[name] ?? parameter.Default;
      if (value === undefined) {
        throw new ProvisionError(`Stack ${stack.name}: the parameter ${name} has no default, and no value was given.`);
      }
      const list = parameter.Type === 'CommaDelimitedList' || /\bList</.test(parameter.Type);
      return list && typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value;
    },
    getAtt: (logicalId, attribute) => provisioned.get(logicalId)?.getAtt(attribute),
    mapping: (map, topKey, secondKey) => template.Mappings[map]?.[topKey]?.[secondKey],
    condition(name) {
      if (conditions.has(name)) return conditions.get(name);
      const expression = template.Conditions[name];
      if (expression === undefined) return undefined;
      // One that asks for itself finds nothing.
      conditions.set(name, undefined);
      const result = holds(expression, scope, { logicalId: 'Conditions', path: name });
      conditions.set(name, result);
      return result;
    },
    availabilityZones: (of) => ['a', 'b', 'c'].map((zone) => `${of || region}${zone}`),
  };
  return scope;
}

/**
 * A stack that is bound to an environment has its account and region written into names and ARNs. The engines know one
 * account and one region, so these take the place of the others.
 */
function localizer(assembly: Assembly, { region, accountId }: ScopeProps) {
  const accounts = new Set(assembly.stacks.flatMap(({ account }) => account ?? []));
  const regions = new Set(assembly.stacks.flatMap((stack) => stack.region ?? []));
  const accountPattern =
    accounts.size === 0 ? undefined : new RegExp(`(?<![0-9])(${[...accounts].join('|')})(?![0-9])`, 'g');
  const text = (value: string, stack: AssemblyStack): string => {
    if (value === stack.region) return region;
    let result = accountPattern ? value.replace(accountPattern, accountId) : value;
    for (const other of regions) result = result.replaceAll(`:${other}:${accountId}`, `:${region}:${accountId}`);
    return result;
  };
  const localize = (value: unknown, stack: AssemblyStack): unknown => {
    if (typeof value === 'string') return text(value, stack);
    if (Array.isArray(value)) return value.map((item) => localize(item, stack));
    if (!isRecord(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, localize(item, stack)]));
  };
  return localize;
}
