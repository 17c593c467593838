import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readSchema } from '../compatibility/index.ts';
import { dataschemaOf } from '../contract.ts';
import { ContractError } from '../errors.ts';
import { RegistryError } from './errors.ts';
import { BATON_KEYWORD, type DocumentFacts } from './schema-document.ts';
import { schemaText } from './schema-text.ts';
import { isRecord, type SchemaObject } from './subschemas.ts';

/** The schema of one version, as its file in the registry has it. */
export interface RegisteredVersion {
  readonly type: string;
  readonly version: number;
  /** The name of its file. */
  readonly file: string;
  readonly document: SchemaObject;
  readonly facts: DocumentFacts;
}

/** A file of the registry that cannot be taken for a published version. */
export interface BrokenFile {
  readonly file: string;
  /** The type that its name says, if any. */
  readonly type: string | undefined;
  readonly version: number | undefined;
  readonly problem: string;
}

/** The published versions of a project. */
export interface Registry {
  readonly directory: string;
  /** By type, then by version. */
  readonly versions: readonly RegisteredVersion[];
  readonly broken: readonly BrokenFile[];
}

/** The name of a version's file: `order.placed.v1.json`. */
export function schemaFile(type: string, version: number): string {
  return `${type}.v${version}.json`;
}

/** What a file's name says; undefined when it is not the name of a version's file. */
export function versionOfFile(file: string): { type: string; version: number } | undefined {
  const [, type, version] = /^([a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)*)\.v([1-9]\d{0,14})\.json$/.exec(file) ?? [];
  return type === undefined ? undefined : { type, version: Number(version) };
}

/**
 * Reads a registry. A folder that is not there is an empty one; a file that cannot be read is listed as broken.
 * @throws RegistryError when the folder cannot be read
 */
export async function readRegistry(directory: string): Promise<Registry> {
  let files: string[];
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    files = entries.filter((entry) => !entry.isDirectory() && entry.name.endsWith('.json')).map(({ name }) => name);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { directory, versions: [], broken: [] };
    throw new RegistryError(`The registry ${directory} cannot be read: ${(cause as Error).message}.`, { cause });
  }
  const versions: RegisteredVersion[] = [];
  const broken: BrokenFile[] = [];
  for (const file of files.toSorted()) {
    const named = versionOfFile(file);
    try {
      versions.push(readVersionFile(file, await readFile(join(directory, file), 'utf8')));
    } catch (error) {
      if (!(error instanceof ContractError) && !(error as NodeJS.ErrnoException).code) throw error;
      const problem = (error as Error).message.replace(/\.$/, '');
      broken.push({ file, type: named?.type, version: named?.version, problem });
    }
  }
  versions.sort((a, b) => (a.type === b.type ? a.version - b.version : a.type < b.type ? -1 : 1));
  return { directory, versions, broken };
}

/**
 * Reads the text of a version's file.
 * @throws ContractError when it was not written for the version that its name says
 */
export function readVersionFile(file: string, text: string): RegisteredVersion {
  const named = versionOfFile(file);
  if (named === undefined) throw new RegistryError('its name is not that of a version (order.placed.v1.json)');
  return { ...named, file, ...checked(readSchema(text, file), named) };
}

/**
 * Writes the file of a version, at once or not at all.
 * @returns the text that it wrote
 * @throws RegistryError when it cannot be written
 */
export async function writeVersion(directory: string, type: string, version: number, document: unknown) {
  const file = join(directory, schemaFile(type, version));
  const text = schemaText(document);
  const draft = `${file}.${randomUUID()}.tmp`;
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(draft, text, { flag: 'wx' });
    await rename(draft, file);
  } catch (cause) {
    await rm(draft, { force: true });
    throw new RegistryError(`${file} cannot be written: ${(cause as Error).message}.`, { cause });
  }
  return text;
}

function checked(schema: unknown, { type, version }: { type: string; version: number }) {
  if (!isRecord(schema)) throw new RegistryError('it is not a JSON object');
  const id = dataschemaOf(type, version);
  if (schema.$id !== id)
    throw new RegistryError(`its $id is ${JSON.stringify(schema.$id)}, not "${id}" as its name says`);
  const facts = schema[BATON_KEYWORD];
  const sound =
    isRecord(facts) &&
    (facts.kind === 'event' || facts.kind === 'command') &&
    facts.version === version &&
    Number.isSafeInteger(facts.major) &&
    typeof facts.compatibility === 'string' &&
    (facts.headers === undefined || isTexts(facts.headers));
  if (!sound) throw new RegistryError(`its '${BATON_KEYWORD}' is not as \`baton contracts accept\` writes it`);
  return { document: schema, facts: facts as unknown as DocumentFacts };
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
