import { resolve } from 'node:path';
import { CONSUMER_METADATA } from '../../contracts/pipeline.ts';
import { isRecord, type Resource, readAssembly } from './assembly.ts';

/** Where a synthesized pipeline is deployed, as far as it says so. Each list has one entry, as a rule, or none. */
export interface Deployment {
  /** The names of its environments. */
  environments: readonly string[];
  /** The accounts of its consumers: 12 digits. */
  accounts: readonly string[];
  /** The regions of its consumers. */
  regions: readonly string[];
}

/** The tag by which what is deployed says of which environment it is. */
const ENVIRONMENT_TAG = 'baton:environment';

/**
 * Reads where a cloud assembly goes. Source: AWS CDK, "cloud-assembly-schema", `environment` of a stack.
 * @param assemblyDirectory the folder that `cdk synth` writes
 * @throws AssemblyError
 */
export function readDeployment(assemblyDirectory: string): Deployment {
  const { templates } = readAssembly(resolve(assemblyDirectory));
  const resources = templates.flatMap((template) => [...template.resources.values()]);
  const places = templates
    .filter((template) => [...template.resources.values()].some(isConsumer))
    .map(({ environment }) => /^aws:\/\/([^/]*)\/([^/]*)$/.exec(environment) ?? []);
  return {
    environments: distinct(resources.flatMap(environmentsOf)),
    accounts: distinct(places.flatMap(([, account = '']) => (/^\d{12}$/.test(account) ? account : []))),
    regions: distinct(places.flatMap(([, , region = '']) => (/^[a-z]+(-[a-z]+)+-\d+$/.test(region) ? region : []))),
  };
}

function isConsumer({ Metadata }: Resource): boolean {
  return Object.hasOwn(Metadata, CONSUMER_METADATA);
}

function environmentsOf({ Properties: { Tags } }: Resource): string[] {
  const tags = Array.isArray(Tags) ? Tags.filter(isRecord) : [];
  return tags.flatMap(({ Key, Value }) => (Key === ENVIRONMENT_TAG && typeof Value === 'string' ? Value : []));
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
