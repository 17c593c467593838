import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { goLocal, localEndpoints, publishEndpoints, shellLines } from '../../lib/cli/local-endpoints.ts';
import type { LocalCloud } from '../../lib/local/cloud.ts';
import { baton, copyProject, startBaton } from './baton.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'baton-local-'));
  file = join(folder, '.baton/local.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** As much of a local cloud as says where it is. */
function cloudAt(url: string, accessKeyId = 'local'): LocalCloud {
  const variables = { AWS_ENDPOINT_URL_SQS: url, AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: accessKeyId };
  return {
    engines: { environment: () => variables },
    cloudwatchEndpoint: `${url}/cloudwatch`,
    lambdaEndpoint: `${url}/lambda`,
  } as unknown as LocalCloud;
}

describe('where the local cloud is', () => {
  it('can be found while it runs, and no longer', () => {
    const unpublish = publishEndpoints(cloudAt('http://127.0.0.1:1'), 'dev', file);
    expect(localEndpoints(file)).toMatchObject({ env: 'dev', pid: process.pid });
    unpublish();
    expect(existsSync(file)).toBe(false);
    expect(() => localEndpoints(file)).toThrow(/^Nothing runs on this machine\. Start it with `npm start`/);
  });

  it('is not believed of a process that was killed', () => {
    // process ids have an end on every platform, and this is beyond it
    writeFileSync(join(folder, 'stale.json'), JSON.stringify({ pid: 2 ** 30, env: 'dev', variables: {} }));
    expect(() => localEndpoints(join(folder, 'stale.json'))).toThrow(/Nothing runs/);
  });

  it('is left alone by one that ends when another has started since', () => {
    const unpublish = publishEndpoints(cloudAt('http://127.0.0.1:1'), 'dev', file);
    writeFileSync(file, JSON.stringify({ pid: process.ppid, env: 'prod', variables: {} }));
    unpublish();
    expect(localEndpoints(file).env).toBe('prod');
  });

  it('leads a process there, whatever it was signed in to', () => {
    publishEndpoints(cloudAt('http://127.0.0.1:1'), 'dev', file);
    const variables: NodeJS.ProcessEnv = { AWS_PROFILE: 'prod', AWS_SESSION_TOKEN: 'secret', AWS_REGION: 'eu-west-1' };
    expect(goLocal(variables, file)).toBe('dev');
    expect(variables).toEqual({
      AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:1',
      AWS_ENDPOINT_URL_CLOUDWATCH: 'http://127.0.0.1:1/cloudwatch',
      AWS_ENDPOINT_URL_LAMBDA: 'http://127.0.0.1:1/lambda',
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
    });
  });

  it('is what a shell can evaluate', () => {
    publishEndpoints(cloudAt('http://127.0.0.1:1'), 'dev', file);
    expect(shellLines(localEndpoints(file)).split('\n')).toEqual([
      "export AWS_ACCESS_KEY_ID='local'",
      "export AWS_ENDPOINT_URL_CLOUDWATCH='http://127.0.0.1:1/cloudwatch'",
      "export AWS_ENDPOINT_URL_LAMBDA='http://127.0.0.1:1/lambda'",
      "export AWS_ENDPOINT_URL_SQS='http://127.0.0.1:1'",
      "export AWS_REGION='us-east-1'",
      'unset AWS_PROFILE',
      'unset AWS_SESSION_TOKEN',
      '',
    ]);
  });

  it('holds no credentials of the shell', () => {
    const own = process.env.AWS_ACCESS_KEY_ID;
    process.env.AWS_ACCESS_KEY_ID = 'AKIAREAL';
    try {
      publishEndpoints(cloudAt('http://10.0.0.1', 'AKIAREAL'), 'dev', file);
    } finally {
      if (own === undefined) delete process.env.AWS_ACCESS_KEY_ID;
      else process.env.AWS_ACCESS_KEY_ID = own;
    }
    expect(JSON.stringify(localEndpoints(file))).not.toContain('AKIAREAL');
    expect(shellLines(localEndpoints(file))).not.toContain('unset');
  });
});

describe('baton beside a running `npm start`', () => {
  it('finds it with --local, and says when it is gone', async () => {
    // a copy: in the project itself, other tests start theirs
    using copy = copyProject();
    const cwd = copy.folder;
    // what somebody is signed in to must not matter
    const env = { AWS_REGION: 'eu-west-1', AWS_PROFILE: 'prod' };
    const running = startBaton(['start', '--orders', '1', '--poison', '0'], { cwd });
    await running.says('Everything is handled');

    const opened = await baton(['maintenance', 'open', '--local', '--for', '5m', '--reason', 'to try it'], {
      cwd,
      env,
    });
    expect(opened.stdout).toMatch(/^Open: Baton-dev-Foundation-OnCall-Maintenance, by .*: to try it\n/);
    expect(opened.stdout).toContain('`npx baton maintenance close --local`');
    expect([opened.stderr, opened.code]).toEqual(['', 0]);
    const nobody = await baton(['oncall', 'test', '--local', '--no-answer'], { cwd, env });
    expect(nobody.stdout).toContain(
      '- Nobody is subscribed: name somebody in `onCall` of the environment, and deploy.',
    );
    expect(nobody.code).toBe(1);
    expect((await baton(['endpoints'], { cwd })).stdout).toContain(
      "export AWS_ENDPOINT_URL_CLOUDWATCH='http://127.0.0.1:",
    );

    running.signal('SIGINT');
    await running.ended;
    for (const command of [['endpoints'], ['maintenance', 'list', '--local']]) {
      const { stderr, code } = await baton(command, { cwd, env });
      expect([stderr, code]).toEqual([expect.stringMatching(/^Nothing runs on this machine\. .*\n$/), 1]);
    }
  }, 60_000);
});
