import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { type BuildOptions, build, type Metafile } from 'esbuild';

/** Who is compared: Powertools wired by hand, and Baton. */
export type Side = 'peer' | 'baton';

/** The one-file function of a side. */
export interface Bundle {
  file: string;
  bytes: number;
  /** Nearer to what Lambda downloads. */
  gzippedBytes: number;
  /** Bytes in the bundle by npm package; ours by room. */
  bytesByPackage: [name: string, bytes: number][];
}

/** As Baton's own pass bundles functions (lib/constructs/bundle.ts), but minified to the end and without a source map. */
const OPTIONS = {
  outExtension: { '.js': '.mjs' },
  bundle: true,
  metafile: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  mainFields: ['module', 'main'],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  banner: {
    js: "import{createRequire as batonCreateRequire}from'node:module';const require=batonCreateRequire(import.meta.url);",
  },
  logLevel: 'warning',
} satisfies BuildOptions;

const here = fileURLToPath(new URL('.', import.meta.url));

/**
 * Bundles both sides alike into a folder, and beside them the programs that run them.
 * @param readable keeps the names of functions, for a profile @default false
 */
export async function bundleSides(folder: string, readable = false): Promise<Record<Side, Bundle>> {
  const { metafile } = await build({
    ...OPTIONS,
    minifyIdentifiers: !readable,
    absWorkingDir: join(here, '..', '..'),
    outdir: folder,
    entryPoints: {
      peer: join(here, 'handler.ts'),
      baton: join(here, 'baton-handler.ts'),
      side: join(here, 'side-entry.ts'),
      cold: join(here, 'cold-entry.ts'),
    },
  });
  return { peer: describe('peer', folder, metafile), baton: describe('baton', folder, metafile) };
}

function describe(side: Side, folder: string, { outputs }: Metafile): Bundle {
  const file = join(folder, `${side}.mjs`);
  const contents = readFileSync(file);
  const [, output] = Object.entries(outputs).find(([name]) => name.endsWith(`${side}.mjs`))!;
  const sums = new Map<string, number>();
  for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
    const name = packageOf(input);
    sums.set(name, (sums.get(name) ?? 0) + bytesInOutput);
  }
  return {
    file,
    bytes: contents.length,
    gzippedBytes: gzipSync(contents).length,
    bytesByPackage: [...sums].sort(([, a], [, b]) => b - a),
  };
}

function packageOf(input: string): string {
  const inner = input.split('node_modules/').at(-1)!;
  if (inner !== input) return inner.split('/', inner.startsWith('@') ? 2 : 1).join('/');
  return input.split('/', 2).join('/');
}
