import { SNSClient } from '@aws-sdk/client-sns';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Alarms, startAlarms } from '../../lib/local/alarms/alarm-evaluator.ts';
import type { SuppressedBy } from '../../lib/local/alarms/suppression.ts';
import { startAlarmClock } from '../../lib/local/metrics/alarm-clock.ts';
import { MetricStore } from '../../lib/local/metrics/metric-store.ts';
import { compositeAlarm, metricAlarm } from './alarm-resources.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const START = 1_700_000_000_000 - (1_700_000_000_000 % MINUTE);
const TOPIC = 'arn:aws:sns:eu-central-1:000000000000:on-call';
const cause = { namespace: 'N', name: 'Cause', dimensions: {} };
const window = { namespace: 'N', name: 'Window', dimensions: {} };

const running: Alarms[] = [];
afterEach(async () => {
  for (const alarms of running.splice(0)) await alarms.stop();
});

/**
 * A composite alarm over `cause` that `window` suppresses: it waits 60 s for it, and goes on to wait for 180 s after it. What
 * it publishes is in `sent`. Nothing writes the metrics: alarms are set by hand, and keep what they are given.
 */
function start({ speed = 1, waitSeconds = 60, extensionSeconds = 180 } = {}) {
  let realMs = START;
  const clock = startAlarmClock({ realNow: () => realMs, speed });
  const sns = new SNSClient({ region: 'eu-central-1' });
  const sent: string[] = [];
  vi.spyOn(sns, 'send').mockImplementation(async ({ input }) => {
    sent.push(/^\w+/.exec((input as { Subject: string }).Subject)![0]);
  });
  const suppressed: SuppressedBy[] = [];
  const alarms = startAlarms({
    alarms: [
      metricAlarm('cause', cause, { treatMissingData: 'ignore' }),
      metricAlarm('window', window, { treatMissingData: 'ignore' }),
      compositeAlarm('page', 'ALARM("cause")', {
        alarmActions: [TOPIC],
        okActions: [TOPIC],
        suppressor: { alarm: 'window', waitSeconds, extensionSeconds },
      }),
    ],
    store: new MetricStore(),
    clock,
    sns,
    settleMs: 0,
    tickMs: 2 ** 30,
    onSuppressed: (_, by) => suppressed.push(by),
  });
  running.push(alarms);
  const set = (name: string, state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA') =>
    alarms.setState(name, { state, reason: 'by hand' });
  const pass = async (alarmMs: number) => {
    realMs += alarmMs / speed;
    await alarms.evaluateNow();
  };
  return {
    alarms,
    sent,
    suppressed,
    set,
    pass,
    by: () => alarms.records().find(({ alarm }) => alarm.name === 'page')?.suppressedBy,
    /** Both alarms in OK, the composite as well, and all that has been said about it. */
    async settle() {
      set('cause', 'OK');
      set('window', 'OK');
      await pass(10 * MINUTE);
      sent.length = 0;
      suppressed.length = 0;
    },
  };
}

describe('the actions of a composite alarm with a suppressor', () => {
  it('are taken after the wait period while the suppressor stays out of ALARM', async () => {
    const { settle, set, pass, sent, by } = start();
    await settle();
    set('cause', 'ALARM');
    expect(by()).toBe('WaitPeriod');
    await pass(59 * SECOND);
    expect(sent).toEqual([]);
    await pass(SECOND);
    expect(sent).toEqual(['ALARM']);
    expect(by()).toBeUndefined();
  });

  it('are taken at once without a wait period', async () => {
    const { settle, set, pass, sent } = start({ waitSeconds: 0 });
    await settle();
    set('cause', 'ALARM');
    await pass(0);
    expect(sent).toEqual(['ALARM']);
  });

  it('are held back when the suppressor comes into ALARM within the wait period', async () => {
    const { settle, set, pass, sent, by } = start();
    await settle();
    set('cause', 'ALARM');
    await pass(30 * SECOND);
    set('window', 'ALARM');
    expect(by()).toBe('Alarm');
    await pass(60 * MINUTE);
    expect(sent).toEqual([]);
  });

  it('are held back at once while the suppressor is in ALARM', async () => {
    const { settle, set, pass, sent, suppressed } = start();
    await settle();
    set('window', 'ALARM');
    set('cause', 'ALARM');
    await pass(60 * MINUTE);
    expect(sent).toEqual([]);
    expect(suppressed).toEqual(['Alarm']);
  });

  it('are taken after the extension period when the cause has outlasted the suppressor', async () => {
    const { settle, set, pass, sent, by } = start();
    await settle();
    set('window', 'ALARM');
    set('cause', 'ALARM');
    await pass(60 * MINUTE);
    set('window', 'OK');
    expect(by()).toBe('ExtensionPeriod');
    await pass(179 * SECOND);
    expect(sent).toEqual([]);
    await pass(SECOND);
    expect(sent).toEqual(['ALARM']);
  });

  it('follow the state of the moment, once, whatever was held back before', async () => {
    const { settle, set, pass, sent } = start();
    await settle();
    for (const state of ['ALARM', 'OK', 'ALARM', 'OK'] as const) {
      set('cause', state);
      await pass(20 * SECOND);
    }
    // Every change begins the wait period anew.
    expect(sent).toEqual([]);
    await pass(40 * SECOND);
    expect(sent).toEqual(['OK']);
  });

  it('wait for a new wait period when the state changes within the extension period', async () => {
    const { settle, set, pass, sent, by } = start();
    await settle();
    set('window', 'ALARM');
    set('cause', 'ALARM');
    await pass(MINUTE);
    set('window', 'OK');
    await pass(30 * SECOND);
    set('cause', 'OK');
    expect(by()).toBe('WaitPeriod');
    await pass(MINUTE);
    expect(sent).toEqual(['OK']);
    await pass(10 * MINUTE);
    expect(sent).toEqual(['OK']);
  });

  it('are not repeated for a state that was told before the window', async () => {
    const { settle, set, pass, sent } = start();
    await settle();
    set('cause', 'ALARM');
    await pass(MINUTE);
    expect(sent).toEqual(['ALARM']);
    set('window', 'ALARM');
    await pass(MINUTE);
    set('window', 'OK');
    await pass(10 * MINUTE);
    expect(sent).toEqual(['ALARM']);
  });

  it('are held back again when the window opens anew within the extension period', async () => {
    const { settle, set, pass, sent } = start();
    await settle();
    set('window', 'ALARM');
    set('cause', 'ALARM');
    await pass(MINUTE);
    set('window', 'INSUFFICIENT_DATA');
    await pass(MINUTE);
    set('window', 'ALARM');
    await pass(60 * MINUTE);
    expect(sent).toEqual([]);
  });

  it('wait in alarm time', async () => {
    const { settle, set, pass, sent, alarms } = start({ speed: 60 });
    await settle();
    set('cause', 'ALARM');
    await pass(MINUTE);
    expect(sent).toEqual(['ALARM']);
    const states = alarms.history().find(({ name }) => name === 'page')!.states;
    expect(alarms.items().at(-1)).toMatchObject({ type: 'Action', at: states.at(-1)!.at + 1000 });
  });

  it('are in the history: when they were held back, by what, and when they were taken', async () => {
    const { settle, set, pass, alarms } = start();
    await settle();
    await pass(MINUTE);
    set('window', 'ALARM');
    set('cause', 'ALARM');
    await pass(MINUTE);
    set('window', 'OK');
    await pass(3 * MINUTE);
    const ofPage = alarms.items().filter(({ alarm, at }) => alarm.name === 'page' && at > START + 10 * MINUTE);
    expect(ofPage.map(({ type, summary }) => `${type}: ${summary}`)).toEqual([
      'StateUpdate: Alarm updated from OK to ALARM',
      'Action: Actions suppressed by Alarm',
      `Action: Successfully executed action ${TOPIC}`,
    ]);
    expect(ofPage[1]?.data).toMatchObject({ actionsSuppressedBy: 'Alarm', actionsSuppressor: 'window' });
  });
});

describe('an alarm that is given a state', () => {
  it('keeps it while its data are missing and missing data are ignored, for as long as it takes', async () => {
    const { set, pass, alarms } = start();
    set('window', 'ALARM');
    await pass(24 * 60 * MINUTE);
    expect(alarms.states().get('window')).toMatchObject({ state: 'ALARM', reason: 'by hand' });
  });

  it('is known by its ARN as well, and takes the same state again without a change', async () => {
    const { pass, alarms } = start();
    const arn = alarms.records().find(({ alarm }) => alarm.name === 'cause')!.alarm.arn;
    alarms.setState(arn, { state: 'ALARM', reason: 'first' });
    await pass(MINUTE);
    alarms.setState(arn, { state: 'ALARM', reason: 'second', reasonData: { who: 'me' } });
    const record = alarms.records().find(({ alarm }) => alarm.name === 'cause');
    expect(record).toMatchObject({
      reason: 'second',
      reasonData: { who: 'me' },
      since: START,
      updatedAt: START + MINUTE,
    });
    expect(alarms.items().filter(({ alarm, type }) => alarm.name === 'cause' && type === 'StateUpdate')).toHaveLength(
      1,
    );
    expect(alarms.setState('nobody', { state: 'OK', reason: '' })).toBe(false);
  });
});
