import { setTimeout as delay } from 'node:timers/promises';
import type { Invocable } from '../event-sources/event-source.ts';
import { functionNameOf } from '../function-name.ts';
import type { FunctionNotification, TopicObserver } from './topic-observer.ts';

export interface FunctionSubscriptionsProps {
  /** By name. */
  functions: ReadonlyMap<string, Invocable>;
  /**
   * Real ms before the second, third, ... attempt.
   * @default [1000, 2000]: Lambda tries an asynchronous invocation again after one and after two minutes, which nobody waits for here
   */
  retryDelaysMs?: readonly number[];
  /** What a function could not be brought to do. */
  onError?: (error: Error) => void;
}

/** Functions that are subscribed to topics. */
export interface FunctionSubscriptions extends Pick<TopicObserver, 'notify'> {
  /** Whether a function runs, or is to be tried again, for the sake of a topic. */
  busy(): boolean;
  /** Nothing is tried again. What runs is not waited for: it ends with its function. */
  stop(): void;
}

/** Invokes functions with the messages of the topics that they are subscribed to, one message an invocation, as SNS does. */
export function startFunctionSubscriptions({
  functions,
  retryDelaysMs = [1000, 2000],
  onError,
}: FunctionSubscriptionsProps): FunctionSubscriptions {
  const stopping = new AbortController();
  const { signal } = stopping;
  let running = 0;

  const run = async (fn: Invocable, name: string, event: object): Promise<void> => {
    for (let attempt = 1; !signal.aborted; attempt++) {
      const result = await fn.invoke(event);
      if (result.status === 'succeeded' || signal.aborted) return;
      const problem =
        result.status === 'throttled' ? result.reason : `${result.error.errorType}: ${result.error.errorMessage}`;
      const delayMs = retryDelaysMs[attempt - 1];
      const outlook = delayMs === undefined ? 'given up' : `tried again in ${delayMs / 1000} s`;
      onError?.(new Error(`${name}, for a topic: attempt ${attempt} failed (${problem}), ${outlook}`));
      if (delayMs === undefined) return;
      await delay(delayMs, undefined, { signal }).catch(() => undefined);
    }
  };

  return {
    notify(notification) {
      const name = functionNameOf(notification.endpoint);
      const fn = functions.get(name);
      if (fn === undefined) return false;
      running += 1;
      void run(fn, name, notificationEvent(notification)).finally(() => {
        running -= 1;
      });
      return true;
    },
    busy: () => running > 0,
    stop: () => stopping.abort(),
  };
}

/** The event of a function that is subscribed to a topic (AWS Lambda developer guide, "Using Lambda with Amazon SNS"). */
export function notificationEvent({ subscriptionArn, envelope }: FunctionNotification): object {
  const { SigningCertURL, UnsubscribeURL, ...rest } = JSON.parse(envelope) as Record<string, unknown>;
  return {
    Records: [
      {
        EventSource: 'aws:sns',
        EventVersion: '1.0',
        EventSubscriptionArn: subscriptionArn,
        Sns: {
          Subject: null,
          MessageAttributes: {},
          ...rest,
          SigningCertUrl: SigningCertURL,
          UnsubscribeUrl: UnsubscribeURL,
        },
      },
    ],
  };
}
