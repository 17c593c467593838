import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AlarmWorld, ON_CALL, startAlarmWorld } from '../operations/alarm-world.ts';
import { baton, type Ended, startBaton } from './baton.ts';

let world: AlarmWorld;
let auditTable: string;
beforeAll(async () => {
  world = await startAlarmWorld();
  auditTable = await world.engines.createTable({ sortKey: true });
  await world.subscribe('page', 'email', 'night@shop.test');
  await world.subscribe('ticket', 'email', 'day@shop.test');
});
afterAll(() => world.stop());

const run = (...args: string[]): Promise<Ended> => baton(args, { env: world.environment });
const open = (...args: string[]) => run('maintenance', 'open', '--for', '2h', '--reason', 'new disks', ...args);
const prod = ['--env', 'prod'];
const state = async () => (await world.alarm(`${ON_CALL}-Maintenance`)).StateValue;

/** What was recorded so far: `maintenance.open by jane: done`. */
async function recorded(): Promise<string[]> {
  const { Items = [] } = await world.engines.dynamodb.send(new ScanCommand({ TableName: auditTable }));
  const outcomes = new Map(Items.flatMap(({ id, status }) => (status ? [[id!.S, status.S]] : [])));
  return Items.filter(({ action }) => action)
    .toSorted((one, other) => one.sk!.S!.localeCompare(other.sk!.S!))
    .map(({ id, action, by }) => `${action!.S} by ${by!.S}: ${outcomes.get(id!.S)}`);
}

describe('baton maintenance', () => {
  it('opens, lists and closes a window, and records it', async () => {
    const opened = await open(...prod, '--audit-table', auditTable);
    expect(opened.stdout).toMatch(
      /^Open: Baton-prod-Foundation-OnCall-Maintenance, by jane, until .* UTC \(2 h 0 min left\): new disks\nIt closes by itself then\. When you are done earlier: `npx baton maintenance close --env prod`\n$/,
    );
    expect([opened.stderr, opened.code, await state()]).toEqual(['', 0, 'ALARM']);

    const listed = await run('maintenance', 'list', '--json');
    expect(JSON.parse(listed.stdout)).toMatchObject([{ alarm: `${ON_CALL}-Maintenance`, by: 'jane' }]);
    expect((await run('maintenance', 'list')).stdout).toMatch(/left\): new disks\n$/);

    const closed = await run('maintenance', 'close', ...prod, '--audit-table', auditTable);
    expect([closed.code, await state()]).toEqual([0, 'OK']);
    expect(closed.stdout).toMatch(/^Closed: .*\nNothing that it held back is in ALARM\.\n$/);
    expect((await run('maintenance', 'list')).stdout).toBe('No maintenance window is open.\n');
    expect(await recorded()).toEqual(['maintenance.open by jane: done', 'maintenance.close by jane: done']);
  });

  it('says when it does not record, because there is no table', async () => {
    const { stderr, code } = await open(...prod);
    expect(stderr).toBe(
      'Not recorded: there is no table Baton-prod-Foundation-Audit. Name one with --audit-table or BATON_AUDIT_TABLE.\n',
    );
    expect(code).toBe(0);
  });

  it('refuses to open a window over another, and shows it', async () => {
    const { stderr, code } = await open(...prod, '--audit-table', auditTable);
    expect(stderr).toMatch(
      /^A maintenance window is open already: by jane, until .* left\): new disks\. Close it first/,
    );
    expect(code).toBe(1);
    expect((await recorded()).at(-1)).toBe('maintenance.open by jane: failed');
    const extended = await open(...prod, '--extend');
    expect(extended.stdout).toMatch(/^Extended: /);
    await run('maintenance', 'close', ...prod);
    expect(await state()).toBe('OK');
  });

  it('does nothing unrecorded when the table that was named is not there', async () => {
    const { stderr, code } = await open(...prod, '--audit-table', 'nowhere');
    expect(stderr).toBe(
      "There is no audit table 'nowhere' here, so nothing was done. Check the table, region and endpoint.\n",
    );
    expect([code, await state()]).toEqual([1, 'OK']);
  });

  it('warns where nothing closes the window when its time is over', async () => {
    const { stderr } = await open('--alarm', `${ON_CALL}-test-ticket`);
    expect(stderr).toContain('It may not close by itself: there is no heartbeat alarm beside it.');
    await run('maintenance', 'close', '--alarm', `${ON_CALL}-test-ticket`);
  });

  it.each([
    ['nothing at all', [], 'Say --env (or --alarm, or --local), --for, --reason as well: `npx baton'],
    ['no environment', ['--for', '1h', '--reason', 'x'], 'Say --env (or --alarm, or --local) as well: `npx baton'],
    ['more than a day', [...prod, '--for', '25h', '--reason', 'x'], 'at most 24 hours'],
    ['less than a minute', [...prod, '--for', '59s', '--reason', 'x'], 'at least 1 minute'],
    ['an empty reason', [...prod, '--for', '1h', '--reason', ' '], 'is empty'],
  ])('calls %s called wrongly, in a sentence', async (_, args, message) => {
    const { stderr, code } = await run('maintenance', 'open', ...args);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect([code, await state()]).toEqual([2, 'OK']);
  });

  it('says where it looked for an alarm that is not there, and nothing of a record', async () => {
    const { stderr, code } = await run('maintenance', 'open', '--alarm', 'nobody', '--for', '1h', '--reason', 'x');
    expect(stderr).toBe(
      `There is no alarm 'nobody' in eu-west-1 at ${world.environment.AWS_ENDPOINT_URL_CLOUDWATCH}. Check --env or --alarm, account and region.\n`,
    );
    expect(code).toBe(1);
  });

  it.each(['soon', '10', '-5m', '0h'])('calls a length of %s called wrongly', async (length) => {
    const { stderr, code } = await run('maintenance', 'open', ...prod, '--reason', 'x', `--for=${length}`);
    expect(stderr).toContain("Give a length of time such as '10m', '2h' or '1h30m'.");
    expect(code).toBe(2);
  });
});

describe('baton oncall test', () => {
  it('passes when the codes that arrived are typed in', async () => {
    const running = startBaton(['oncall', 'test', ...prod], { env: world.environment, stdin: 'pipe' });
    await running.says('page: which code arrived at email n***@shop.test?');
    running.types(`WRONG\n${(await world.codes('page')).at(-1)}\n`);
    await running.says('ticket: which code arrived at email d***@shop.test?');
    running.types(`${(await world.codes('ticket')).at(-1)}\n`);
    const { stdout, code } = await running.ended;
    expect(stdout).toMatch(/ {2}page +email +n\*\*\*@shop\.test +answered\n/);
    expect(stdout).toMatch(/ {2}ticket +email +d\*\*\*@shop\.test +answered\n/);
    expect(stdout).toMatch(/Everybody on call hears of alarms\.\n$/);
    expect(code).toBe(0);
  });

  it('fails when nobody is there to type', async () => {
    const { stdout, code } = await run('oncall', 'test', ...prod, '--urgency', 'page');
    expect(stdout).toMatch(/email +n\*\*\*@shop\.test +no answer\n/);
    expect(stdout).toMatch(/Not everybody on call would hear of an alarm\.\n$/);
    expect(code).toBe(1);
  });

  it('ends after sending when nobody is to be asked', async () => {
    const { stdout, code } = await run('oncall', 'test', ...prod, '--no-answer', '--audit-table', auditTable);
    expect(stdout).toMatch(/Everything was sent\. Whether it arrived, nobody was asked\.\n$/);
    expect(code).toBe(0);
    expect((await recorded()).at(-1)).toBe('oncall.test by jane: done');
  });

  it('puts its alarms back when it is interrupted', async () => {
    const running = startBaton(['oncall', 'test', ...prod], { env: world.environment, stdin: 'pipe' });
    await running.says('page: which code');
    expect((await world.alarm(`${ON_CALL}-test-ticket`)).StateValue).toBe('ALARM');
    running.signal('SIGINT');
    expect((await running.ended).code).toBe(1);
    expect((await world.alarm(`${ON_CALL}-test-page`)).StateValue).toBe('OK');
    expect((await world.alarm(`${ON_CALL}-test-ticket`)).StateValue).toBe('OK');
  });

  it('says which environment has no test alarms', async () => {
    const { stderr, code } = await run('oncall', 'test', '--env', 'qa');
    expect(stderr).toContain("There is no alarm 'Baton-qa-Foundation-OnCall-test-page' in eu-west-1 at http://");
    expect(code).toBe(1);
  });

  it('says what to do when nothing arrived', async () => {
    const running = startBaton(['oncall', 'test', ...prod, '--urgency', 'page'], {
      env: world.environment,
      stdin: 'pipe',
    });
    await running.says('page: which code');
    running.types('\n');
    const { stdout, code } = await running.ended;
    expect(stdout).toMatch(/arrived nowhere\n/);
    expect(stdout).toMatch(/- Arrived nowhere: docs\/runbooks\/heartbeat\.md, "A notification was not delivered"\.\n$/);
    expect(code).toBe(1);
  });

  it('names no place to go, and is called wrongly', async () => {
    const { stderr, code } = await run('oncall', 'test');
    expect([stderr, code]).toEqual([expect.stringContaining('Say which environment with --env'), 2]);
  });
});
