import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AssemblyError } from './errors.ts';

/** A resource of a template, as far as the pipeline is read from it. */
export interface Resource {
  Type: string;
  Properties: Readonly<Record<string, unknown>>;
  Metadata: Readonly<Record<string, unknown>>;
}

/** A template of an assembly. */
export interface Template {
  /** Absolute path. */
  file: string;
  /** Where its stack goes, as far as that was known: `aws://123456789012/eu-central-1`, `aws://unknown-account/unknown-region`. */
  environment: string;
  /** By logical id. */
  resources: ReadonlyMap<string, Resource>;
}

/** What is read of a cloud assembly. */
export interface Assembly {
  templates: readonly Template[];
  /** Folders of code, absolute, by the name of the object that `cdk deploy` uploads them as. */
  folders: ReadonlyMap<string, string>;
}

const REMEDY = 'Run `npx cdk synth`, and name the folder that it wrote.';

/**
 * Reads the templates of a cloud assembly (the folder that `cdk synth` writes), those of nested stacks included. Source: AWS
 * CDK, "cloud-assembly-schema".
 * @throws AssemblyError
 */
export function readAssembly(directory: string): Assembly {
  const manifest = join(directory, 'manifest.json');
  const artifacts = recordOf(readJson(manifest), 'artifacts');
  if (artifacts === undefined) {
    throw new AssemblyError(`${manifest} has no 'artifacts', so it is no manifest of a cloud assembly. ${REMEDY}`);
  }
  const templates: Template[] = [];
  const folders = new Map<string, string>();
  const stages: string[] = [];
  for (const [id, artifact] of Object.entries(artifacts)) {
    const properties = recordOf(artifact, 'properties') ?? {};
    const fileOf = (property: string) => {
      const name = properties[property];
      if (typeof name === 'string') return join(directory, name);
      throw new AssemblyError(`${manifest}: the artifact '${id}' has no '${property}'. ${REMEDY}`);
    };
    switch (isRecord(artifact) ? artifact.type : undefined) {
      case 'aws:cloudformation:stack':
        readTemplates(fileOf('templateFile'), environmentOf(artifact), directory, templates);
        break;
      case 'cdk:asset-manifest':
        readFolders(fileOf('file'), directory, folders);
        break;
      case 'cdk:cloud-assembly':
        stages.push(fileOf('directoryName'));
        break;
    }
  }
  if (templates.length === 0) {
    const remedy =
      stages.length === 0 ? REMEDY : `Its stages are assemblies of their own; name one: ${stages.join(', ')}.`;
    throw new AssemblyError(`${manifest} names no stack. ${remedy}`);
  }
  return { templates, folders };
}

/** Whether a value is an object of JSON. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object that another has under a name of its own. */
export function recordOf(value: unknown, name: string): Record<string, unknown> | undefined {
  const found = isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return isRecord(found) ? found : undefined;
}

function environmentOf(artifact: unknown): string {
  const environment = isRecord(artifact) ? artifact.environment : undefined;
  return typeof environment === 'string' ? environment : '';
}

function readTemplates(file: string, environment: string, directory: string, templates: Template[]): void {
  if (templates.some((template) => template.file === file)) return;
  const resources = new Map<string, Resource>();
  templates.push({ file, environment, resources });
  for (const [logicalId, resource] of Object.entries(recordOf(readJson(file), 'Resources') ?? {})) {
    if (!isRecord(resource) || typeof resource.Type !== 'string') {
      throw new AssemblyError(`${file}: the resource ${logicalId} has no 'Type'. ${REMEDY}`);
    }
    const { Type } = resource;
    const Metadata = recordOf(resource, 'Metadata') ?? {};
    resources.set(logicalId, { Type, Metadata, Properties: recordOf(resource, 'Properties') ?? {} });
    const nested = Metadata['aws:asset:path'];
    if (Type === 'AWS::CloudFormation::Stack' && typeof nested === 'string') {
      readTemplates(join(directory, nested), environment, directory, templates);
    }
  }
}

function readFolders(file: string, directory: string, folders: Map<string, string>): void {
  for (const asset of Object.values(recordOf(readJson(file), 'files') ?? {})) {
    const { path, packaging } = recordOf(asset, 'source') ?? {};
    if (typeof path !== 'string' || packaging !== 'zip') continue;
    for (const destination of Object.values(recordOf(asset, 'destinations') ?? {})) {
      const objectKey = isRecord(destination) ? destination.objectKey : undefined;
      if (typeof objectKey === 'string') folders.set(objectKey, resolve(directory, path));
    }
  }
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AssemblyError(`${file} cannot be read: there is no synthesized app here. ${REMEDY}`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AssemblyError(`${file} is not JSON (${(cause as Error).message}). ${REMEDY}`, { cause });
  }
}
