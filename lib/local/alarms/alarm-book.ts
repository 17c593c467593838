import type { AlarmResource } from '../resources.ts';
import type { AlarmHistory, AlarmStatus } from './alarm-evaluator.ts';
import {
  type AlarmRecord,
  actionItem,
  createdItem,
  type HistoryItem,
  stateItem,
  suppressedItem,
} from './alarm-records.ts';
import type { AlarmState } from './composite-rule.ts';
import type { Transition } from './notification.ts';
import type { Notification } from './notifier.ts';
import type { SuppressedBy, Suppression } from './suppression.ts';

/** States, and items of a history, that are kept of an alarm. */
const MAXIMUM_HISTORY = 1000;

interface Entry {
  record: AlarmRecord;
  history: AlarmHistory;
  items: HistoryItem[];
  suppression: Suppression | undefined;
}

/** How the alarms are, and what became of them. Every alarm begins in INSUFFICIENT_DATA. */
export class AlarmBook {
  readonly #entries = new Map<string, Entry>();
  /** The names of the alarms of this ARN or name. */
  readonly #names = new Map<string, string>();

  /** @param at ms of the wall clock */
  constructor(evaluated: readonly AlarmResource[], notEvaluated: readonly AlarmResource[], at: number) {
    for (const alarm of evaluated) this.#add(alarm, true, at);
    for (const alarm of notEvaluated) this.#add(alarm, false, at);
  }

  #add(alarm: AlarmResource, evaluated: boolean, at: number): void {
    const entry: Entry = {
      record: {
        alarm,
        state: 'INSUFFICIENT_DATA',
        since: at,
        updatedAt: at,
        reason: 'Unchecked: Initial alarm creation',
        reasonData: undefined,
        evaluated,
        get suppressedBy() {
          return entry.suppression?.by;
        },
      },
      history: { name: alarm.name, states: [{ state: 'INSUFFICIENT_DATA', at }] },
      items: [createdItem(alarm, at)],
      suppression: undefined,
    };
    this.#entries.set(alarm.name, entry);
    this.#names.set(alarm.name, alarm.name).set(alarm.arn, alarm.name);
  }

  readonly stateOf = (name: string): AlarmState => this.#entry(name).record.state;

  /** An alarm by its name or ARN; undefined when there is none. */
  record(nameOrArn: string): AlarmRecord | undefined {
    return this.#entries.get(this.#names.get(nameOrArn) ?? '')?.record;
  }

  records(): AlarmRecord[] {
    return [...this.#entries.values()].map(({ record }) => record);
  }

  items(): HistoryItem[] {
    return [...this.#entries.values()].flatMap(({ items }) => items).sort((one, other) => one.at - other.at);
  }

  states(): Map<string, AlarmStatus> {
    const states = new Map<string, AlarmStatus>();
    for (const [name, { record }] of this.#entries) {
      const { state, since, reason, evaluated } = record;
      if (evaluated) states.set(name, { state, since, reason });
    }
    return states;
  }

  histories(): AlarmHistory[] {
    return [...this.#entries.values()]
      .filter(({ record }) => record.evaluated)
      .map(({ history: { name, states } }) => ({ name, states: [...states] }));
  }

  /** Notes that an alarm has changed. */
  note(transition: Transition): void {
    const { alarm, to, at, reason, reasonData } = transition;
    const { record, history, items } = this.#entry(alarm.name);
    keep(items, stateItem(record, transition));
    keep(history.states, { state: to, at });
    Object.assign(record, { state: to, since: at, updatedAt: at, reason, reasonData });
  }

  /** Notes that an alarm was given the state that it had. */
  update(name: string, { reason, reasonData, at }: { reason: string; reasonData?: object; at: number }): void {
    Object.assign(this.#entry(name).record, { reason, reasonData, updatedAt: at });
  }

  noteAction(notification: Notification): void {
    const item = actionItem(notification);
    if (item !== undefined) keep(this.#entry(notification.alarm.name).items, item);
  }

  noteSuppressed(transition: Transition, by: SuppressedBy): void {
    const { alarm } = transition;
    const suppressor = alarm.kind === 'composite' ? (alarm.suppressor?.alarm ?? '') : '';
    keep(this.#entry(alarm.name).items, suppressedItem(transition, by, suppressor));
  }

  /** From now on, the actions of this alarm go through a suppression. */
  suppress(name: string, suppression: Suppression): void {
    this.#entry(name).suppression = suppression;
  }

  suppressionOf(name: string): Suppression | undefined {
    return this.#entry(name).suppression;
  }

  *suppressions(): Generator<Suppression> {
    for (const { suppression } of this.#entries.values()) if (suppression !== undefined) yield suppression;
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(this.#names.get(name) ?? '');
    if (entry === undefined) throw new Error(`There is no alarm '${name}' here.`);
    return entry;
  }
}

function keep<Item>(list: Item[], item: Item): void {
  list.push(item);
  if (list.length > MAXIMUM_HISTORY) list.shift();
}
