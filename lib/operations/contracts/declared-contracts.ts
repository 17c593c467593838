import { type Dirent, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AnyContract } from '../../contracts/contract.ts';
import { accepted } from '../../contracts/versions.ts';
import { isContract } from './contract-shape.ts';
import { EventModulesError } from './errors.ts';

/** A contract, and where it is declared. */
export interface DeclaredContract {
  contract: AnyContract;
  /** Absolute path of the module. */
  file: string;
  /** `OrderPlaced`; for an earlier version that no module exports, the way to it: `OrderPlaced.previous.contract`. */
  exportName: string;
}

const MODULE = /\.(ts|mts|js|mjs)$/;
const NO_DECLARATION = /(\.d\.m?ts|\.test\.\w+|\.spec\.\w+)$/;
/** Folders of what is written or installed, not declared. */
const SKIPPED = new Set(['registry', 'node_modules']);

/**
 * The contracts that the modules of a folder and of those below it export, and the earlier versions that these accept: each
 * once, by type and version. The modules are imported, so what they do on import is done. Views made by `needs` declare
 * nothing and are left out.
 * @throws EventModulesError when there is no such folder or no contract in it, a module cannot be imported, or two contracts
 * are the same version of one type
 */
export async function declaredContracts(eventsDirectory: string): Promise<DeclaredContract[]> {
  const files = modulesOf(eventsDirectory);
  const exported: DeclaredContract[] = [];
  for (const file of files) exported.push(...(await exportsOf(file, eventsDirectory)));
  const found = new Map<string, DeclaredContract>();
  const add = (one: DeclaredContract) => {
    const first = found.get(one.contract.dataschema);
    if (first === undefined) found.set(one.contract.dataschema, one);
    else if (first.contract !== one.contract) throw twice(first, one, eventsDirectory);
  };
  // exports first: an earlier version is named by its own export, if it has one
  for (const one of exported) add(one);
  for (const { contract, file, exportName } of exported) {
    accepted(contract).forEach((earlier, steps) => {
      add({ contract: earlier, file, exportName: exportName + '.previous.contract'.repeat(steps) });
    });
  }
  if (found.size === 0) {
    throw new EventModulesError(
      `No module in ${eventsDirectory} exports a contract (looked at ${files.length}). Export what defineEvent or defineCommand returns.`,
    );
  }
  return [...found.values()].sort(({ contract: a }, { contract: b }) =>
    a.type < b.type ? -1 : a.type > b.type ? 1 : a.version - b.version,
  );
}

function modulesOf(folder: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const problem = code === 'ENOENT' ? 'There is no folder' : code === 'ENOTDIR' ? 'It is a file' : message;
    throw new EventModulesError(`${problem}: ${folder}. Name the folder that the event contracts are in.`, { cause });
  }
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      if (entry.name.startsWith('.')) return [];
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : modulesOf(path);
      return MODULE.test(entry.name) && !NO_DECLARATION.test(entry.name) ? [path] : [];
    });
}

async function exportsOf(file: string, root: string): Promise<DeclaredContract[]> {
  let namespace: Record<string, unknown>;
  try {
    namespace = await import(pathToFileURL(file).href);
  } catch (cause) {
    const said = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    throw new EventModulesError(
      `${placeOf(file, root)} could not be imported (${said}). The contracts are read from the modules, so each has to load on its own.`,
      { cause },
    );
  }
  return Object.keys(namespace)
    .sort()
    .flatMap((exportName) => {
      const contract = namespace[exportName];
      return isContract(contract) && !contract.partial ? [{ contract, file, exportName }] : [];
    });
}

function twice(first: DeclaredContract, second: DeclaredContract, root: string): EventModulesError {
  const { type, version } = first.contract;
  const place = ({ file, exportName }: DeclaredContract) => `${exportName} in ${placeOf(file, root)}`;
  return new EventModulesError(
    `${type} version ${version} is declared twice: ${place(first)} and ${place(second)}. Declare it once and import it, or give one of them another version.`,
  );
}

function placeOf(file: string, root: string): string {
  return join(root, relative(root, file));
}
