import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Report } from '../lib/cli/report.ts';

const project = fileURLToPath(new URL('..', import.meta.url));

/** What a run of `npm start -- --exit` showed. */
export interface MeasuredRun {
  /** Milliseconds from the start of npm itself to the first order accepted. */
  readyMs: number;
  report: Report;
}

/** Runs `npm start -- --exit` as a user would, and reads its report. */
export async function npmStart(options: readonly string[]): Promise<MeasuredRun> {
  const folder = mkdtempSync(join(tmpdir(), 'baton-bench-'));
  const file = join(folder, 'report.json');
  try {
    const started = performance.now();
    let readyMs = Number.NaN;
    let said = '';
    const child = spawn('npm', ['start', '--silent', '--', '--exit', '--report', file, ...options], {
      cwd: project,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const listen = (chunk: Buffer) => {
      said += chunk;
      if (Number.isNaN(readyMs) && said.includes('Ready in')) readyMs = performance.now() - started;
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0) throw new Error(`npm start ended with exit code ${code}:\n${said.slice(-2000)}`);
    return { readyMs, report: JSON.parse(readFileSync(file, 'utf8')) as Report };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
