/**
 * The inside of a reader: loads the bundle of one consumer, says what it reads, and judges messages by its contracts. A thread of
 * its own with an environment of its own, since the bundle is a whole program.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { schemaDocument } from '../../contracts/registry/schema-document.ts';
import { accepted } from '../../contracts/versions.ts';
import { isContract } from './contract-shape.ts';
import { adopt, judge, type Reader, UNKNOWN_BUCKET } from './judgement.ts';
import type { FromThread, JudgeRequest, ThreadSettings, VersionView } from './thread-messages.ts';

const { directory, handler: name, strict, bucket, bucketUnknown } = workerData as ThreadSettings;
const claimCheck = bucketUnknown ? UNKNOWN_BUCKET : bucket;
const port = parentPort!;
const send = (message: FromThread): void => port.postMessage(message);

process.on('unhandledRejection', () => undefined);
process.setSourceMapsEnabled(true);

try {
  const consumed = contractsOf(await loadHandler());
  if (consumed === undefined) send({ kind: 'foreign' });
  else {
    const contracts = consumed.map(adopt);
    const problems: string[] = [];
    const views = contracts.flatMap((contract): VersionView[] => {
      const { type, version, partial } = contract;
      try {
        const accepts = accepted(contract).map((one) => one.version);
        return [{ type, version, accepts, partial, schema: schemaDocument(contract) }];
      } catch (error) {
        problems.push(describe(error));
        return [];
      }
    });
    const reader: Reader = { contracts, strict, ...(claimCheck !== undefined && { claimCheck }) };
    port.on('message', ({ message: { body, data } }: JudgeRequest) => {
      send({ kind: 'judged', judgement: judge(body, reader, data) });
    });
    send({ kind: 'opened', views, problems });
  }
} catch (error) {
  const at = placeOf(error);
  // the folder may be gone by the time that somebody reads this
  const message = describe(error).replaceAll(`${directory}/`, '');
  send({ kind: 'failed', message, ...(at !== undefined && { at }) });
}

/** What `consume` left on its function for tools; the symbol is shared by all copies of the runtime. */
function contractsOf(handler: unknown) {
  const consumption = typeof handler === 'function' ? Reflect.get(handler, Symbol.for('baton.consume')) : undefined;
  const contracts =
    typeof consumption === 'object' && consumption !== null ? Reflect.get(consumption, 'contracts') : undefined;
  return Array.isArray(contracts) ? contracts.filter(isContract) : undefined;
}

/** `folder/file.name`: the export `name` of `folder/file` with `.js`, `.mjs` or `.cjs`, as Lambda looks it up. */
async function loadHandler(): Promise<unknown> {
  const [, file, path] = /^([^.]*)\.(.+)$/.exec(basename(name)) ?? [];
  if (file === undefined || path === undefined) throw new Error(`its handler '${name}' is not 'file.export'`);
  const root = join(directory, dirname(name), file);
  const found = ['.js', '.mjs', '.cjs'].map((extension) => root + extension).find(existsSync);
  if (found === undefined) throw new Error(`it has no ${relative(directory, root)}.js, .mjs or .cjs`);
  const module: Record<string, unknown> = await import(pathToFileURL(found).href);
  const handler = lookUp(module, path) ?? lookUp(module.default, path);
  if (handler === undefined) throw new Error(`${relative(directory, found)} does not export '${path}'`);
  return handler;
}

function lookUp(module: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => {
    const holds = (typeof value === 'object' && value !== null) || typeof value === 'function';
    return holds ? Reflect.get(value as object, key) : undefined;
  }, module);
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** Where an error was thrown, by the bundle's source map. It names sources from the folder of a bundle, which lies three deep in the project. */
function placeOf(error: unknown): string | undefined {
  const stack = error instanceof Error ? String(error.stack) : '';
  const frames = stack
    .split('\n')
    .flatMap((line) => /(?:file:\/\/|[( ])(\/[^()]+\.[cm]?tsx?:\d+:\d+)\)?$/.exec(line)?.[1] ?? []);
  const places = frames.map((frame) => relative(resolve(directory, '../../..'), frame));
  return places.find((place, n) => !frames[n]!.startsWith(import.meta.dirname) && !/^\.\.|node_modules/.test(place));
}
