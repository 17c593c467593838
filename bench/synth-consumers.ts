import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import path from 'node:path';
import cdkJson from '../cdk.json' with { type: 'json' };
import { median } from './median.ts';
import { writeProject } from './synth-project.ts';

/** How long a measurement is. */
export interface ConsumerSizes {
  /** Numbers of consumers, smallest first; two at least. */
  consumers: readonly number[];
  /** Runs of each, with the bundles made anew. */
  runs: number;
}

interface Synthesized {
  /** Bundles made anew: what CI pays. */
  cold: number;
  /** Nothing changed since: what somebody pays who edits the stacks. */
  warm: number;
  /** By type. */
  resources: Map<string, number>;
  stacks: number;
}

/**
 * Synthesizes apps of so many consumers in fresh processes of `node`, as the CDK CLI starts them: all handlers bundled, all templates
 * checked, all assets copied.
 */
export async function measureConsumers(
  say: (line: string) => void,
  { consumers, runs }: ConsumerSizes,
): Promise<Record<string, number>> {
  const measured = new Map<number, Synthesized>();
  for (const count of consumers) {
    const found = await synthesize(count, runs);
    measured.set(count, found);
    const total = sum(found.resources);
    say(
      `${count} consumers: ${Math.round(found.cold)} ms, with bundles of before ${Math.round(found.warm)} ms; ${total} resources in ${found.stacks} stacks`,
    );
  }
  const [least, most] = [Math.min(...consumers), Math.max(...consumers)];
  const each = perConsumer(measured.get(least)!.resources, measured.get(most)!.resources, most - least);
  for (const [type, count] of each) say(`${count} ${type} a consumer`);
  return {
    ...Object.fromEntries([...measured].map(([count, { cold }]) => [`consumers${count}Ms`, cold])),
    [`consumers${most}WarmMs`]: measured.get(most)!.warm,
    resourcesPerConsumer: sum(each),
  };
}

async function synthesize(consumers: number, runs: number): Promise<Synthesized> {
  const root = writeProject(consumers);
  const out = path.join(root, 'cdk.out');
  try {
    const [cold, warm]: [number[], number[]] = [[], []];
    for (let run = 0; run < runs; run++) {
      rmSync(path.join(root, '.baton'), { recursive: true, force: true });
      for (const times of [cold, warm]) {
        rmSync(out, { recursive: true, force: true });
        times.push(await time(root, out));
      }
    }
    const templates = readdirSync(out).filter((file) => file.endsWith('.template.json'));
    const resources = new Map<string, number>();
    for (const file of templates) {
      const { Resources } = JSON.parse(readFileSync(path.join(out, file), 'utf8'));
      for (const { Type } of Object.values(Resources as Record<string, { Type: string }>)) {
        resources.set(Type, (resources.get(Type) ?? 0) + 1);
      }
    }
    return { cold: median(cold), warm: median(warm), resources, stacks: templates.length };
  } finally {
    rmSync(root, { recursive: true });
  }
}

async function time(root: string, out: string): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, ['app.ts'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      CDK_OUTDIR: out,
      CDK_CONTEXT_JSON: JSON.stringify({ ...cdkJson.context, 'aws:cdk:enable-path-metadata': true }),
      NODE_COMPILE_CACHE: getCompileCacheDir(),
    },
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`The app in ${root} ended with exit code ${code}.\n${said}`);
  return performance.now() - started;
}

/** What each further consumer adds: what an app has once (topics, keys, tables) is in both. */
function perConsumer(least: Map<string, number>, most: Map<string, number>, further: number): Map<string, number> {
  const each = [...most].map(([type, count]) => [type, (count - (least.get(type) ?? 0)) / further] as const);
  return new Map(
    each
      .map(([type, count]) => [type, Math.round(count * 100) / 100] as const)
      .filter(([, count]) => count > 0)
      .toSorted(([, a], [, b]) => b - a),
  );
}

function sum(counts: Map<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
