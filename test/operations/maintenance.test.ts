import { SetAlarmStateCommand } from '@aws-sdk/client-cloudwatch';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  closeWindow,
  describeWindow,
  heartbeatOf,
  listWindows,
  type OpenWindowProps,
  openWindow,
} from '../../lib/operations/maintenance.ts';
import { type AlarmWorld, ON_CALL, startAlarmWorld } from './alarm-world.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2031-05-02T10:00:00Z');
const alarm = `${ON_CALL}-Maintenance`;

let world: AlarmWorld;
beforeAll(async () => {
  world = await startAlarmWorld();
});
afterAll(() => world.stop());
afterEach(() => set('OK'));

async function set(StateValue: 'OK' | 'ALARM', AlarmName = alarm) {
  await world.cloudwatch.send(new SetAlarmStateCommand({ AlarmName, StateValue, StateReason: 'by hand' }));
}

const given = (props: Partial<OpenWindowProps> = {}): OpenWindowProps => ({
  cloudwatch: world.cloudwatch,
  alarm,
  by: 'jane',
  reason: 'new disks',
  lengthMs: 2 * HOUR,
  id: 'window-1',
  clock: () => NOW,
  ...props,
});

const state = async () => (await world.alarm(alarm)).StateValue;

describe('a maintenance window', () => {
  it('is the suppressor in ALARM, with what the heartbeat needs to end it', async () => {
    await openWindow(given());
    const { StateValue, StateReason, StateReasonData } = await world.alarm(alarm);
    expect(StateValue).toBe('ALARM');
    expect(StateReason).toBe('Maintenance by jane until 2031-05-02T12:00:00.000Z: new disks');
    expect(JSON.parse(StateReasonData!)).toEqual({
      id: 'window-1',
      by: 'jane',
      reason: 'new disks',
      openedAt: '2031-05-02T10:00:00.000Z',
      until: '2031-05-02T12:00:00.000Z',
    });
  });

  it('is listed, by name and among all, while it is open', async () => {
    expect(await listWindows(given())).toEqual([]);
    const window = await openWindow(given());
    expect(await listWindows(given())).toEqual([window]);
    expect(await listWindows({ cloudwatch: world.cloudwatch })).toEqual([window]);
    expect(describeWindow(window, NOW + HOUR)).toBe('by jane, until 2031-05-02 12:00 UTC (1 h 0 min left): new disks');
  });

  it('is closed', async () => {
    await openWindow(given());
    expect(await closeWindow(given({ by: 'joe' }))).toMatchObject({ by: 'jane', reason: 'new disks' });
    expect(await world.alarm(alarm)).toMatchObject({ StateValue: 'OK', StateReason: 'Maintenance closed by joe' });
    expect(await closeWindow(given())).toBeUndefined();
  });

  it('is not opened over another, which is shown', async () => {
    await openWindow(given());
    await expect(openWindow(given({ by: 'joe', reason: 'me too' }))).rejects.toThrow(
      /open already: by jane, until 2031-05-02 12:00 UTC \(2 h 0 min left\): new disks/,
    );
    expect(await listWindows(given())).toMatchObject([{ by: 'jane' }]);
  });

  it('is extended: another end, the same beginning', async () => {
    await openWindow(given());
    const later = { clock: () => NOW + HOUR, extend: true, by: 'joe', reason: 'more disks', id: 'window-2' };
    await openWindow(given({ ...later, lengthMs: 3 * HOUR }));
    expect(await listWindows(given())).toEqual([
      {
        alarm,
        id: 'window-1',
        by: 'joe',
        reason: 'more disks',
        openedAt: '2031-05-02T10:00:00.000Z',
        until: '2031-05-02T14:00:00.000Z',
      },
    ]);
  });

  it('is not extended over a day', async () => {
    await openWindow(given());
    const next = given({ clock: () => NOW + HOUR, extend: true, lengthMs: 23.5 * HOUR });
    await expect(openWindow(next)).rejects.toThrow(/open for more than 24 hours/);
    expect(await listWindows(given())).toMatchObject([{ until: '2031-05-02T12:00:00.000Z' }]);
  });

  it('that nobody opened cannot be extended', async () => {
    await expect(openWindow(given({ extend: true }))).rejects.toThrow(/No maintenance window of .* is open/);
  });

  it.each([
    ['no reason', { reason: '  ' }, /reason is empty/],
    ['a reason that no alarm has room for', { reason: 'x'.repeat(501) }, /Say it in 500/],
    ['less than a minute', { lengthMs: 59_999 }, /at least 1 minute/],
    ['more than a day', { lengthMs: 24 * HOUR + 1 }, /at most 24 hours/],
  ])('is refused with %s', async (_, props, message) => {
    await expect(openWindow(given(props))).rejects.toThrow(message);
    expect(await state()).toBe('OK');
  });

  it('needs an alarm that is there', async () => {
    await expect(openWindow(given({ alarm: 'nobody' }))).rejects.toThrow(/no alarm 'nobody' in eu-west-1/);
    await expect(closeWindow(given({ alarm: 'nobody' }))).rejects.toThrow(/no alarm 'nobody' in eu-west-1/);
  });

  it('that was set by hand is shown as such, and can be closed', async () => {
    await set('ALARM');
    const [window] = await listWindows(given());
    expect(describeWindow(window!, NOW)).toBe('set by hand: by hand');
    await closeWindow(given());
    expect(await state()).toBe('OK');
  });
});

describe('the heartbeat beside a window', () => {
  const heartbeat = `${ON_CALL}-heartbeat`;

  it.each([
    ['OK', 'beating'],
    ['ALARM', 'silent'],
  ] as const)('that is %s is %s', async (value, found) => {
    await set(value, heartbeat);
    expect(await heartbeatOf(given())).toBe(found);
  });

  it('may be missing', async () => {
    expect(await heartbeatOf(given({ alarm: 'Other-Maintenance' }))).toBe('missing');
    expect(await heartbeatOf(given({ alarm: 'of-another-make' }))).toBe('missing');
  });
});
