import { setTimeout as delay } from 'node:timers/promises';
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { AlarmResource } from '../resources.ts';
import type { AlarmState } from './composite-rule.ts';
import { actionsFor, messageOf, subjectOf, type Transition } from './notification.ts';

/** What became of one action of a transition. */
export interface Notification {
  alarm: AlarmResource;
  to: AlarmState;
  transition: Transition;
  /** The ARN of the topic, or of whatever the action is. */
  action: string;
  /** `unsupported`: the action is not an SNS topic, and nothing was done. `abandoned`: the local cloud stopped first. */
  outcome: 'delivered' | 'failed' | 'unsupported' | 'abandoned';
  /** How often it was tried. */
  attempts: number;
  /** ms of the wall clock. */
  at: number;
  /** What the last attempt failed with. */
  error?: unknown;
}

export interface NotifierProps {
  sns: SNSClient;
  realNow: () => number;
  /** Real ms before the second, third, ... attempt. */
  retryDelaysMs: readonly number[];
  onNotification?: (notification: Notification) => void;
}

export interface Notifier {
  /** Publishes a transition to every topic among its actions. The notifications of one alarm keep their order. */
  notify(transition: Transition): void;
  /** Resolves when nothing is left to publish. */
  idle(): Promise<void>;
  /** Gives up what waits for another attempt; resolves when nothing is under way. */
  stop(): Promise<void>;
}

export function createNotifier({ sns, realNow, retryDelaysMs, onNotification }: NotifierProps): Notifier {
  const aborter = new AbortController();
  const underway = new Map<string, Promise<void>>();

  async function act(transition: Transition, action: string): Promise<void> {
    const report = (outcome: Notification['outcome'], attempts: number, error?: unknown) =>
      onNotification?.({
        alarm: transition.alarm,
        to: transition.to,
        transition,
        action,
        outcome,
        attempts,
        at: realNow(),
        error,
      });
    if (!/^arn:[^:]+:sns:/.test(action)) return report('unsupported', 0);
    const command = new PublishCommand({
      TopicArn: action,
      Subject: subjectOf(transition),
      Message: messageOf(transition),
    });
    for (let attempts = 1; ; attempts++) {
      if (aborter.signal.aborted) return report('abandoned', attempts - 1);
      try {
        await sns.send(command, { abortSignal: aborter.signal });
        return report('delivered', attempts);
      } catch (error) {
        const delayMs = retryDelaysMs[attempts - 1];
        if (delayMs === undefined) return report('failed', attempts, error);
        await delay(delayMs, undefined, { signal: aborter.signal }).catch(() => undefined);
      }
    }
  }

  return {
    notify(transition) {
      const actions = actionsFor(transition.alarm, transition.to);
      if (actions.length === 0) return;
      const { name } = transition.alarm;
      const before = underway.get(name) ?? Promise.resolve();
      const done = before
        .then(() => Promise.all(actions.map((action) => act(transition, action))))
        .then(() => {
          if (underway.get(name) === done) underway.delete(name);
        });
      underway.set(name, done);
    },
    async idle() {
      while (underway.size > 0) await Promise.all(underway.values());
    },
    async stop() {
      aborter.abort();
      await Promise.all(underway.values());
    },
  };
}
