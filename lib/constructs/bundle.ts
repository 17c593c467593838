import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type BuildFailure, type BuildOptions, buildSync, type Message } from 'esbuild';
import { changedSince, isFresh, stampOf } from './bundle-stamp.ts';
import { BundleError } from './errors.ts';

const OPTIONS = {
  outExtension: { '.js': '.mjs' },
  bundle: true,
  write: false,
  metafile: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  mainFields: ['module', 'main'],
  // Names stay as they are written: error classes and stack frames are what dead letters are grouped by.
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  // Dependencies that are still CommonJS call require(), which an ES module does not have.
  banner: {
    js: "import{createRequire as batonCreateRequire}from'node:module';const require=batonCreateRequire(import.meta.url);",
  },
  logLevel: 'silent',
} as const satisfies BuildOptions;

/**
 * Bundles handlers in one pass, each into a folder of its own below `output` with `handler.mjs` and its source map.
 * Does nothing when the bundles of an earlier run still fit their sources.
 *
 * @param folders entry file (absolute) by folder name
 * @param stampName where the memory of this set of bundles is kept, below `output`
 * @throws BundleError with `file:line:column: what` for each place that does not compile
 */
export function bundle(folders: ReadonlyMap<string, string>, root: string, output: string, stampName: string): void {
  const recipe = JSON.stringify([OPTIONS, [...folders]]);
  const stampFile = path.join(output, `${stampName}.json`);
  if (isFresh(stampFile, recipe)) return;
  // The clock of a file system may lag a few milliseconds behind.
  const started = Date.now() - 10;
  const { outputFiles, metafile } = build(folders, root, output);
  for (const { path: target, contents } of outputFiles) writeWhenChanged(target, contents);
  const inputs = Object.keys(metafile.inputs).map((input) => path.resolve(root, input));
  // Somebody saved a file meanwhile: whether it is in the bundle, nobody knows.
  if (inputs.some((input) => changedSince(input, started))) return;
  const outputs = outputFiles.map((each) => each.path);
  const surroundings = ['package.json', 'package-lock.json', 'tsconfig.json'].map((name) => path.join(root, name));
  writeWhenChanged(stampFile, Buffer.from(stampOf(recipe, [...inputs, ...outputs, ...surroundings])));
}

function build(folders: ReadonlyMap<string, string>, root: string, output: string) {
  try {
    return buildSync({
      ...OPTIONS,
      mainFields: [...OPTIONS.mainFields],
      absWorkingDir: root,
      outdir: output,
      entryPoints: [...folders].map(([folder, file]) => ({ in: file, out: `${folder}/handler` })),
    });
  } catch (cause) {
    const { errors } = cause as BuildFailure;
    if (!Array.isArray(errors)) throw cause;
    throw new BundleError(['A handler could not be bundled:', ...errors.map(describe)].join('\n  '), { cause });
  }
}

function describe({ text, location }: Message): string {
  return location === null ? text : `${location.file}:${location.line}:${location.column + 1}: ${text}`;
}

// Several processes may bundle at once (parallel tests, parallel synths): a reader must never see half a file.
function writeWhenChanged(target: string, contents: Uint8Array): void {
  if (existsSync(target) && readFileSync(target).equals(contents)) return;
  mkdirSync(path.dirname(target), { recursive: true });
  // Not beside the target: what is beside it belongs to the asset.
  const draft = path.join(path.dirname(path.dirname(target)), `.draft-${process.pid}`);
  try {
    writeFileSync(draft, contents);
    renameSync(draft, target);
  } finally {
    rmSync(draft, { force: true });
  }
}
