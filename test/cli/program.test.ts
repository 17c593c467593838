import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baton, copyProject, type Ended, occupyPort, type ProjectCopy, project } from './baton.ts';

/** A run that is over quickly, if it comes to run at all. */
const brief = ['start', '--exit', '--orders', '1'];
/** Refused before anything was started: the message and a hint, nothing on standard output. */
const misuse: [called: string[], says: string][] = [
  [['nope'], "error: unknown command 'nope'"],
  [['--nope'], "error: unknown option '--nope'"],
  [['start', '--nope'], "error: unknown option '--nope'"],
  [['start', '--order', '5'], '(Did you mean --orders?)'],
  [['start', 'now'], "error: too many arguments for 'start'"],
  [['start', '--orders'], "error: option '--orders <number>' argument missing"],
  [['start', '--orders', 'many'], "error: option '--orders <number>' argument 'many' is invalid. Give a whole number"],
  [['start', '--orders', '-1'], "argument '-1' is invalid. Give a whole number of 0 or more."],
  [['start', '--orders', '1.5'], "argument '1.5' is invalid. Give a whole number of 0 or more."],
  [['start', '--concurrency', '0'], "argument '0' is invalid. Give a whole number of 1 or more."],
  [['start', '--speed', '0'], "argument '0' is invalid. Give a number over 0."],
  [['start', '--rate', ''], "argument '' is invalid. Give a number over 0."],
  [['start', '--duplicates', '2'], "argument '2' is invalid. Give a share such as '0.05' or '5%'."],
  [['start', '--payment-failures', '%'], "argument '%' is invalid. Give a share such as '0.05' or '5%'."],
  [['start', '--orders', '0x10'], "argument '0x10' is invalid. Give a whole number of 0 or more."],
  [['start', '--orders', ''], "argument '' is invalid. Give a whole number of 0 or more."],
  [['start', '--port', '99999'], "argument '99999' is invalid. Give a port from 1 to 65535."],
  [['start', '--dynamodb-port', '0'], "argument '0' is invalid. Give a port from 1 to 65535."],
  [['start', '--sqs-endpoint', 'localhost:4566'], "Give a URL such as 'http://127.0.0.1:4566'."],
  [['start', '--dynamodb-endpoint', 'nope'], "Give a URL such as 'http://127.0.0.1:4566'."],
];

describe('baton, called wrongly', () => {
  it.concurrent.each(misuse)('%j is refused with one message', async (called, says) => {
    const { code, stdout, stderr } = await baton(called);
    expect(stderr).toContain(says);
    expect(stderr.trim().split('\n').at(-1)).toBe('(add --help for all options)');
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(3);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it('says where an endpoint came from when it is in the environment', async () => {
    const { code, stderr } = await baton(['start'], { env: { AWS_ENDPOINT_URL_SQS: 'nope' } });
    expect(stderr).toContain("value 'nope' from env 'AWS_ENDPOINT_URL_SQS' is invalid");
    expect(code).toBe(2);
  });

  it.each([
    ['start', ['start', '--env', 'nope', '--exit']],
    ['synth', ['synth', 'nope']],
  ])('%s names the environments that there are', async (_, called) => {
    const ended = await baton(called);
    expectOneMessage(ended, /^There is no environment 'nope'.*dev, staging, prod/);
  });

  it('names the benchmarks that there are', async () => {
    const { code, stderr } = await baton(['bench', 'nope']);
    expect(stderr).toContain("There is no benchmark 'nope'");
    expect(stderr).toContain('pipeline');
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).not.toBe(0);
  });

  it('refuses a report that cannot be written, before it starts anything', async () => {
    const ended = await baton([...brief, '--report', join(project, 'nowhere', 'report.json')]);
    expectOneMessage(ended, /^--report: .*nowhere\/report\.json' cannot be written/);
    expect(ended.stdout).toBe('');
  });

  it('leaves no report behind where a run never came to one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'baton-report-'));
    try {
      const file = join(folder, 'report.json');
      const ended = await baton([...brief, '--env', 'nope', '--report', file]);
      expect(ended.code).toBe(1);
      expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe('');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('baton start, where it cannot run', () => {
  it.each([
    ['--port', 'the messaging engine'],
    ['--dynamodb-port', 'the DynamoDB engine'],
  ])('says who wanted the busy port, and which flag to change: %s', async (flag, engine) => {
    await using taken = await occupyPort();
    const ended = await baton([...brief, flag, String(taken.port)]);
    expectOneMessage(ended, new RegExp(`^Port ${taken.port}, meant for ${engine}.* is in use .*${flag}`));
  });

  it.each(['--sqs-endpoint', '--dynamodb-endpoint'])('says that nothing answers there: %s', async (flag) => {
    const ended = await baton([...brief, flag, 'http://127.0.0.1:9']);
    expectOneMessage(ended, new RegExp(`^Nothing answers at http://127.0.0.1:9.*${flag}`));
  });

  it('says how to get a DynamoDB engine where there is none', async () => {
    using copy = copyProject(['@dynoxide']);
    const { code, stderr } = await baton(brief, { cwd: copy.folder, env: { PATH: pathWithoutDynoxide() } });
    expect(stderr).toMatch(/^There is no DynamoDB engine on this machine/);
    for (const remedy of ['npm install', 'cargo install', 'brew', '--dynamodb-endpoint']) {
      expect(stderr).toContain(remedy);
    }
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(1);
  });

  it('says that another process uses the folder of --persist', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'baton-persist-'));
    try {
      const { DatabaseSync } = await import('node:sqlite');
      using lock = new DatabaseSync(join(folder, 'lock.db'));
      lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
      expectOneMessage(
        await baton([...brief, '--persist', folder]),
        /^Another process uses the data in .*baton-persist-/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('baton start, with a broken project', () => {
  let copy: ProjectCopy;
  const handler = 'functions/billing/handler.ts';

  beforeAll(() => {
    copy = copyProject();
  });
  afterAll(() => copy[Symbol.dispose]());

  /** Runs with the handler broken, and mends it afterwards. */
  async function broken(breakIt: (source: string) => string): Promise<Ended> {
    const file = join(copy.folder, handler);
    const source = readFileSync(file, 'utf8');
    writeFileSync(file, breakIt(source));
    try {
      return await baton(brief, { cwd: copy.folder });
    } finally {
      writeFileSync(file, source);
    }
  }

  it.each([
    ['does not compile', 'export const broken = ;', 'Unexpected ";"'],
    ['imports what is not there', "import './nope.ts';", 'Could not resolve "./nope.ts"'],
  ])('names file and line of a handler that %s', async (_, line, why) => {
    let lines = 0;
    const { code, stderr } = await broken((source) => {
      lines = source.trimEnd().split('\n').length;
      return `${source.trimEnd()}\n${line}\n`;
    });
    expect(stderr).toMatch(new RegExp(`^A handler could not be bundled:\n {2}${handler}:${lines + 1}:\\d+: `));
    expect(stderr).toContain(why);
    expect(stderr.trim().split('\n')).toHaveLength(2);
    expect(code).toBe(1);
  });

  it('names function, file and line of a handler that throws as it is loaded', async () => {
    let lines = 0;
    const { code, stderr } = await broken((source) => {
      lines = source.trimEnd().split('\n').length;
      return `${source.trimEnd()}\nthrow new Error('no licence');\n`;
    });
    expect(stderr).toContain('Function Baton-dev-Orders-Billing does not start');
    expect(stderr).toContain('no licence');
    expect(stderr).toMatch(new RegExp(`\n {2}at ${handler}:${lines + 1}:\\d+$`, 'm'));
    expect(stderr).not.toMatch(/^Baton failed/);
    expect(code).toBe(1);
  });

  it('names the function whose file exports no handler', async () => {
    const ended = await broken((source) => source.replace('export const handler', 'export const other'));
    expectOneMessage(ended, /^Function Baton-dev-Orders-Billing does not start: .*handler is not exported/);
  });

  it('shows what the app says when it does not synthesize', async () => {
    const file = join(copy.folder, 'lib/stacks/orders-stack.ts');
    const source = readFileSync(file, 'utf8');
    writeFileSync(file, source.replace("'functions/billing/handler.ts'", "'functions/nope/handler.ts'"));
    try {
      const ended = await baton(brief, { cwd: copy.folder });
      expectOneMessage(ended, /functions\/nope\/handler\.ts: there is no such handler/);
    } finally {
      writeFileSync(file, source);
    }
  });

  it('needs nothing of what an earlier run left half done', async () => {
    mkdirSync(join(copy.folder, '.baton/bundles'), { recursive: true });
    appendFileSync(join(copy.folder, '.baton/bundles/.functions.json'), '{"recipe":');
    const { code, stderr } = await baton([...brief, '--poison', '0'], { cwd: copy.folder });
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });
});

describe('baton --help', () => {
  it('explains every command, and answers on standard output', async () => {
    const { code, stdout, stderr } = await baton(['--help']);
    for (const command of ['start', 'synth', 'bench'])
      expect(stdout).toMatch(new RegExp(`^ {2}${command}\\b.* {2}\\w`, 'm'));
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });

  it('shows the same, as an error, to who calls it with nothing', async () => {
    const { code, stdout } = await baton([]);
    expect(stdout).toContain('Usage: baton');
    expect(code).not.toBe(0);
  });

  it('explains every flag of start, with its default', async () => {
    const { code, stdout } = await baton(['start', '--help']);
    const flags = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+).*? {2,}(\S.*)$/gm)];
    expect(flags.map(([, flag]) => flag)).toEqual(
      expect.arrayContaining([
        ...['--env', '--exit', '--report', '--orders', '--rate', '--payment-failures', '--duplicates', '--poison'],
        ...['--seed', '--speed', '--concurrency', '--persist', '--port', '--dynamodb-port'],
        ...['--sqs-endpoint', '--dynamodb-endpoint', '--help'],
      ]),
    );
    // Each is on a line, and what it does is beside it.
    expect(flags).toHaveLength(stdout.match(/^ {2}-/gm)!.length);
    expect(stdout).toContain('Examples:');
    expect(code).toBe(0);
  });

  it('works as `npx baton` in the project', () => {
    const said = execFileSync('npx', ['--no-install', 'baton', '--help'], { cwd: project, encoding: 'utf8' });
    expect(said).toContain('Usage: baton');
  });

  it('knows its version', async () => {
    const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { version: string };
    expect((await baton(['--version'])).stdout.trim()).toBe(version);
  });
});

/** One line on standard error that says it all, and exit code 1. */
function expectOneMessage({ code, stderr }: Ended, message: RegExp): void {
  expect(stderr).toMatch(message);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(code).toBe(1);
}

function pathWithoutDynoxide(): string {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => !existsSync(join(folder, 'dynoxide')));
  return [dirname(process.execPath), ...folders].join(delimiter);
}
