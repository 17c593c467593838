import type { ActionsSuppressor } from '../resources.ts';
import type { Transition } from './notification.ts';

/** What holds back the actions of a composite alarm: its suppressor, or the time it gives the suppressor to follow. */
export type SuppressedBy = 'Alarm' | 'WaitPeriod' | 'ExtensionPeriod';

/** The suppression of one composite alarm's actions. Moments are ms of alarm time. */
export interface Suppression {
  /** What holds its actions back now. */
  readonly by: SuppressedBy | undefined;
  /** The composite alarm has changed its state. True when it acts at once, false when the transition is held back. */
  change(transition: Transition, now: number): boolean;
  /** The suppressor has come into ALARM, or has left it. */
  suppressor(inAlarm: boolean, now: number): void;
  /** Gives the transition to act on when the time of waiting is over. */
  release(now: number): Transition | undefined;
}

/**
 * Holds back the actions of a composite alarm by the rules of "Suppress composite alarm actions" (Amazon CloudWatch user
 * guide):
 *
 * - A change while the suppressor is in ALARM is held back. While it is not, the wait period begins, and begins anew with
 *   every further change; the actions are taken at its end, unless the suppressor comes into ALARM before.
 * - When the suppressor leaves ALARM, the extension period begins. A change within it ends it, and begins a wait period.
 * - At the end of either, the actions of the state of that moment are taken, once, however many changes were held back.
 *   Without a change since the last actions there is nothing to act on.
 */
export function suppressionOf({ waitSeconds, extensionSeconds }: ActionsSuppressor): Suppression {
  let inAlarm = false;
  let held: Transition | undefined;
  let waiting: { by: 'WaitPeriod' | 'ExtensionPeriod'; until: number } | undefined;
  return {
    get by() {
      return inAlarm ? 'Alarm' : waiting?.by;
    },
    change(transition, now) {
      if (!inAlarm && waitSeconds === 0) {
        waiting = undefined;
        held = undefined;
        return true;
      }
      held = transition;
      if (!inAlarm) waiting = { by: 'WaitPeriod', until: now + waitSeconds * 1000 };
      return false;
    },
    suppressor(nowInAlarm, now) {
      if (nowInAlarm === inAlarm) return;
      inAlarm = nowInAlarm;
      waiting = inAlarm ? undefined : { by: 'ExtensionPeriod', until: now + extensionSeconds * 1000 };
    },
    release(now) {
      if (waiting === undefined || now < waiting.until) return undefined;
      waiting = undefined;
      const transition = held;
      held = undefined;
      return transition;
    },
  };
}
