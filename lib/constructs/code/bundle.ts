import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type BuildFailure, type BuildOptions, buildSync, type Message, type Metafile } from 'esbuild';
import { BundleError } from '../errors.ts';
import { changedSince, isFresh, stampOf } from './bundle-stamp.ts';

const OPTIONS = {
  outExtension: { '.js': '.mjs' },
  bundle: true,
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
 * What a handler with this in its bundle loads from a file beside it when tracing is on: OpenTelemetry costs nothing when it is
 * off. Files of another room, by path: this room never imports them.
 */
const TRACING = path.resolve(import.meta.dirname, '../../runtime/telemetry/tracing.ts');
const SPANS = { source: path.resolve(import.meta.dirname, '../../runtime/telemetry/otlp.ts'), name: 'otlp' };

/**
 * Bundles handlers in one pass, each into a folder of its own below `output` with `handler.mjs` and its source map, and
 * `otlp.mjs` when it may trace. Does nothing when the bundles of an earlier run still fit their sources.
 *
 * @param folders entry file (absolute) by folder name
 * @param stampName where the memory of this set of bundles is kept, below `output`
 * @throws BundleError with `file:line:column: what` for each place that does not compile
 */
export function bundle(folders: ReadonlyMap<string, string>, root: string, output: string, stampName: string): void {
  const recipe = JSON.stringify([OPTIONS, SPANS, [...folders]]);
  const stampFile = path.join(output, `${stampName}.json`);
  if (isFresh(stampFile, recipe)) return;
  // The clock of a file system may lag a few milliseconds behind.
  const started = Date.now() - 10;
  const entryPoints = [...folders].map(([folder, file]) => ({ in: file, out: `${folder}/handler` }));
  const { inputs, written } = build({ entryPoints, absWorkingDir: root }, output);
  const spans = addSpans(written, output);
  // Somebody saved a file meanwhile: whether it is in the bundle, nobody knows.
  if (inputs.some((input) => changedSince(input, started))) return;
  const outputs = [...written.keys(), ...spans];
  const surroundings = ['package.json', 'package-lock.json', 'tsconfig.json'].map((name) => path.join(root, name));
  writeWhenChanged(stampFile, Buffer.from(stampOf(recipe, [...inputs, ...outputs, ...surroundings])));
}

/** Puts `otlp.mjs` beside each handler that may trace; returns what that depends on. */
function addSpans(written: Written, output: string): string[] {
  const [traced, untraced] = [new Set<string>(), new Set<string>()];
  for (const [file, inputs] of written) {
    if (!file.endsWith('.mjs')) continue;
    (inputs.includes(TRACING) ? traced : untraced).add(path.dirname(file));
  }
  for (const folder of untraced) rmSync(path.join(folder, `${SPANS.name}.mjs`), { force: true });
  if (traced.size === 0) return [];
  const bundle = bundleSpans(path.join(output, '.spans'));
  const contents = readFileSync(bundle);
  const targets = [...traced].map((folder) => path.join(folder, `${SPANS.name}.mjs`));
  for (const target of targets) writeWhenChanged(target, contents);
  return [bundle, ...targets];
}

/** Bundles OpenTelemetry once for all handlers, whose sources change more often; returns the file. */
function bundleSpans(output: string): string {
  const target = path.join(output, SPANS.name, `${SPANS.name}.mjs`);
  const recipe = JSON.stringify([OPTIONS, SPANS]);
  const stampFile = path.join(output, '.stamp.json');
  if (isFresh(stampFile, recipe)) return target;
  const root = path.dirname(SPANS.source);
  const entryPoints = [{ in: SPANS.source, out: `${SPANS.name}/${SPANS.name}` }];
  const { inputs } = build({ entryPoints, absWorkingDir: root, minify: true, sourcemap: false }, output);
  writeWhenChanged(stampFile, Buffer.from(stampOf(recipe, [...inputs, target])));
  return target;
}

/** The files that were made, each with the files that it was made of. */
type Written = ReadonlyMap<string, readonly string[]>;

/** Bundles into a folder, where files that come out as they were stay untouched. All paths are absolute. */
function build(
  options: BuildOptions & { absWorkingDir: string },
  output: string,
): { inputs: string[]; written: Written } {
  // esbuild writes the files itself, which takes half as long as handing them over; at the same depth, because maps name their sources by it.
  mkdirSync(path.dirname(output), { recursive: true });
  const draft = mkdtempSync(path.join(path.dirname(output), '.draft-'));
  const absolute = (file: string) => path.resolve(options.absWorkingDir, file);
  try {
    const { inputs, outputs } = run({ ...options, outdir: draft });
    const written = new Map<string, string[]>();
    for (const [file, made] of Object.entries(outputs)) {
      const target = path.join(output, path.relative(draft, absolute(file)));
      moveWhenChanged(absolute(file), target);
      written.set(target, Object.keys(made.inputs).map(absolute));
    }
    return { inputs: Object.keys(inputs).map(absolute), written };
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function run(options: BuildOptions): Metafile {
  try {
    return buildSync({ ...OPTIONS, mainFields: [...OPTIONS.mainFields], ...options, metafile: true }).metafile;
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
function moveWhenChanged(draft: string, target: string): void {
  if (existsSync(target) && readFileSync(target).equals(readFileSync(draft))) return;
  mkdirSync(path.dirname(target), { recursive: true });
  renameSync(draft, target);
}

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
