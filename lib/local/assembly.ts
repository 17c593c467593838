import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** What a CloudFormation template holds, as far as the local cloud looks at it. */
export interface Template {
  Resources: Record<string, TemplateResource>;
  Parameters: Record<string, TemplateParameter>;
  Mappings: Record<string, Record<string, Record<string, unknown>>>;
  Conditions: Record<string, unknown>;
  Outputs: Record<string, TemplateOutput>;
}

export interface TemplateResource {
  Type: string;
  Properties?: Record<string, unknown>;
  DependsOn?: string | string[];
  /** The name of a condition: the resource exists only where it holds. */
  Condition?: string;
  Metadata?: Record<string, unknown>;
}

export interface TemplateParameter {
  Type: string;
  Default?: unknown;
}

export interface TemplateOutput {
  Value: unknown;
  Export?: { Name: unknown };
  Condition?: string;
}

/** A stack that CDK synthesized. */
export interface AssemblyStack {
  /** Its id in the assembly; unique, also across stages. */
  id: string;
  /** Its name in CloudFormation. */
  name: string;
  /** The account it was synthesized for; undefined when it is not bound to one. */
  account: string | undefined;
  /** The region it was synthesized for; undefined when it is not bound to one. */
  region: string | undefined;
  templateFile: string;
  template: Template;
}

/** A file or folder that `cdk deploy` would upload. */
export interface Asset {
  /** The name of the object in S3, as templates use it: `<hash>.zip`. */
  objectKey: string;
  /** What it is made of: an absolute path. */
  source: string;
  /** `zip`: the source is a folder; `file`: it is uploaded as it is. */
  packaging: 'zip' | 'file';
}

/** The output of `cdk synth`. */
export interface Assembly {
  directory: string;
  /** A stack comes after those it depends on. */
  stacks: AssemblyStack[];
  /** By object key. */
  assets: Map<string, Asset>;
}

/** The folder is not a cloud assembly that can be read; the message names the file and what to do. */
export class AssemblyError extends Error {
  override name = 'AssemblyError';
}

interface Artifact {
  type: string;
  environment?: string;
  properties?: Record<string, unknown>;
  dependencies?: string[];
}

/**
 * Reads a cloud assembly (the folder that `cdk synth` writes), with its stages, in which stacks are nested.
 * @throws AssemblyError
 */
export function readAssembly(directory: string): Assembly {
  const assets = new Map<string, Asset>();
  const stacks = readDirectory(directory, assets);
  if (stacks.length === 0) {
    throw new AssemblyError(`${join(directory, 'manifest.json')} names no stack. Add one to the app, then ${REMEDY}.`);
  }
  return { directory, stacks, assets };
}

const REMEDY = 'run `npx cdk synth`';

function readDirectory(directory: string, assets: Map<string, Asset>): AssemblyStack[] {
  const file = join(directory, 'manifest.json');
  const manifest = readJson(file) as { artifacts?: Record<string, Artifact> };
  if (typeof manifest.artifacts !== 'object' || manifest.artifacts === null) {
    throw new AssemblyError(`${file} has no 'artifacts', so it is not the manifest of a cloud assembly; ${REMEDY}.`);
  }
  const { artifacts } = manifest;
  const stacks: AssemblyStack[] = [];
  for (const id of inDependencyOrder(artifacts, file)) {
    const artifact = artifacts[id]!;
    switch (artifact.type) {
      case 'aws:cloudformation:stack':
        stacks.push(readStack(directory, file, id, artifact));
        break;
      case 'cdk:asset-manifest':
        readAssets(directory, text(artifact, 'file', id, file), assets);
        break;
      case 'cdk:cloud-assembly':
        stacks.push(...readDirectory(join(directory, text(artifact, 'directoryName', id, file)), assets));
        break;
    }
  }
  return stacks;
}

function readStack(directory: string, manifest: string, id: string, artifact: Artifact): AssemblyStack {
  const templateFile = join(directory, text(artifact, 'templateFile', id, manifest));
  const template = readJson(templateFile) as Partial<Template>;
  for (const [logicalId, resource] of Object.entries(template.Resources ?? {})) {
    if (typeof resource?.Type === 'string') continue;
    throw new AssemblyError(`${templateFile}: the resource ${logicalId} has no 'Type'; ${REMEDY}.`);
  }
  const [, account, region] = /^aws:\/\/([^/]+)\/(.+)$/.exec(artifact.environment ?? '') ?? [];
  const stackName = artifact.properties?.stackName;
  return {
    id,
    name: typeof stackName === 'string' ? stackName : id,
    account: account === 'unknown-account' ? undefined : account,
    region: region === 'unknown-region' ? undefined : region,
    templateFile,
    template: {
      Resources: template.Resources ?? {},
      Parameters: template.Parameters ?? {},
      Mappings: template.Mappings ?? {},
      Conditions: template.Conditions ?? {},
      Outputs: template.Outputs ?? {},
    },
  };
}

interface AssetManifest {
  files?: Record<
    string,
    {
      source?: { path?: string; packaging?: string };
      destinations?: Record<string, { objectKey?: string }>;
    }
  >;
}

function readAssets(directory: string, file: string, assets: Map<string, Asset>): void {
  const { files = {} } = readJson(join(directory, file)) as AssetManifest;
  for (const { source, destinations = {} } of Object.values(files)) {
    if (source?.path === undefined) continue;
    for (const { objectKey } of Object.values(destinations)) {
      if (objectKey === undefined) continue;
      assets.set(objectKey, {
        objectKey,
        source: resolve(directory, source.path),
        packaging: source.packaging === 'zip' ? 'zip' : 'file',
      });
    }
  }
}

/** Depth first, in the order of the manifest. */
function inDependencyOrder(artifacts: Record<string, Artifact>, file: string): string[] {
  const ordered: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (id: string, trail: string[]) => {
    // Dependencies on the assets of another assembly are not in this manifest.
    if (artifacts[id] === undefined || state.get(id) === 'done') return;
    if (state.get(id) === 'open') {
      throw new AssemblyError(`${file}: the stacks depend on each other in a circle: ${[...trail, id].join(' -> ')}.`);
    }
    state.set(id, 'open');
    for (const dependency of artifacts[id].dependencies ?? []) visit(dependency, [...trail, id]);
    state.set(id, 'done');
    ordered.push(id);
  };
  for (const id of Object.keys(artifacts)) visit(id, []);
  return ordered;
}

function text(artifact: Artifact, property: string, id: string, file: string): string {
  const value = artifact.properties?.[property];
  if (typeof value === 'string') return value;
  throw new AssemblyError(
    `${file}: the artifact '${id}' has no '${property}'; ${REMEDY} with the CDK of this project.`,
  );
}

function readJson(file: string): unknown {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AssemblyError(`${file} cannot be read: there is no synthesized app here; ${REMEDY} first.`, { cause });
  }
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw new AssemblyError(`${file} is not JSON (${(cause as Error).message}); ${REMEDY} again.`, { cause });
  }
}
