import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Engines, startEngines } from '../engines.ts';
import { createWorld, HOUR, MINUTE, START, type World } from './world.ts';

let engines: Engines;
let world: World;
beforeAll(async () => {
  engines = await startEngines();
});
afterAll(() => engines.stop());
afterEach(() => world.stop());

describe('while alarms work', () => {
  it('beats every minute, flips the probe every quarter of an hour, and hears of it', async () => {
    world = await createWorld(engines);
    await world.minutes(60);
    expect(world.values('Heartbeat').slice(1)).toEqual(Array(60).fill(1));
    const flips = world.values('HeartbeatProbe').slice(1).join('').match(/0+|1+/g);
    expect(flips).toEqual(['0'.repeat(14), '1'.repeat(15), '0'.repeat(15), '1'.repeat(15), '0']);
    expect(world.values('HeartbeatHeard').filter((value) => value === 1).length).toBeGreaterThanOrEqual(4);
    expect(world.alarm('Night-heartbeat')).toBe('OK');
    expect(await world.pages()).toEqual([]);
    expect(world.logged).toEqual([]);
  });

  it('looks at its past every five minutes only, and at once when it is new', async () => {
    world = await createWorld(engines);
    await world.minutes(20);
    const looks = () => world.asked.filter((each) => each === 'GetMetricData').length;
    expect(looks()).toBe(1 + 4);
    world.forget();
    await world.minutes(1);
    expect(looks()).toBe(6);
  });

  it('takes a late notification for no proof, and one of another alarm for a mistake', async () => {
    world = await createWorld(engines);
    await world.minutes(1);
    const message = { AlarmName: 'Night-heartbeat-probe', StateChangeTime: '2026-03-02T07:45:00.000+0000' };
    world.hear(JSON.stringify(message));
    world.hear(
      JSON.stringify({ ...message, AlarmName: 'Night-depth', StateChangeTime: '2026-03-02T08:01:00.000+0000' }),
    );
    world.hear('nothing that CloudWatch would say');
    expect(world.values('HeartbeatHeard').filter((value) => value === 1)).toEqual([]);
    expect(world.logged.map(({ message }) => message)).toEqual([
      expect.stringContaining('too late'),
      expect.stringContaining('not of the probe'),
      expect.stringContaining('not of the probe'),
    ]);
    world.hear(JSON.stringify({ ...message, StateChangeTime: '2026-03-02T08:00:30.000+0000' }));
    expect(world.values('HeartbeatHeard').filter((value) => value === 1)).toEqual([1]);
  });
});

describe('when the probe is not heard', () => {
  it('pages after three quarters of an hour, as an alarm would', async () => {
    world = await createWorld(engines);
    await world.minutes(60);
    world.deafen(true);
    // The last flip was heard in minute 46.
    await world.minutes(30);
    expect(await world.pages()).toEqual([]);
    await world.minutes(10);
    const [page, ...others] = await world.pages();
    expect(others).toEqual([]);
    expect(page).toMatchObject({
      AlarmName: 'Night-heartbeat-probe',
      AlarmArn: world.settings.probeAlarmArn,
      AWSAccountId: '000000000000',
      NewStateValue: 'ALARM',
      OldStateValue: 'OK',
      Trigger: { MetricName: 'HeartbeatHeard', Dimensions: [{ name: 'onCall', value: 'Night' }] },
    });
    expect(page!.NewStateReason).toMatch(/^THE ALARMS DO NOT WORK\. .* 15 minutes.* 45 minutes/);
    expect(page!.AlarmDescription).toMatch(/^Owner: front-of-house\. .* Runbook: docs\/runbooks\/heartbeat\.md$/);
    expect(page!.StateChangeTime).toMatch(/^2026-03-02T09:\d\d:00\.000\+0000$/);
  });

  it('pages once an hour as long as it lasts, whichever environment looks, and once more when it is over', async () => {
    world = await createWorld(engines);
    await world.minutes(60);
    world.deafen(true);
    for (let minute = 0; minute < 180; minute += 10) {
      world.forget();
      await world.minutes(10);
    }
    // 45 minutes without a word, then three hours less that
    expect((await world.pages()).map(({ NewStateValue }) => NewStateValue)).toEqual(['ALARM', 'ALARM', 'ALARM']);
    world.deafen(false);
    await world.minutes(60);
    const over = await world.pages();
    expect(over.map(({ NewStateValue, AlarmName }) => [NewStateValue, AlarmName])).toEqual([
      ['OK', 'Night-heartbeat-probe'],
    ]);
    expect(world.values('HeartbeatOutage').filter((value) => value !== undefined)).toEqual([1, 1, 1, 0]);
  });

  it('says nothing while it is too young to know', async () => {
    world = await createWorld(engines);
    world.deafen(true);
    await world.minutes(45);
    expect(await world.pages()).toEqual([]);
    await world.minutes(10);
    expect((await world.pages()).map(({ NewStateValue }) => NewStateValue)).toEqual(['ALARM']);
  });

  it('says nothing when it did not run itself: another alarm is for that', async () => {
    world = await createWorld(engines);
    await world.minutes(60);
    await world.minutes(120, { beating: false });
    expect(world.alarm('Night-heartbeat')).toBe('ALARM');
    world.deafen(true);
    await world.minutes(20);
    expect(await world.pages()).toEqual([]);
  });

  it('tries again when the page topic did not take it', async () => {
    world = await createWorld(engines);
    await world.minutes(60);
    world.deafen(true);
    const publish = vi.spyOn(engines.clients.sns, 'call').mockRejectedValue(new Error('SNS is away.'));
    await world.minutes(50);
    publish.mockRestore();
    expect(world.values('Heartbeat').at(-1)).toBe(0);
    expect(world.values('HeartbeatOutage').filter((value) => value !== undefined)).toEqual([]);
    await world.minutes(1);
    expect((await world.pages()).map(({ NewStateValue }) => NewStateValue)).toEqual(['ALARM']);
    expect(world.values('Heartbeat').at(-1)).toBe(1);
  });
});

describe('when it cannot do its duties', () => {
  it.each(['GetMetricData', 'DescribeAlarms'])(
    'says so by its own metric, and an alarm follows: %s',
    async (operation) => {
      world = await createWorld(engines);
      await world.minutes(10);
      world.broken.add(operation);
      await world.minutes(12);
      expect(world.values('Heartbeat').slice(-5)).toEqual([0, 0, 0, 0, 0]);
      expect(world.alarm('Night-heartbeat')).toBe('ALARM');
      expect(world.logged[0]).toMatchObject({ level: 'error', message: expect.stringContaining('could not') });
      world.broken.clear();
      await world.minutes(2);
      expect(world.alarm('Night-heartbeat')).toBe('OK');
    },
  );

  it('counts it as that when its own metrics never arrive', async () => {
    const press = vi.fn(async () => {});
    world = await createWorld(engines, { deadMansSwitch: { press } });
    world.silence(true);
    await world.minutes(70);
    const before = press.mock.calls.length;
    await world.minutes(10);
    expect(press.mock.calls.length).toBe(before);
    expect(world.logged.at(-1)?.details.error).toMatchObject({ name: 'HeartbeatBlindError' });
    expect(await world.pages()).toEqual([]);
  });
});

describe("the dead man's switch", () => {
  it('is pressed every minute while alarms work, and not while they are silent', async () => {
    const press = vi.fn(async () => {});
    world = await createWorld(engines, { deadMansSwitch: { press } });
    await world.minutes(60);
    expect(press).toHaveBeenCalledTimes(60);
    world.deafen(true);
    await world.minutes(55);
    press.mockClear();
    await world.minutes(30);
    expect(press).not.toHaveBeenCalled();
    world.deafen(false);
    await world.minutes(30);
    expect(press).toHaveBeenCalled();
  });

  it('pages from outside when it is not reached, so nothing here does', async () => {
    const press = vi.fn(async () => Promise.reject(new Error('No way out.')));
    world = await createWorld(engines, { deadMansSwitch: { press } });
    await world.minutes(10);
    expect(world.values('Heartbeat').slice(1)).toEqual(Array(10).fill(1));
    expect(world.logged[0]).toMatchObject({ level: 'warn' });
  });
});

describe('a maintenance window', () => {
  const open = (data: object | undefined) =>
    world.cloudwatch.call('SetAlarmState', {
      AlarmName: 'Night-Maintenance',
      StateValue: 'ALARM',
      StateReason: 'Maintenance by Ann',
      ...(data && { StateReasonData: JSON.stringify(data) }),
    });
  const inMinutes = (minutes: number) => new Date(world.now + minutes * MINUTE).toISOString();

  it('stays open until its time is over, and is then closed', async () => {
    world = await createWorld(engines);
    await world.minutes(2);
    await open({ until: inMinutes(30), by: 'Ann', reason: 'new index', id: 'w1' });
    await world.minutes(29);
    expect(world.alarm('Night-Maintenance')).toBe('ALARM');
    await world.minutes(1);
    expect(world.alarm('Night-Maintenance')).toBe('OK');
    expect(world.record('Night-Maintenance')).toMatchObject({
      reason: expect.stringMatching(/^Closed by the heartbeat: its time was over at 2026-/),
      reasonData: { by: 'Ann', id: 'w1', closedBy: 'heartbeat', closedAt: new Date(world.now).toISOString() },
    });
  });

  it.each([
    ['without data', () => undefined],
    ['without an end', () => ({ by: 'Ann' })],
    ['with an end that is none', () => ({ until: 'Friday' })],
    ['of more than a day', () => ({ until: inMinutes(24 * 60 + 5) })],
  ])('%s is closed at once, and the log says why', async (_, data) => {
    world = await createWorld(engines);
    await open(data());
    await world.minutes(1);
    expect(world.alarm('Night-Maintenance')).toBe('OK');
    expect(world.logged).toMatchObject([
      { level: 'warn', message: expect.stringMatching(/^The maintenance window is closed: it /) },
    ]);
  });

  it('of a day is let alone', async () => {
    world = await createWorld(engines);
    await open({ until: inMinutes(24 * 60) });
    await world.minutes(3);
    expect(world.alarm('Night-Maintenance')).toBe('ALARM');
  });
});

describe('publish rates', () => {
  const put = (topic: string, at: number, count: number) =>
    world.store.put(
      { namespace: 'AWS/SNS', name: 'NumberOfMessagesPublished', dimensions: { TopicName: topic } },
      Array(count).fill(1),
      at,
    );

  it('are compared with the same hour of last week, five minutes after the hour', async () => {
    world = await createWorld(engines, { settings: { publishRates: ['Seats', 'Quiet', 'Rare', 'New'] } });
    const [hour, lastWeek] = [START - HOUR, START - HOUR - 7 * 24 * HOUR];
    put('Seats', lastWeek, 30);
    put('Seats', lastWeek + 59 * MINUTE, 10);
    put('Seats', lastWeek + HOUR, 1_000);
    put('Seats', hour + 20 * MINUTE, 10);
    put('Seats', START, 500);
    put('Quiet', lastWeek, 10);
    put('Rare', lastWeek, 9);
    put('Rare', hour, 9);
    put('New', hour, 100);
    await world.minutes(4);
    expect(world.values('PublishRatio', { topic: 'Seats' }).filter((value) => value !== undefined)).toEqual([]);
    await world.minutes(6);
    const ratios = ['Seats', 'Quiet', 'Rare', 'New'].map((topic) =>
      world.values('PublishRatio', { topic }).filter((value) => value !== undefined),
    );
    expect(ratios).toEqual([[0.25], [0], [], []]);
  });

  it('are not asked for when nothing is watched', async () => {
    world = await createWorld(engines);
    await world.minutes(5);
    expect(world.asked.filter((each) => each === 'GetMetricData').length).toBe(2);
  });
});
