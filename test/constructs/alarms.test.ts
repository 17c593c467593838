import { readdirSync, readFileSync } from 'node:fs';
import { Duration } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { CircuitBreakers } from '../../lib/constructs/circuit-breakers.ts';
import {
  type AlarmThresholds,
  type ConsumerProps,
  EventTopic,
  IdempotencyTable,
  Outbox,
  UnsafePropsError,
} from '../../lib/constructs/index.ts';
import { logicalIdAt, type Resource, resourceAt, SeatBooked, wiring } from './fixtures/wiring.ts';

const RATE = { events: 60, per: Duration.hours(1) };
const PAGES = [
  'AgeAlarm',
  'DeadLettersAlarm',
  'DeadLettersLostAlarm',
  'NothingHandledAlarm',
  'SilenceAlarm',
  'UndeliverableAlarm',
];
const TICKETS = [
  'DepthAlarm',
  'DrainAlarm',
  'DeadLettersWaitingAlarm',
  'FailureRateAlarm',
  'RetryRateAlarm',
  'DuplicatesAlarm',
  'ThrottlesAlarm',
  'DurationAlarm',
  'CrashesAlarm',
  'UndeliverableWaitingAlarm',
];

/** The alarms of one consumer, by construct id. */
function alarmsOf(props: Partial<ConsumerProps> = {}) {
  const { consumer, template } = wiring({ ordered: props.ordered ?? false });
  const made = consumer(props);
  const synthesized = template();
  return {
    made,
    synthesized,
    ids: [...made.health.alarms.keys()],
    of: (id: string): Resource['Properties'] => resourceAt(synthesized, `SeatPlan/${id}`).Properties,
  };
}

describe('the alarms of a consumer', () => {
  const { made, of, ids } = alarmsOf({
    maxAge: Duration.minutes(7),
    timeout: Duration.seconds(20),
    expectedRate: RATE,
  });
  const byUrgency = (urgency: string) =>
    [...made.health.alarms].filter(([, alarm]) => alarm.urgency === urgency).map(([id]) => id);

  it('page for what is happening, and make a ticket of what can wait', () => {
    expect(byUrgency('page').toSorted()).toEqual(PAGES.toSorted());
    expect(byUrgency('ticket').toSorted()).toEqual(TICKETS.toSorted());
  });

  it('are silent themselves: one composite speaks for all that page, one for the rest', () => {
    for (const id of ids) expect(of(id)).not.toHaveProperty('AlarmActions');
    const named = (rule: string) => [...rule.matchAll(/ALARM\("([^"]+)"\)/g)].map((match) => match[1]);
    expect(named(of('Health/Page').AlarmRule).toSorted()).toEqual(PAGES.map((id) => of(id).AlarmName).toSorted());
    expect(named(of('Health/Ticket').AlarmRule).toSorted()).toEqual(TICKETS.map((id) => of(id).AlarmName).toSorted());
  });

  it('are quiet when there is nothing to measure, but the one on silence', () => {
    const breaching = ids.filter((id) => of(id).TreatMissingData !== 'notBreaching');
    expect(breaching.map((id) => [id, of(id).TreatMissingData])).toEqual([['SilenceAlarm', 'breaching']]);
  });

  it('take their thresholds from the promise', () => {
    const rules = Object.fromEntries(
      ids.map((id) => {
        const { Threshold, DatapointsToAlarm, EvaluationPeriods, Period, Metrics } = of(id);
        const period = Period ?? Metrics.find((each: { MetricStat?: unknown }) => each.MetricStat).MetricStat.Period;
        return [id, `${Threshold}: ${DatapointsToAlarm ?? EvaluationPeriods} of ${EvaluationPeriods} x ${period} s`];
      }),
    );
    expect(rules).toEqual({
      AgeAlarm: '420: 2 of 3 x 60 s',
      DepthAlarm: '10: 10 of 10 x 60 s',
      DrainAlarm: '420: 10 of 10 x 60 s',
      DeadLettersAlarm: '1: 1 of 4 x 300 s',
      DeadLettersWaitingAlarm: '1: 1 of 1 x 60 s',
      // 14 days, less 4 in the queue, less 3
      DeadLettersLostAlarm: `${7 * 86_400}: 1 of 1 x 300 s`,
      FailureRateAlarm: '20: 1 of 1 x 1800 s',
      RetryRateAlarm: '30: 1 of 1 x 900 s',
      DuplicatesAlarm: '20: 1 of 1 x 900 s',
      NothingHandledAlarm: '1: 12 of 12 x 300 s',
      SilenceAlarm: '1: 12 of 12 x 300 s',
      ThrottlesAlarm: '1: 3 of 5 x 60 s',
      DurationAlarm: '16000: 3 of 5 x 60 s',
      CrashesAlarm: '1: 2 of 15 x 60 s',
      UndeliverableAlarm: '1: 1 of 4 x 300 s',
      UndeliverableWaitingAlarm: '1: 1 of 1 x 60 s',
    });
  });

  it.each<[string, Partial<ConsumerProps>, string, number]>([
    ['depth from the rate', { expectedRate: { events: 20, per: Duration.seconds(1) } }, 'DepthAlarm', 3000],
    ['depth without a rate', {}, 'DepthAlarm', 1000],
    ['letters soon lost from the retention', { retention: Duration.days(1) }, 'DeadLettersLostAlarm', 10 * 86_400],
    ['letters soon lost, where little is left', { retention: Duration.days(12) }, 'DeadLettersLostAlarm', 86_400],
    ['letters soon lost of FIFO, whose clock starts anew', { ordered: true }, 'DeadLettersLostAlarm', 11 * 86_400],
    ['lost within', { alarms: { lostWithin: Duration.days(5) } }, 'DeadLettersLostAlarm', 5 * 86_400],
    ['age', { alarms: { age: Duration.minutes(2) } }, 'AgeAlarm', 120],
    ['drain', { alarms: { drain: Duration.minutes(30) } }, 'DrainAlarm', 1800],
    ['failures', { alarms: { failurePercent: 12.5 } }, 'FailureRateAlarm', 12.5],
    ['duration', { alarms: { durationPercent: 50 } }, 'DurationAlarm', 15_000],
  ])('follow: %s', (_, props, id, threshold) => {
    expect(alarmsOf(props).of(id).Threshold).toBe(threshold);
  });

  it.each<[ConsumerProps['expectedRate'], AlarmThresholds, number | undefined]>([
    [{ events: 60_000, per: Duration.minutes(1) }, {}, 12],
    [{ events: 2, per: Duration.hours(1) }, {}, 60],
    [{ events: 10, per: Duration.days(1) }, {}, 288],
    [{ events: 9, per: Duration.days(1) }, {}, undefined],
    [{ events: 9, per: Duration.days(1) }, { silence: Duration.hours(12) }, 144],
    [undefined, {}, undefined],
    [undefined, { silence: Duration.minutes(7) }, 2],
    [RATE, { silence: false }, undefined],
  ])('take the time of silence from the rate %j (%j)', (expectedRate, alarms, periods) => {
    const { ids: found, of: alarm } = alarmsOf({ ...(expectedRate && { expectedRate }), alarms });
    expect(found.includes('SilenceAlarm') ? alarm('SilenceAlarm').EvaluationPeriods : undefined).toBe(periods);
  });

  it('can all be left out, but those on what SNS could not deliver', () => {
    const none = {
      age: false,
      depth: false,
      drain: false,
      deadLetters: false,
      deadLettersWaiting: false,
      lostWithin: false,
      failurePercent: false,
      retryPercent: false,
      duplicatePercent: false,
      nothingHandled: false,
      silence: false,
      throttles: false,
      durationPercent: false,
      crashes: false,
    } satisfies AlarmThresholds;
    const { ids: left, made: consumer } = alarmsOf({ alarms: none, expectedRate: RATE });
    expect(left).toEqual(['UndeliverableAlarm', 'UndeliverableWaitingAlarm']);
    expect(consumer.alarms).toEqual({});
  });

  it.each<[string, Partial<ConsumerProps>, RegExp]>([
    ['half a message', { alarms: { depth: 0.5 } }, /SeatPlan: `alarms\.depth` is 0\.5\. Use a whole number/],
    ['no letters', { alarms: { deadLetters: 0 } }, /`alarms\.deadLetters` is 0/],
    ['more than all', { alarms: { retryPercent: 101 } }, /`alarms\.retryPercent` is 101/],
    ['no percent', { alarms: { failurePercent: 0 } }, /`alarms\.failurePercent` is 0/],
    ['no number', { alarms: { minimumEvents: Number.NaN } }, /`alarms\.minimumEvents` is NaN/],
    ['an age that no message reaches', { alarms: { age: Duration.days(4) } }, /`alarms\.age` is 345600 s/],
    ['seconds of drain', { alarms: { drain: Duration.seconds(10) } }, /`alarms\.drain` is 10 s/],
    ['the whole life of a letter', { alarms: { lostWithin: Duration.days(10) } }, /`alarms\.lostWithin` is 864000 s/],
    ['two days', { alarms: { nothingHandled: Duration.days(2) } }, /`alarms\.nothingHandled` is 172800 s/],
    ['a moment of silence', { alarms: { silence: Duration.minutes(1) } }, /`alarms\.silence` is 60 s/],
    ['a rate of nothing', { expectedRate: { events: 0, per: Duration.hours(1) } }, /`expectedRate\.events` is 0/],
    ['a rate in no time', { expectedRate: { events: 1, per: Duration.seconds(0) } }, /`expectedRate\.per` is 0/],
  ])('refuse %s', (_, props, message) => {
    expect(() => alarmsOf(props)).toThrow(UnsafePropsError);
    expect(() => alarmsOf(props)).toThrow(message);
  });

  it('of a command queue are the same, but those on what SNS could not deliver', () => {
    const { commandQueue } = wiring();
    const { health } = commandQueue({ expectedRate: RATE });
    expect([...health.alarms.keys()].toSorted()).toEqual(
      [...PAGES, ...TICKETS].filter((id) => !id.startsWith('Undeliverable')).toSorted(),
    );
  });
});

/** An app with one of everything that has alarms. */
function everything() {
  const wired = wiring();
  const { stack, topic, onCall } = wired;
  const shared = { onCall, owner: 'box-office' };
  const idempotency = new IdempotencyTable(stack, 'Watched', shared);
  new EventTopic(stack, 'WatchedTopic', { events: [SeatBooked], ...shared });
  const outbox = new Outbox(stack, 'Outbox', { topic, ...shared });
  const circuitBreakers = new CircuitBreakers(stack, 'Circuits', { idempotency, ...shared });
  wired.consumer({
    idempotency,
    circuitBreakers,
    outbox,
    expectedRate: RATE,
    dependencies: { payments: { alarm: 'page' } },
  });
  wired.commandQueue({ idempotency, expectedRate: RATE });
  return wired;
}

describe('every alarm of an app that has everything', () => {
  const synthesized = everything().template();
  const resources = Object.entries(synthesized.toJSON().Resources as Record<string, Resource>);
  const path = ({ Metadata }: Resource) => String(Metadata?.['aws:cdk:path']);
  /** What the people on call have for themselves (windows, tests, heartbeats) is set by hand, or has tests of its own. */
  const monitoring = resources.filter(
    ([, each]) => /^AWS::CloudWatch::(Composite)?Alarm$/.test(each.Type) && !path(each).startsWith('Theatre/OnCall/'),
  );
  const alarms = monitoring.map(([, { Properties }]) => Properties);
  const text = (description: unknown) => (typeof description === 'string' ? description : JSON.stringify(description));

  it.each(
    alarms.map((alarm): [string, Resource['Properties']] => [alarm.AlarmName ?? alarm.CompositeAlarmName, alarm]),
  )('%s says who answers, what it means, what to do first, and where to read on', (_, alarm) => {
    expect(text(alarm.AlarmDescription)).toMatch(
      /^Owner: box-office\. .{20,} First: .{20,} Runbook: docs\/runbooks\/[a-z-]+\.md$/,
    );
    expect(text(alarm.AlarmDescription).length).toBeLessThanOrEqual(1024);
  });

  it('has a name of its own', () => {
    const names = alarms.map(({ AlarmName }) => AlarmName);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has a page among the runbooks, and those pages are of alarms', () => {
    const named = alarms.map(({ AlarmDescription }) => /([a-z-]+)\.md$/.exec(text(AlarmDescription))?.[1]);
    const pages = readdirSync('docs/runbooks').map((file) => file.replace(/\.md$/, ''));
    expect([...new Set(named)].filter((name) => !pages.includes(name!))).toEqual([]);
    // of business flows and of the people on call; their own tests look for them
    const others = /^(burn-rate|heartbeat|maintenance)/;
    expect(pages.filter((page) => !named.includes(page) && !others.test(page))).toEqual([]);
  });

  it('has an action, or is named by a composite that has one', () => {
    const acts = ({ AlarmActions = [] }: Resource['Properties']) => AlarmActions.length > 0;
    const heard = alarms.filter(acts).flatMap(({ AlarmRule = '' }) => AlarmRule.match(/"[^"]+"/g) ?? []);
    const silent = alarms.filter((alarm) => !acts(alarm) && !heard.includes(`"${alarm.AlarmName}"`));
    expect(silent.map(({ AlarmName }) => AlarmName)).toEqual([]);
  });

  it('is held back while a maintenance window is open', () => {
    const composites = alarms.filter(({ AlarmRule }) => AlarmRule !== undefined);
    const window = { 'Fn::GetAtt': [logicalIdAt(synthesized, 'OnCall/Maintenance/Alarm'), 'Arn'] };
    expect(composites.length).toBeGreaterThan(5);
    for (const composite of composites) expect(composite.ActionsSuppressor).toEqual(window);
  });

  it('takes no more metrics than CloudWatch allows an alarm', () => {
    for (const { Metrics = [] } of alarms) expect(Metrics.length).toBeLessThanOrEqual(20);
    const metrics = alarms.map(({ Metrics = [] }) =>
      Metrics.filter((each: { MetricStat?: unknown }) => each.MetricStat),
    );
    expect(Math.max(...metrics.map(({ length }) => length))).toBeLessThanOrEqual(10);
  });
});

describe('the page on alarms', () => {
  it('counts what they cost, and names every runbook of a consumer', () => {
    const { synthesized, made } = alarmsOf();
    const metrics = Object.values(synthesized.findResources('AWS::CloudWatch::Alarm') as Record<string, Resource>)
      .filter(({ Metadata }) => String(Metadata?.['aws:cdk:path']).startsWith('Theatre/SeatPlan/'))
      .map(({ Properties: { Metrics = [{ MetricStat: {} }] } }) => Metrics)
      .flatMap((queries) => queries.filter((each: { MetricStat?: unknown }) => each.MetricStat));
    const page = readFileSync('docs/alarms.md', 'utf8');
    expect(page).toContain(`| consumer | ${made.health.alarms.size} | ${metrics.length} | 2 |`);
    for (const { rule } of made.health.alarms.values()) expect(page).toContain(`(runbooks/${rule.runbook}.md)`);
  });
});
