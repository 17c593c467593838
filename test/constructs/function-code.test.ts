import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BundleError } from '../../lib/constructs/index.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'baton-bundles-'));
  write('package.json', '{ "type": "module" }');
  write('functions/shared.ts', "export const greeting: string = 'hello';");
  write('functions/one/handler.ts', "import { greeting } from '../shared.ts';\nexport const handler = () => greeting;");
  write(
    'functions/two/handler.ts',
    'export class TooLateError extends Error {}\nexport const handler = () => TooLateError.name;',
  );
});

afterEach(() => rmSync(root, { recursive: true }));

function write(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
}

/** Bundles as a process that has bundled nothing yet. */
async function bundleAnew(entry: string): Promise<string> {
  vi.resetModules();
  const { bundleFolder } = await import('../../lib/constructs/code/function-code.ts');
  return bundleFolder(entry, root);
}

async function call(folder: string): Promise<unknown> {
  const { handler } = await import(`${pathToFileURL(folder)}/handler.mjs?${Math.random()}`);
  return handler();
}

function stampsBeside(folder: string): string[] {
  return readdirSync(path.dirname(folder)).filter((name) => name.endsWith('.json'));
}

function contentsOf(folder: string): Record<string, string> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]));
}

describe('function code', () => {
  it('is a folder with an ES module that runs by itself, and its source map', async () => {
    const folder = await bundleAnew('functions/one/handler.ts');
    expect(path.relative(root, folder)).toBe(path.join('.baton', 'bundles', 'one'));
    expect(readdirSync(folder).toSorted()).toEqual(['handler.mjs', 'handler.mjs.map']);
    expect(await call(folder)).toBe('hello');
  });

  it('keeps the names of classes: dead letters are grouped by them', async () => {
    expect(await call(await bundleAnew('functions/two/handler.ts'))).toBe('TooLateError');
  });

  it('bundles all functions of the project with the first one', async () => {
    const one = await bundleAnew('functions/one/handler.ts');
    expect(readdirSync(path.join(one, '..', 'two'))).toContain('handler.mjs');
  });

  it('bundles its own functions in the same pass: one, whichever comes first', async () => {
    const one = await bundleAnew('functions/one/handler.ts');
    const keeper = await bundleAnew(path.resolve('lib/runtime/dependencies/keeper-handler.ts'));
    expect(path.dirname(keeper)).toBe(path.dirname(one));
    expect(stampsBeside(one)).toEqual(['.functions.json']);
  });

  it('bundles handlers elsewhere together with those of the folders beside theirs', async () => {
    for (const name of ['send', 'render']) {
      write(`services/mail/${name}/handler.ts`, `export const handler = () => '${name}';`);
      write(`services/mail/${name}/index.ts`, 'this is no TypeScript');
    }
    const send = await bundleAnew('services/mail/send/handler.ts');
    const render = await bundleAnew('services/mail/render/handler.ts');
    expect([await call(send), await call(render)]).toEqual(['send', 'render']);
    expect(stampsBeside(send)).toEqual(['.services-mail-all-handler.json']);
  });

  it('bundles a handler elsewhere by itself', async () => {
    write('jobs/nightly.ts', "export const handler = () => 'night';");
    const folder = await bundleAnew('jobs/nightly.ts');
    expect(path.basename(folder)).toBe('jobs-nightly');
    expect(await call(folder)).toBe('night');
    expect(readdirSync(path.dirname(folder))).not.toContain('one');
  });

  it('is the same, byte for byte, when made again', async () => {
    const first = contentsOf(await bundleAnew('functions/one/handler.ts'));
    rmSync(path.join(root, '.baton'), { recursive: true });
    expect(contentsOf(await bundleAnew('functions/one/handler.ts'))).toEqual(first);
    expect(Object.values(first).join()).not.toContain(root);
  });

  it('follows a change in anything that it is made of', async () => {
    await settled();
    await bundleAnew('functions/one/handler.ts');
    write('functions/shared.ts', "export const greeting: string = 'adieu';");
    expect(await call(await bundleAnew('functions/one/handler.ts'))).toBe('adieu');
  });

  it('comes back when it was tampered with', async () => {
    await settled();
    const folder = await bundleAnew('functions/one/handler.ts');
    rmSync(path.join(folder, 'handler.mjs'));
    expect(await call(await bundleAnew('functions/one/handler.ts'))).toBe('hello');
  });

  it('is not made again when nothing changed', async () => {
    await settled();
    const folder = await bundleAnew('functions/one/handler.ts');
    const handler = path.join(folder, 'handler.mjs');
    const stamp = path.join(folder, '..', '.functions.json');
    // A forged bundle, and a stamp that takes it for the true one: bundling again would put the true one back.
    const state = () => `${statSync(handler).size}@${statSync(handler).ctimeMs}`;
    const before = state();
    writeFileSync(handler, "export const handler = () => 'forged';");
    writeFileSync(stamp, readFileSync(stamp, 'utf8').replace(before, state()));
    expect(await call(await bundleAnew('functions/one/handler.ts'))).toBe('forged');
  });

  it('names file, line and column of what does not compile, without a stack', async () => {
    write('functions/two/handler.ts', 'export const handler = () => {\n  return nonsense(;\n};');
    const error = await bundleAnew('functions/one/handler.ts').catch((caught: unknown) => caught as Error);
    expect((error as Error).name).toBe(BundleError.name);
    expect((error as Error).message).toMatch(
      /^A handler could not be bundled:\n {2}functions\/two\/handler\.ts:2:19: Unexpected ";"$/,
    );
  });

  it('names an import that leads nowhere', async () => {
    write('functions/one/handler.ts', "import { x } from './gone.ts';\nexport const handler = () => x;");
    await expect(bundleAnew('functions/one/handler.ts')).rejects.toThrow(
      /functions\/one\/handler\.ts:1:19: Could not resolve "\.\/gone\.ts"/,
    );
  });

  it('says which handler is missing', async () => {
    await expect(bundleAnew('functions/three/handler.ts')).rejects.toThrow(
      /^functions\/three\/handler\.ts: there is no such handler in .*Correct `entry`/,
    );
  });
});

/** A file that was saved in the same millisecond as the bundle was started counts as changed since. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
