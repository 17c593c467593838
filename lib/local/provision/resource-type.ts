import type { Assembly } from '../assembly.ts';
import type { Engines } from '../engines.ts';
import type { Origin, Resources } from '../resources.ts';

/** A resource of a template, its intrinsic functions resolved. */
export interface Declared extends Origin {
  type: string;
  properties: Record<string, unknown>;
}

/** What came of a resource: what references to it resolve to. */
export interface Provisioned {
  /** What `Ref` gives. */
  ref: string;
  /** What `Fn::GetAtt` gives; undefined when the type has no such attribute. */
  getAtt(attribute: string): unknown;
}

/** What the code for one resource type works with. */
export interface Deployment {
  engines: Engines;
  assembly: Assembly;
  /** Where it adds what it provisioned. */
  resources: Resources;
  /** Variables for every function, over those of the template. */
  environment: Record<string, string>;
  /** Names of the queues, ARNs of the topics that were there before. */
  existing: { queues: ReadonlySet<string>; topics: ReadonlySet<string> };
  /** ARNs of the subscriptions that the templates have. */
  subscriptions: Set<string>;
  /** Notes that a resource, or one property of its type, has no effect here. */
  notEmulated(declared: Declared, reason: string, property?: string): void;
}

/** How resources of one type come to be here. */
export interface ResourceType {
  /** The properties that take effect, or have none to take (a description). */
  honoured: readonly string[];
  /** Why others have no effect. One in neither list is reported as well. */
  notHonoured?: Record<string, string>;
  provision(declared: Declared, deployment: Deployment): Promise<Provisioned> | Provisioned;
}

/** A resource cannot be provisioned; the message names it. */
export class ProvisionError extends Error {
  override name = 'ProvisionError';
}

/** Notes each property of a resource that its type does not honour. */
export function reportProperties(declared: Declared, type: ResourceType, deployment: Deployment): void {
  for (const property of Object.keys(declared.properties)) {
    if (type.honoured.includes(property)) continue;
    deployment.notEmulated(declared, type.notHonoured?.[property] ?? 'has no effect here', property);
  }
}

/** A property as text; undefined when it is not set. */
export function textOf({ properties, path, type }: Declared, property: string): string | undefined {
  const value = properties[property];
  if (value === undefined || typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new ProvisionError(`${path} (${type}): ${property} has to be text, and is ${JSON.stringify(value)}.`);
}

/** A property that has to be there. */
export function requiredText(declared: Declared, property: string): string {
  const value = textOf(declared, property);
  if (value !== undefined) return value;
  throw new ProvisionError(`${declared.path} (${declared.type}) has no ${property}.`);
}

/** A property as a number; templates may write numbers as text. */
export function numberOf(declared: Declared, property: string): number | undefined {
  const text = textOf(declared, property);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isNaN(value)) return value;
  throw new ProvisionError(`${declared.path} (${declared.type}): ${property} has to be a number, and is '${text}'.`);
}

/** A property as a switch; templates may write switches as text. */
export function flagOf(declared: Declared, property: string, otherwise = false): boolean {
  const text = textOf(declared, property);
  return text === undefined ? otherwise : text === 'true';
}

/** A property that holds a list of objects; empty when it is not set. */
export function recordsOf({ properties }: Declared, property: string): Record<string, unknown>[] {
  const value = properties[property];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'object' && item !== null) : [];
}

/** A property that holds a list of texts; empty when it is not set. */
export function textsOf({ properties }: Declared, property: string): string[] {
  const value = properties[property];
  return Array.isArray(value) ? value.map(String) : [];
}

/** The tags of a resource, by key. */
export function tagsOf(declared: Declared): Record<string, string> {
  return Object.fromEntries(recordsOf(declared, 'Tags').map(({ Key, Value }) => [String(Key), String(Value)]));
}

/** Only where the resource stands, for what is added to {@link Resources}. */
export function originOf({ stack, logicalId, path }: Declared): Origin {
  return { stack, logicalId, path };
}

/** Looks attributes up in a table. */
export function attributes(table: Record<string, unknown>): (attribute: string) => unknown {
  return (attribute) => (Object.hasOwn(table, attribute) ? table[attribute] : undefined);
}
