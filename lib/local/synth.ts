import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { delimiter, dirname, join } from 'node:path';

/** The app could not be synthesized; the message is what the app said. */
export class SynthError extends Error {
  override name = 'SynthError';
}

/** What to synthesize. */
export interface SynthProps {
  /** The folder with `cdk.json`. */
  projectDirectory: string;
  /** The environment: CDK context `env`. */
  env: string;
  /** Where the assembly goes. */
  outputDirectory: string;
}

/**
 * Runs the app that `cdk.json` names, as the CDK CLI does, and returns the folder of the assembly. The CLI itself stays
 * out of the way: the app alone writes the assembly, and starting the CLI would cost a second.
 * @throws SynthError with what the app printed
 */
export async function synthesize({ projectDirectory, env, outputDirectory }: SynthProps): Promise<string> {
  const { app, context } = readCdkJson(join(projectDirectory, 'cdk.json'));
  const child = spawn(app, {
    cwd: projectDirectory,
    shell: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      // The CLI runs apps on its own Node; `node` in cdk.json must be ours as well.
      PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`,
      NODE_COMPILE_CACHE: getCompileCacheDir(),
      CDK_OUTDIR: outputDirectory,
      // The rule check takes longer than the synthesis; `cdk synth` and `cdk deploy` make it, and refuse what it finds.
      CDK_VALIDATION: 'false',
      // The context that the CDK CLI passes on its own, beside that of cdk.json.
      CDK_CONTEXT_JSON: JSON.stringify({
        'aws:cdk:enable-path-metadata': true,
        'aws:cdk:enable-asset-metadata': true,
        ...context,
        env,
      }),
    },
  });
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new SynthError(said.trim() || `'${app}' ended with exit code ${code} and said nothing.`);
  return outputDirectory;
}

function readCdkJson(file: string): { app: string; context: Record<string, unknown> } {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SynthError(`There is no ${file}: run this where the CDK app is.`, { cause });
  }
  const { app, context = {} } = JSON.parse(text) as { app?: string; context?: Record<string, unknown> };
  if (app === undefined) throw new SynthError(`${file} has no 'app': the command that synthesizes.`);
  return { app, context };
}
