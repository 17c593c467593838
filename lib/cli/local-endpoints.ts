import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Option } from 'commander';
import type { LocalCloud } from '../local/cloud.ts';
import { UserError } from './failure.ts';

/** Where the pipeline that `npm start` runs can be reached, as long as it runs. */
export interface LocalEndpoints {
  /** The process that runs it. */
  pid: number;
  /** The environment whose templates it runs. */
  env: string;
  /** What the AWS SDKs and the AWS CLI read: endpoints, a region, and credentials that open nothing, if any. */
  variables: Record<string, string>;
}

const CREDENTIALS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];
/** A signed-in shell has these, and they would win over the credentials for the laptop. */
const MISLEADING = ['AWS_PROFILE', 'AWS_SESSION_TOKEN'];

/** In the project: one `npm start` finds nothing of another project's. */
const FILE = join(fileURLToPath(new URL('../..', import.meta.url)), '.baton/local.json');

/** The option of commands that can work on the laptop as on AWS. */
export const LOCAL = new Option('--local', 'on what `npm start` runs on this machine, not on AWS');

/** What the help of these commands says about where they work. */
export const WHERE_HELP = `
Where: region, credentials and endpoints are those of the AWS SDK (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, ...). With
--local it is the pipeline that \`npm start\` runs on this machine; nothing else has to be set.`;

/** Writes down where a local cloud is; returns what takes that away again. */
export function publishEndpoints(cloud: LocalCloud, env: string, file: string = FILE): () => void {
  const { engines, cloudwatchEndpoint, lambdaEndpoint } = cloud;
  const variables: Record<string, string> = {
    ...engines.environment(),
    AWS_ENDPOINT_URL_CLOUDWATCH: cloudwatchEndpoint,
    AWS_ENDPOINT_URL_LAMBDA: lambdaEndpoint,
  };
  // an engine that runs elsewhere is spoken to with the credentials of the shell: those are written nowhere
  if (variables.AWS_ACCESS_KEY_ID === process.env.AWS_ACCESS_KEY_ID)
    for (const name of CREDENTIALS) delete variables[name];
  const local: LocalEndpoints = { pid: process.pid, env, variables };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(local, undefined, 2)}\n`);
  return () => {
    // of several that run, the last one is found: it is not for another one to take it away
    if (readFrom(file)?.pid === process.pid) rmSync(file, { force: true });
  };
}

/** @throws UserError when nothing runs on this machine */
export function localEndpoints(file: string = FILE): LocalEndpoints {
  const local = readFrom(file);
  if (local === undefined || !isRunning(local.pid)) {
    throw new UserError(
      'Nothing runs on this machine. Start it with `npm start` in another terminal, and leave it up.',
    );
  }
  return local;
}

/**
 * Leads everything that this process asks of AWS to the laptop; returns the environment that runs there.
 *
 * @throws UserError when nothing runs on this machine
 */
export function goLocal(variables: NodeJS.ProcessEnv = process.env, file: string = FILE): string {
  const local = localEndpoints(file);
  for (const name of misleadingIn(local)) delete variables[name];
  Object.assign(variables, local.variables);
  return local.env;
}

/** Lines for a shell: `eval "$(npx baton endpoints)"`. */
export function shellLines(local: LocalEndpoints): string {
  const exported = Object.entries(local.variables).map(([name, value]) => `export ${name}='${value}'`);
  const unset = misleadingIn(local).map((name) => `unset ${name}`);
  return [...exported.toSorted(), ...unset].map((line) => `${line}\n`).join('');
}

function misleadingIn({ variables }: LocalEndpoints): readonly string[] {
  return variables.AWS_ACCESS_KEY_ID === undefined ? [] : MISLEADING;
}

function readFrom(file: string): LocalEndpoints | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as LocalEndpoints;
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
