import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type AlarmHistoryItem,
  type CloudWatchClient,
  DescribeAlarmsCommand,
  type MetricAlarm,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import type { SNSClient } from '@aws-sdk/client-sns';
import { placeOf } from '../caller.ts';
import { UnknownAlarmError } from '../errors.ts';
import { actionsOf, deliveryOf } from './delivery.ts';
import { type Target, targetsOf } from './target.ts';

/** How urgent what is sent claims to be. */
export type TestUrgency = 'page' | 'ticket' | 'escalate';

export const TEST_URGENCIES: readonly TestUrgency[] = ['page', 'ticket', 'escalate'];

/** What a test of on-call works with. */
export interface OnCallTestProps {
  cloudwatch: CloudWatchClient;
  sns: SNSClient;
  /** The construct's name, which the names of its test alarms begin with: `Baton-prod-Foundation-OnCall`. */
  onCall: string;
  /** @default all that there are; `page` and `ticket` have to be there */
  urgencies?: readonly TestUrgency[];
  /** Who tests, for those who read the message. */
  by: string;
  /**
   * Asks for the code that arrived; undefined when there is nobody to ask (any more).
   * Left out, the test ends when CloudWatch says that it has sent the messages.
   */
  ask?: (question: string, signal: AbortSignal) => Promise<string | undefined>;
  say?: (line: string) => void;
  /** For everything together, in milliseconds. @default 600_000 */
  timeoutMs?: number;
  /** Ends the test early; the alarms are put back all the same. */
  signal?: AbortSignal;
  /** Milliseconds between two looks at the history of an alarm. @default 2_000 */
  pollMs?: number;
  /** Milliseconds that CloudWatch gets to carry out an action. @default 120_000 */
  patienceMs?: number;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
  /** @default four letters and digits that cannot be mistaken for each other */
  newCode?: () => string;
}

/** How far the message came. */
export type Arrival =
  | 'answered'
  | 'arrived nowhere'
  | 'no answer'
  | 'not sent'
  | 'pending confirmation'
  | 'sent'
  | 'sent, nobody to ask';

/** What became of one target of one urgency. */
export interface TargetResult {
  urgency: TestUrgency;
  protocol: string;
  endpoint: string;
  arrival: Arrival;
  /** Why, where there is more to say. */
  why?: string;
}

/** What a test came to. */
export interface OnCallTestResult {
  targets: TargetResult[];
  /** Every urgency has somebody who answered, and nobody did not; without questions: every message was sent. */
  passed: boolean;
}

interface Probe {
  urgency: TestUrgency;
  alarm: string;
  code: string;
  targets: readonly Target[];
  before: readonly AlarmHistoryItem[];
}

/** Without what looks or sounds like another. */
const LETTERS = 'ACDEFHJKMNPRTWXY34679';

/**
 * Sends one message of each urgency the way that alarms go, and asks for the code in it, target by target: that is the only
 * proof that somebody would hear of an alarm. The alarms that it raised are put back in the end, whatever happens.
 *
 * @throws UnknownAlarmError when a test alarm is missing, before anything is sent
 */
export async function testOnCall(props: OnCallTestProps): Promise<OnCallTestResult> {
  const { cloudwatch, timeoutMs = 600_000, ask, say = () => {} } = props;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = props.signal ? AbortSignal.any([props.signal, timeout]) : timeout;
  const alarms = await testAlarms(props);
  const raised: string[] = [];
  const results: TargetResult[] = [];
  try {
    const probes: Probe[] = [];
    for (const [urgency, alarm] of alarms) probes.push(await prepare(props, urgency, alarm));
    for (const probe of probes) {
      if (signal.aborted) break;
      raised.push(probe.alarm);
      const reason = `TEST by ${props.by}, nothing is wrong. Answer with code ${probe.code}.`;
      await setState(cloudwatch, probe.alarm, 'ALARM', reason.slice(-1_023));
    }
    for (const probe of probes) {
      const delivery = await awaitDelivery(props, probe, signal);
      const people = probe.targets.filter(({ kind }) => kind === 'person');
      if (delivery.status === 'sent' && people.length > 0) say(`${probe.urgency}: sent to ${people.length}.`);
      for (const target of probe.targets) {
        const named = { urgency: probe.urgency, protocol: target.protocol, endpoint: target.endpoint };
        results.push({ ...named, ...(await arrivalOf(target, probe, delivery, ask, signal)) });
      }
      if (probe.targets.length === 0) {
        results.push({
          urgency: probe.urgency,
          protocol: '-',
          endpoint: 'nobody is subscribed',
          arrival: 'arrived nowhere',
        });
      }
    }
  } finally {
    await putBack(cloudwatch, raised, `Test by ${props.by} is over.`);
  }
  return { targets: results, passed: hasPassed(results, ask !== undefined) };
}

/** All of them, even when one cannot be put back. */
async function putBack(cloudwatch: CloudWatchClient, alarms: readonly string[], reason: string): Promise<void> {
  const settled = await Promise.allSettled(alarms.map((alarm) => setState(cloudwatch, alarm, 'OK', reason)));
  const failed = settled.find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
}

async function testAlarms({
  cloudwatch,
  onCall,
  urgencies,
}: OnCallTestProps): Promise<[urgency: TestUrgency, alarm: MetricAlarm][]> {
  const nameOf = (urgency: TestUrgency) => `${onCall}-test-${urgency}`;
  const wanted = TEST_URGENCIES.filter((urgency) => urgencies?.includes(urgency) ?? true);
  const { MetricAlarms = [] } = await cloudwatch.send(new DescribeAlarmsCommand({ AlarmNames: wanted.map(nameOf) }));
  const place = await placeOf(cloudwatch);
  return wanted.flatMap((urgency): [TestUrgency, MetricAlarm][] => {
    const alarm = MetricAlarms.find(({ AlarmName }) => AlarmName === nameOf(urgency));
    if (alarm) return [[urgency, alarm]];
    // not everybody has somebody to escalate to
    if (urgency === 'escalate' && urgencies === undefined) return [];
    throw new UnknownAlarmError(
      `There is no alarm '${nameOf(urgency)}' in ${place}. Check --env or --on-call, account and region.`,
    );
  });
}

async function prepare(props: OnCallTestProps, urgency: TestUrgency, alarm: MetricAlarm): Promise<Probe> {
  const { cloudwatch, sns, newCode = randomCode } = props;
  const name = alarm.AlarmName!;
  const topics = (alarm.AlarmActions ?? []).filter((arn) => /^arn:[^:]+:sns:/.test(arn));
  const targets = await targetsOf(sns, topics);
  // raised by a test that was killed: only a change of state sends anything
  if (alarm.StateValue === 'ALARM') await setState(cloudwatch, name, 'OK', `Test by ${props.by} begins.`);
  return { urgency, alarm: name, code: newCode(), targets, before: await actionsOf(cloudwatch, name) };
}

type Sent = { status: 'sent' } | { status: 'failed'; why: string };

async function awaitDelivery(
  props: OnCallTestProps,
  { alarm, code, before }: Probe,
  signal: AbortSignal,
): Promise<Sent> {
  const { cloudwatch, pollMs = 2_000, patienceMs = 120_000, clock = Date.now } = props;
  const started = clock();
  for (;;) {
    const delivery = deliveryOf(await actionsOf(cloudwatch, alarm), before, code);
    if (delivery) return delivery;
    if (signal.aborted) return { status: 'failed', why: 'the test was over before CloudWatch had sent it' };
    if (clock() - started > patienceMs) {
      return { status: 'failed', why: `CloudWatch carried out no action of ${alarm} in ${patienceMs / 1_000} s` };
    }
    await wait(pollMs, undefined, { signal }).catch(() => {});
  }
}

async function arrivalOf(
  target: Target,
  { urgency, code }: Probe,
  delivery: Sent,
  ask: OnCallTestProps['ask'],
  signal: AbortSignal,
): Promise<Pick<TargetResult, 'arrival' | 'why'>> {
  if (target.kind === 'pending') {
    return {
      arrival: 'pending confirmation',
      why: 'it gets nothing until somebody follows the link in its first message',
    };
  }
  if (delivery.status === 'failed') return { arrival: 'not sent', why: delivery.why };
  if (ask === undefined) return { arrival: 'sent' };
  if (target.kind === 'machine') return { arrival: 'sent, nobody to ask' };
  const question = `${urgency}: which code arrived at ${target.protocol} ${target.endpoint}? (Enter: none) `;
  for (let wrong = ''; ; wrong = 'That is another code. ') {
    const answer = await ask(`${wrong}${question}`, signal).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      throw error;
    });
    if (answer === undefined) return { arrival: 'no answer' };
    if (answer.trim() === '') return { arrival: 'arrived nowhere' };
    if (answer.trim().toUpperCase() === code) return { arrival: 'answered' };
  }
}

function hasPassed(results: readonly TargetResult[], asked: boolean): boolean {
  const good: readonly Arrival[] = asked ? ['answered', 'sent, nobody to ask'] : ['sent'];
  const proof: Arrival = asked ? 'answered' : 'sent';
  const urgencies = new Set(results.map(({ urgency }) => urgency));
  const proven = new Set(results.filter(({ arrival }) => arrival === proof).map(({ urgency }) => urgency));
  return urgencies.size > 0 && proven.size === urgencies.size && results.every(({ arrival }) => good.includes(arrival));
}

function randomCode(): string {
  return Array.from({ length: 4 }, () => LETTERS[randomInt(LETTERS.length)]).join('');
}

async function setState(
  cloudwatch: CloudWatchClient,
  AlarmName: string,
  StateValue: 'OK' | 'ALARM',
  StateReason: string,
): Promise<void> {
  await cloudwatch.send(new SetAlarmStateCommand({ AlarmName, StateValue, StateReason }));
}
