import type { TemplateResource } from '../assembly.ts';
import { attributeOf, branchOf, callOf, isRecord, type Place, partsOf, resolve, stackNameOf } from '../intrinsics.ts';
import { ProvisionError } from './resource-type.ts';
import type { StackContext } from './stack-scope.ts';

/** A resource and what has to be there before it, in its own stack and in others. */
export interface ResourceNode {
  context: StackContext;
  logicalId: string;
  /** The construct path; the logical id where the template has none. */
  path: string;
  resource: TemplateResource;
  dependsOn: Set<ResourceNode>;
}

/**
 * The resources whose conditions hold, in the order of the templates, with their dependencies: `DependsOn`, `Ref`,
 * `Fn::GetAtt`, `Fn::Sub`, and through `Fn::ImportValue` and `Fn::GetStackOutput` what an output of another stack refers to.
 * @throws ProvisionError when resources depend on each other in a circle
 * @throws UnresolvedError when an import names no export
 */
export function resourceGraph(contexts: readonly StackContext[]): ResourceNode[] {
  const byStack = new Map<StackContext, Map<string, ResourceNode>>();
  for (const context of contexts) {
    const nodes = new Map<string, ResourceNode>();
    for (const [logicalId, resource] of Object.entries(context.template.Resources)) {
      if (resource.Condition !== undefined && context.scope.condition(resource.Condition) === false) continue;
      nodes.set(logicalId, { context, logicalId, path: pathOf(logicalId, resource), resource, dependsOn: new Set() });
    }
    byStack.set(context, nodes);
  }
  const nodes = [...byStack.values()].flatMap((stack) => [...stack.values()]);
  for (const node of nodes) {
    const add = (context: StackContext, logicalId: string) => {
      const target = byStack.get(context)?.get(logicalId);
      if (target !== undefined && target !== node) node.dependsOn.add(target);
    };
    for (const logicalId of [node.resource.DependsOn ?? []].flat()) add(node.context, logicalId);
    const place = { logicalId: node.logicalId, path: 'Properties' };
    visitReferences(node.resource.Properties, node.context, place, add);
  }
  refuseCircles(nodes);
  return nodes;
}

type Visit = (context: StackContext, logicalId: string) => void;

function visitReferences(value: unknown, context: StackContext, place: Place, visit: Visit): void {
  const follow = (inner: unknown) => visitReferences(inner, context, place, visit);
  if (Array.isArray(value)) {
    for (const item of value) follow(item);
    return;
  }
  if (!isRecord(value)) return;
  const [name, argument] = callOf(value) ?? [];
  switch (name) {
    case undefined:
      for (const item of Object.values(value)) follow(item);
      break;
    case 'Ref':
      visit(context, String(argument));
      break;
    case 'Fn::GetAtt':
      visit(context, attributeOf(argument)?.[0] ?? '');
      break;
    case 'Fn::If':
      follow(branchOf(argument, context.scope, place));
      break;
    case 'Fn::Sub': {
      const [text, variables] = Array.isArray(argument) ? argument : [argument, {}];
      follow(variables);
      for (const part of partsOf(String(text))) {
        if ('name' in part && !Object.hasOwn(variables ?? {}, part.name)) visit(context, part.name.split('.')[0]!);
      }
      break;
    }
    case 'Fn::ImportValue':
    case 'Fn::GetStackOutput': {
      const target = resolve(argument, context.scope, place);
      const site = isRecord(target)
        ? context.outputOf(stackNameOf(String(target.StackName)), String(target.OutputName))
        : context.exportedBy(String(target));
      if (site === undefined) break;
      visitReferences(site.output.Value, site.context, { logicalId: 'Outputs', path: site.name }, visit);
      break;
    }
    default:
      follow(argument);
  }
}

function refuseCircles(nodes: readonly ResourceNode[]): void {
  const done = new Set<ResourceNode>();
  const visit = (node: ResourceNode, trail: ResourceNode[]) => {
    if (done.has(node)) return;
    const start = trail.indexOf(node);
    if (start !== -1) {
      const circle = [...trail.slice(start), node].map(({ path }) => path).join(' -> ');
      throw new ProvisionError(`Resources depend on each other in a circle: ${circle}.`);
    }
    for (const dependency of node.dependsOn) visit(dependency, [...trail, node]);
    done.add(node);
  };
  for (const node of nodes) visit(node, []);
}

/** The path of the construct that a user wrote: CDK's own `Resource` below it says nothing to them. */
function pathOf(logicalId: string, { Metadata }: TemplateResource): string {
  const path = Metadata?.['aws:cdk:path'];
  return typeof path === 'string' ? path.replace(/\/Resource$/, '') : logicalId;
}
