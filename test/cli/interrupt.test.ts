import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { descendants, occupyPort, type Running, startBaton, survivors } from './baton.ts';

const calm = ['--poison', '0', '--duplicates', '0', '--payment-failures', '0'];

/** Where these runs, and no others, keep what they keep while they last. */
const temporary = mkdtempSync(join(tmpdir(), 'baton-interrupt-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

let running: Running | undefined;
afterEach(async () => {
  running?.signal('SIGKILL');
  await running?.ended;
  running = undefined;
});

function start(...args: string[]): Running {
  running = startBaton(['start', '--orders', '50', ...calm, ...args], { env: { TMPDIR: temporary } });
  return running;
}

describe('Ctrl-C', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('ends a pipeline that stays up: %s', async (signal) => {
    const [port, dynamodbPort] = await freePorts();
    const up = start('--port', String(port), '--dynamodb-port', String(dynamodbPort));
    await up.says('Everything is handled');
    const children = descendants(up.pid);
    expect(children.length).toBeGreaterThan(0);

    up.signal(signal);
    const { code, stderr } = await up.ended;
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(await survivors(children)).toEqual([]);
    expect(leftovers()).toEqual([]);
    // Whoever can listen on them has them for himself.
    await using _messaging = await occupyPort(port);
    await using _dynamodb = await occupyPort(dynamodbPort);
  });

  it('ends a run under way, and leaves no process', async () => {
    const up = start('--orders', '2000');
    await up.says('Ready in');
    const children = descendants(up.pid);
    up.signal('SIGINT');
    const { code, stdout, stderr } = await up.ended;
    expect(stdout).not.toContain('Everything is handled');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(await survivors(children)).toEqual([]);
  });

  it('fails a run that was to be judged and was not', async () => {
    const up = start('--orders', '2000', '--exit');
    await up.says('Ready in');
    up.signal('SIGINT');
    expect((await up.ended).code).not.toBe(0);
  });

  it.each([0, 400, 1200])('ends it while it starts up, without a complaint: after %d ms', async (delay) => {
    const up = start();
    await up.says('Starting the');
    await sleep(delay);
    const children = descendants(up.pid);
    up.signal('SIGINT');
    const { stdout, stderr } = await up.ended;
    expect(stderr).toBe('');
    expect(stdout).not.toContain('Ready in');
    expect(await survivors(children)).toEqual([]);
  });

  it('ends it at once when it is given twice', async () => {
    const up = start();
    await up.says('Everything is handled');
    const children = descendants(up.pid);
    up.signal('SIGINT');
    await sleep(5);
    up.signal('SIGINT');
    await up.ended;
    expect(await survivors(children)).toEqual([]);
  });
});

describe('a baton that is killed', () => {
  it('takes its engines with it', async () => {
    const up = start();
    await up.says('Ready in');
    const children = descendants(up.pid);
    expect(children.length).toBeGreaterThan(0);
    process.kill(up.pid, 'SIGKILL');
    await up.ended;
    expect(await survivors(children)).toEqual([]);
  });
});

async function freePorts(): Promise<[number, number]> {
  await using one = await occupyPort();
  await using other = await occupyPort();
  return [one.port, other.port];
}

/** What a run keeps in the temporary folder while it lasts. */
function leftovers(): string[] {
  return readdirSync(temporary).filter((name) => name.startsWith('baton-assembly-'));
}
