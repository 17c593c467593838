import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { App } from 'aws-cdk-lib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import cdkJson from '../../cdk.json' with { type: 'json' };
import { BundleError } from '../../lib/constructs/index.ts';
import { synthesizePipeline } from '../../lib/stacks/app.ts';

let outdir: string;

beforeEach(() => {
  outdir = mkdtempSync(path.join(tmpdir(), 'baton-app-'));
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(outdir, { recursive: true });
});

/** Runs the app as the CDK CLI does; the rules that CDK checks templates against take a second or more. */
function runApp(context: Record<string, unknown>, { rules = false } = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['bin/app.ts'], {
    encoding: 'utf8',
    timeout: 60_000,
    env: {
      PATH: process.env.PATH,
      CDK_OUTDIR: outdir,
      CDK_VALIDATION: String(rules),
      CDK_CONTEXT_JSON: JSON.stringify({ ...cdkJson.context, ...context }),
    },
  });
  return { status, stdout, stderr };
}

describe('the app', () => {
  it('synthesizes dev when it is told nothing, and says nothing', () => {
    expect(runApp({})).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(existsSync(path.join(outdir, 'Baton-dev-Orders.template.json'))).toBe(true);
  });

  it('synthesizes the environment it is told, and passes the rules of CDK', () => {
    expect(runApp({ env: 'prod' }, { rules: true }).status).toBe(0);
    expect(existsSync(path.join(outdir, 'Baton-prod-Orders.template.json'))).toBe(true);
  });

  it('refuses an unknown environment in one message', () => {
    const { status, stdout, stderr } = runApp({ env: 'production' });
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^There is no environment 'production'\. There are dev, staging, prod: .*\n$/);
  });

  it('says what is wrong with a handler in one message', () => {
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const app = new App({ outdir });
    vi.spyOn(app, 'synth').mockImplementation(() => {
      throw new BundleError('A handler could not be bundled:\n  functions/billing/handler.ts:1:2: Unexpected "x"');
    });
    expect(synthesizePipeline(app)).toBe(1);
    expect(said.mock.calls).toEqual([
      ['A handler could not be bundled:\n  functions/billing/handler.ts:1:2: Unexpected "x"\n'],
    ]);
  });
});
