import { SNSClient } from '@aws-sdk/client-sns';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Alarms, type StartAlarmsProps, startAlarms } from '../../lib/local/alarms/alarm-evaluator.ts';
import { separateEmulated, whatAlarmsLack, whyNotEmulated } from '../../lib/local/alarms/emulation.ts';
import type { Transition } from '../../lib/local/alarms/notification.ts';
import { startAlarmClock } from '../../lib/local/metrics/alarm-clock.ts';
import { MetricMathError } from '../../lib/local/metrics/metric-math/errors.ts';
import { MetricStore } from '../../lib/local/metrics/metric-store.ts';
import type { AlarmResource, Metric } from '../../lib/local/resources.ts';
import { compositeAlarm, metricAlarm } from './alarm-resources.ts';

const MINUTE = 60_000;
const START = 1_700_000_000_000 - (1_700_000_000_000 % MINUTE);
const depth: Metric = {
  namespace: 'AWS/SQS',
  name: 'ApproximateNumberOfMessagesVisible',
  dimensions: { QueueName: 'q' },
};
const failed: Metric = { namespace: 'Baton', name: 'Failed', dimensions: { service: 's' } };
const delivered: Metric = { namespace: 'Baton', name: 'Delivered', dimensions: { service: 's' } };

const running: Alarms[] = [];
afterEach(async () => {
  for (const alarms of running.splice(0)) await alarms.stop();
});

/** Alarms under a clock that only `pass` moves. */
function start(
  declared: AlarmResource[],
  { speed = 1, ...props }: Partial<StartAlarmsProps> & { speed?: number } = {},
) {
  let realMs = START;
  const clock = startAlarmClock({ realNow: () => realMs, speed });
  const store = new MetricStore();
  const transitions: Transition[] = [];
  const sns = new SNSClient({ region: 'eu-central-1' });
  const alarms = startAlarms({
    alarms: declared,
    store,
    clock,
    sns,
    settleMs: 0,
    tickMs: 2 ** 30,
    onTransition: (transition) => transitions.push(transition),
    ...props,
  });
  running.push(alarms);
  return {
    alarms,
    store,
    clock,
    transitions,
    state: (name: string) => alarms.states().get(name)?.state,
    changes: () => transitions.map(({ alarm, from, to }) => `${alarm.name}: ${from} -> ${to}`),
    async pass(alarmMs: number) {
      realMs += alarmMs / speed;
      await alarms.evaluateNow();
    },
  };
}

describe('a metric alarm', () => {
  it('begins with insufficient data, fires after M of N periods, and clears', async () => {
    const { pass, store, clock, changes, transitions, alarms } = start([
      metricAlarm('deep', depth, { evaluationPeriods: 3, datapointsToAlarm: 2 }),
    ]);
    expect(alarms.states().get('deep')).toEqual({
      state: 'INSUFFICIENT_DATA',
      since: START,
      reason: 'Unchecked: Initial alarm creation',
    });
    for (const value of [0, 20, 5, 30, 0, 0, 0]) {
      store.sample(depth, value, clock.now());
      await pass(MINUTE);
    }
    expect(changes()).toEqual(['deep: INSUFFICIENT_DATA -> OK', 'deep: OK -> ALARM', 'deep: ALARM -> OK']);
    // 20, 5, 30 is the first window with two that breach; it ends with the fourth minute.
    expect(transitions[1]).toMatchObject({ at: START + 4 * MINUTE });
    expect(transitions[1]?.reason).toMatch(
      /^Threshold Crossed: 2 out of the last 3 datapoints \[30\.0 \(.*\), 20\.0 \(/,
    );
    expect(alarms.history()).toEqual([
      {
        name: 'deep',
        states: [
          { state: 'INSUFFICIENT_DATA', at: START },
          { state: 'OK', at: START + MINUTE },
          { state: 'ALARM', at: START + 4 * MINUTE },
          { state: 'OK', at: START + 5 * MINUTE },
        ],
      },
    ]);
  });

  it('looks at whole minutes only: nothing happens within one', async () => {
    const { pass, store, clock, state } = start([metricAlarm('deep', depth)]);
    store.sample(depth, 99, clock.now());
    await pass(MINUTE - 1);
    expect(state('deep')).toBe('INSUFFICIENT_DATA');
    await pass(1);
    expect(state('deep')).toBe('ALARM');
  });

  it('evaluates a long period every minute, on a window that slides', async () => {
    const { pass, store, clock, transitions } = start([
      metricAlarm('failing', failed, {
        periodSeconds: 300,
        statistic: 'Sum',
        threshold: 4,
        treatMissingData: 'notBreaching',
      }),
    ]);
    for (let minute = 0; minute < 12; minute++) {
      store.put(failed, minute === 1 || minute === 3 ? 3 : 0, clock.now());
      await pass(MINUTE);
    }
    const minutes = transitions.map(({ to, at }) => [to, (at - START) / MINUTE]);
    // Both are in the window from the end of minute 3 (index) until the first of them is 5 minutes back.
    expect(minutes).toEqual([
      ['OK', 1],
      ['ALARM', 4],
      ['OK', 7],
    ]);
  });

  it('does not hold the silence before its start for a breach, only the silence after', async () => {
    const { pass, state } = start([metricAlarm('deep', depth, { treatMissingData: 'breaching' })]);
    await pass(2 * MINUTE);
    expect(state('deep')).toBe('INSUFFICIENT_DATA');
    await pass(2 * MINUTE);
    expect(state('deep')).toBe('ALARM');
  });

  it('evaluates a high-resolution alarm every 10 seconds', async () => {
    const { pass, store, clock, state } = start([metricAlarm('fast', failed, { periodSeconds: 10 })]);
    store.put(failed, 99, clock.now(), { resolutionSeconds: 1 });
    await pass(10_000);
    expect(state('fast')).toBe('ALARM');
  });

  it.each([
    ['missing', 'INSUFFICIENT_DATA'],
    ['ignore', 'ALARM'],
    ['breaching', 'ALARM'],
    ['notBreaching', 'OK'],
  ] as const)('treats data that stopped as %s: ends in %s', async (treatMissingData, expected) => {
    const { pass, store, clock, state } = start([metricAlarm('deep', depth, { treatMissingData })]);
    store.sample(depth, 99, clock.now());
    await pass(MINUTE);
    expect(state('deep')).toBe('ALARM');
    // The last real datapoint is evaluated again while it is in the range of three.
    await pass(2 * MINUTE);
    expect(state('deep')).toBe('ALARM');
    await pass(MINUTE);
    expect(state('deep')).toBe(expected);
  });

  it.each([
    ['GreaterThanThreshold', [10, 11], ['OK', 'ALARM']],
    ['GreaterThanOrEqualToThreshold', [9, 10], ['OK', 'ALARM']],
    ['LessThanThreshold', [10, 9], ['OK', 'ALARM']],
    ['LessThanOrEqualToThreshold', [11, 10], ['OK', 'ALARM']],
  ] as const)('compares by %s', async (comparison, values, expected) => {
    const { pass, store, clock, state } = start([metricAlarm('deep', depth, { comparison })]);
    const states: unknown[] = [];
    for (const value of values) {
      store.sample(depth, value, clock.now());
      await pass(MINUTE);
      states.push(state('deep'));
    }
    expect(states).toEqual(expected);
  });

  it('watches an expression over metrics', async () => {
    const stat = (metric: Metric) => ({ metric, statistic: 'Sum', periodSeconds: 60 });
    const { pass, store, clock, changes } = start([
      metricAlarm('rate', failed, {
        threshold: 5,
        treatMissingData: 'notBreaching',
        queries: [
          { id: 'rate', returnData: true, expression: 'IF(delivered > 0, 100 * failed / delivered, 0)' },
          { id: 'failed', returnData: false, metric: stat(failed) },
          { id: 'delivered', returnData: false, metric: stat(delivered) },
        ],
      }),
    ]);
    for (const [bad, all] of [
      [1, 100],
      [10, 100],
      [0, 0],
    ] as const) {
      store.put(failed, bad, clock.now());
      store.put(delivered, all, clock.now());
      await pass(MINUTE);
    }
    expect(changes()).toEqual(['rate: INSUFFICIENT_DATA -> OK', 'rate: OK -> ALARM', 'rate: ALARM -> OK']);
  });

  it('waits for late datapoints before it closes a period', async () => {
    const { pass, store, clock, state } = start([metricAlarm('deep', depth, { treatMissingData: 'notBreaching' })], {
      settleMs: 250,
    });
    await pass(MINUTE + 100);
    store.sample(depth, 99, clock.now() - 200);
    await pass(150);
    expect(state('deep')).toBe('ALARM');
  });

  it('keeps its periods as declared when time is compressed, only they pass faster', async () => {
    const { pass, store, clock, transitions } = start([metricAlarm('deep', depth)], { speed: 60 });
    store.sample(depth, 99, clock.now());
    await pass(MINUTE);
    expect(transitions).toMatchObject([{ to: 'ALARM', at: START + 1000 }]);
  });

  it('is evaluated by itself, until it is stopped', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      let realMs = START;
      const clock = startAlarmClock({ realNow: () => realMs, speed: 60 });
      const store = new MetricStore();
      const sns = new SNSClient({ region: 'eu-central-1' });
      const alarms = startAlarms({ alarms: [metricAlarm('deep', depth)], store, clock, sns });
      const second = (value: number) => {
        store.sample(depth, value, clock.now());
        realMs += 1250;
        vi.advanceTimersByTime(1250);
        return alarms.states().get('deep')?.state;
      };
      expect(second(99)).toBe('ALARM');
      expect(second(0)).toBe('OK');
      await alarms.stop();
      expect(second(99)).toBe('OK');
    } finally {
      vi.useRealTimers();
    }
  });

  it('makes up for what it missed, but not for hours', async () => {
    const { pass, store, clock, transitions, alarms } = start([metricAlarm('deep', depth)]);
    for (const [minute, value] of [0, 99, 0, 99].entries()) store.sample(depth, value, clock.now() + minute * MINUTE);
    await pass(4 * MINUTE);
    expect(transitions.map(({ to }) => to)).toEqual(['OK', 'ALARM', 'OK', 'ALARM']);
    await pass(30 * 24 * 60 * MINUTE);
    expect(alarms.states().get('deep')?.state).toBe('INSUFFICIENT_DATA');
  });
});

describe('a composite alarm', () => {
  it('follows its children at once, and says which', async () => {
    const { pass, store, clock, changes, transitions } = start([
      compositeAlarm('page', 'ALARM("deep") AND NOT ALARM("quiet")'),
      metricAlarm('deep', depth),
      metricAlarm('quiet', failed),
    ]);
    store.sample(depth, 0, clock.now());
    await pass(MINUTE);
    store.sample(depth, 99, clock.now());
    await pass(MINUTE);
    store.put(failed, 99, clock.now());
    store.sample(depth, 99, clock.now());
    await pass(MINUTE);
    expect(changes().filter((change) => change.startsWith('page'))).toEqual([
      'page: INSUFFICIENT_DATA -> OK',
      'page: OK -> ALARM',
      'page: ALARM -> OK',
    ]);
    const page = transitions.filter(({ alarm }) => alarm.name === 'page');
    expect(page[1]?.reason).toMatch(
      /^arn:aws:cloudwatch:.*:alarm:deep transitioned to ALARM at \w+ \d\d \w+, \d{4} [\d:]+ UTC$/,
    );
    expect(page[1]?.triggeredBy).toMatchObject([{ state: 'ALARM' }]);
  });

  it('does not flicker when two children change at the same moment', async () => {
    const { pass, store, clock, changes } = start([
      metricAlarm('first', depth),
      metricAlarm('second', depth),
      compositeAlarm('difference', 'ALARM("first") AND NOT ALARM("second")'),
    ]);
    store.sample(depth, 99, clock.now());
    await pass(MINUTE);
    expect(changes().filter((change) => change.startsWith('difference'))).toEqual([
      'difference: INSUFFICIENT_DATA -> OK',
    ]);
  });

  it('does not hang in a circle', async () => {
    const { pass, alarms } = start([
      compositeAlarm('chicken', 'NOT ALARM("egg")'),
      compositeAlarm('egg', 'ALARM("chicken")'),
      compositeAlarm('self', 'NOT ALARM("self")'),
    ]);
    for (let minute = 0; minute < 2000; minute++) await pass(MINUTE);
    for (const { states } of alarms.history()) expect(states.length).toBeLessThanOrEqual(1000);
  });
});

describe('the actions of an alarm', () => {
  const topic = 'arn:aws:sns:eu-central-1:000000000000:on-call';

  function fired(props: Parameters<typeof metricAlarm>[2], options: Parameters<typeof start>[1] = {}) {
    const onNotification = vi.fn();
    const run = start([metricAlarm('deep', depth, props)], { onNotification, retryDelaysMs: [1, 1], ...options });
    run.store.sample(depth, 99, run.clock.now());
    return { ...run, onNotification };
  }

  function snsThat(send: (attempt: number) => void) {
    const sns = new SNSClient({ region: 'eu-central-1' });
    let attempt = 0;
    const spy = vi.spyOn(sns, 'send').mockImplementation(async () => send(++attempt));
    return { sns, spy };
  }

  it('are those of the new state', async () => {
    const { sns, spy } = snsThat(() => undefined);
    const { pass, onNotification } = fired({ alarmActions: [topic], okActions: [`${topic}-ok`] }, { sns });
    await pass(MINUTE);
    expect(spy.mock.calls.map(([command]) => command.input)).toMatchObject([{ TopicArn: topic }]);
    expect(onNotification.mock.calls).toMatchObject([[{ action: topic, outcome: 'delivered', attempts: 1 }]]);
  });

  it('are not done while actions are disabled', async () => {
    const { sns, spy } = snsThat(() => undefined);
    const { pass, state } = fired({ alarmActions: [topic], actionsEnabled: false }, { sns });
    await pass(MINUTE);
    expect(state('deep')).toBe('ALARM');
    expect(spy).not.toHaveBeenCalled();
  });

  it('are tried again when publishing fails', async () => {
    const { sns } = snsThat((attempt) => {
      if (attempt < 3) throw new Error('throttled');
    });
    const { pass, onNotification } = fired({ alarmActions: [topic] }, { sns });
    await pass(MINUTE);
    expect(onNotification.mock.calls).toMatchObject([[{ outcome: 'delivered', attempts: 3 }]]);
  });

  it('are reported when publishing keeps failing, or when they are not a topic', async () => {
    const { sns } = snsThat(() => {
      throw new Error('no such topic');
    });
    const { pass, onNotification } = fired(
      { alarmActions: [topic, 'arn:aws:automate:eu-central-1:ec2:stop'] },
      { sns },
    );
    await pass(MINUTE);
    expect(
      onNotification.mock.calls.map(([{ outcome, attempts, error }]) => [outcome, attempts, error?.message]),
    ).toEqual([
      ['unsupported', 0, undefined],
      ['failed', 3, 'no such topic'],
    ]);
  });

  it('are given up when the local cloud stops', async () => {
    const { sns } = snsThat(() => {
      throw new Error('down');
    });
    const { pass, onNotification, alarms } = fired({ alarmActions: [topic] }, { sns, retryDelaysMs: [2 ** 30] });
    const evaluated = pass(MINUTE);
    await vi.waitFor(() => expect(sns.send).toHaveBeenCalled());
    await alarms.stop();
    await evaluated;
    expect(onNotification.mock.calls).toMatchObject([[{ outcome: 'abandoned', attempts: 1 }]]);
  });
});

describe('what is not emulated', () => {
  const expression = (text: string) =>
    metricAlarm('odd', depth, { queries: [{ id: 'e', returnData: true, expression: text }] });

  it.each([
    [metricAlarm('a', depth), undefined],
    [metricAlarm('a', failed), undefined],
    [compositeAlarm('c', 'ALARM("a")'), undefined],
    [
      expression('SEARCH("x")'),
      "Alarm 'odd': the expression 'SEARCH(\"x\")' uses the function SEARCH, which is not emulated.",
    ],
    [metricAlarm('a', depth, { statistic: 'tm90' }), "The statistic 'tm90' is not emulated."],
    [
      metricAlarm('a', { ...depth, name: 'SentMessageSize' }),
      'Nothing here publishes the metric AWS/SQS SentMessageSize.',
    ],
    [
      metricAlarm('a', { ...depth, namespace: 'AWS/DynamoDB', name: 'ThrottledRequests' }),
      'has no capacity to run out of',
    ],
    [metricAlarm('a', { ...depth, namespace: 'AWS/EC2' }), 'Nothing here publishes the metric AWS/EC2'],
    [metricAlarm('a', { ...depth, dimensions: { Region: 'x' } }), 'exists by QueueName alone, not by (Region)'],
    [compositeAlarm('c', 'ALARM('), 'has its end where'],
  ])('is told: %#', (alarm, reason) => {
    if (reason === undefined) expect(whyNotEmulated(alarm)).toBeUndefined();
    else expect(whyNotEmulated(alarm)).toContain(reason);
  });

  it('is parted from the rest, and the composite alarms over it go on without it', async () => {
    const alarms = [
      compositeAlarm('top', 'ALARM("middle") OR ALARM("good")'),
      compositeAlarm('middle', 'ALARM("odd") OR ALARM("elsewhere") OR ALARM("broken")'),
      compositeAlarm('broken', 'ALARM('),
      expression('SEARCH("x")'),
      metricAlarm('good', depth),
    ];
    const { emulated, refused, incomplete, absent } = separateEmulated(alarms);
    expect(emulated.map(({ name }) => name)).toEqual(['top', 'middle', 'good']);
    expect(refused.map(({ alarm }) => alarm.name)).toEqual(['broken', 'odd']);
    expect(incomplete).toMatchObject([{ alarm: { name: 'middle' }, property: 'AlarmRule', names: ['elsewhere'] }]);

    const notEvaluated = refused.map(({ alarm }) => alarm);
    const { pass, store, clock, alarms: started, state } = start(emulated, { notEvaluated, absent });
    await pass(MINUTE);
    expect([state('top'), state('middle')]).toEqual(['OK', 'OK']);
    store.sample(depth, 99, clock.now());
    await pass(MINUTE);
    expect([state('top'), state('middle')]).toEqual(['ALARM', 'OK']);
    // What nothing evaluates is there all the same, and can be set by hand.
    expect(started.states().has('odd')).toBe(false);
    expect(started.setState('odd', { state: 'ALARM', reason: 'a rehearsal' })).toBe(true);
    expect(state('middle')).toBe('ALARM');
    expect(() => start(alarms)).toThrow();
  });

  it('is told of what is missing in the templates, and of topics that cannot be seen', () => {
    const watched = compositeAlarm('c', 'ALARM("a")', {
      suppressor: { alarm: 'elsewhere', waitSeconds: 60, extensionSeconds: 60 },
    });
    const published = { namespace: 'AWS/SNS', name: 'NumberOfMessagesPublished', dimensions: { TopicName: 't' } };
    const alarms = [watched, metricAlarm('a', depth), metricAlarm('b', published)];
    expect(whatAlarmsLack(separateEmulated(alarms, { topicsSeen: false }))).toMatchObject([
      { logicalId: 'b', reason: 'What the topics of another engine do cannot be seen from here.' },
      {
        logicalId: 'c',
        type: 'AWS::CloudWatch::CompositeAlarm',
        property: 'ActionsSuppressor',
        reason: 'alarms that are in no template count as never in ALARM: elsewhere',
      },
    ]);
    expect(separateEmulated(alarms).refused).toEqual([]);
  });

  it('cannot be started', () => {
    expect(() => start([expression('SEARCH("x")')])).toThrow(MetricMathError);
  });
});
