import { spawn } from 'node:child_process';
import { createRequire, getCompileCacheDir } from 'node:module';
import { availableParallelism } from 'node:os';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentNames } from '../stacks/environments.ts';
import { UserError } from './failure.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

/** Runs `cdk synth` for each environment, as many at once as there are processors; returns 0 when every one of them went well. */
export async function synthEnvironments(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !environmentNames.includes(name));
  if (unknown.length > 0) {
    throw new UserError(`There is no environment '${unknown[0]}'; there are ${environmentNames.join(', ')}.`);
  }
  const waiting = [...(names.length > 0 ? names : environmentNames)];
  const codes: number[] = [];
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) codes.push(await synth(name));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return codes.every((code) => code === 0) ? 0 : 1;
}

async function synth(env: string): Promise<number> {
  const started = performance.now();
  const cdk = createRequire(import.meta.url).resolve('aws-cdk/bin/cdk');
  const child = spawn(
    process.execPath,
    [cdk, 'synth', '--quiet', '--context', `env=${env}`, '--output', `cdk.out/${env}`],
    {
      cwd: project,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        // `node` in cdk.json is this Node, whoever called us; and compiled code is kept, the CLI's and the app's.
        PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`,
        NODE_COMPILE_CACHE: getCompileCacheDir(),
      },
    },
  );
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (ended) => resolve(ended ?? 1));
  });
  if (code === 0) {
    process.stdout.write(`${env}: cdk.out/${env} in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
    for (const warning of warningsIn(said)) process.stdout.write(`  ${warning}\n`);
  } else {
    process.stderr.write(`${env} could not be synthesized.\n${said.trim()}\n`);
  }
  return code;
}

/** What CDK warns of, a line each, of the paragraphs that it writes. */
function warningsIn(said: string): string[] {
  return [...said.matchAll(/^WARNING (.*?)(?: \(Annotation\))?$/gm)].map(([, warning]) => warning!);
}
