import { AsyncLocalStorage } from 'node:async_hooks';
import { Logger, type LogItem } from '@aws-lambda-powertools/logger';
import type { ConstructorOptions } from '@aws-lambda-powertools/logger/types';
import type { Mask } from '../../contracts/sensitive.ts';

/** The record that log lines are about. */
export interface LogSubject {
  /** By the name of its key in the line. */
  readonly ids: Readonly<Record<string, string>>;
  /** Of the sensitive fields of the record's event; undefined when its contract has none. */
  readonly mask: Mask | undefined;
}

/** What says nothing of a payload: the logger's own keys, and the names of the event and its journey. */
const CLEAR = new Set([
  'level',
  'timestamp',
  'service',
  'cold_start',
  'function_arn',
  'function_memory_size',
  'function_name',
  'function_request_id',
  'sampling_rate',
  'xray_trace_id',
  'tenant_id',
  'event_id',
  'event_type',
  'event_version',
  'correlation_id',
  'causation_id',
  'message_id',
  'trace_id',
]);

type LineName = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'critical';

const LINES: ReadonlySet<unknown> = new Set<LineName>(['trace', 'debug', 'info', 'warn', 'error', 'critical']);

function isLine(name: unknown): name is LineName {
  return LINES.has(name);
}

const current = new AsyncLocalStorage<() => LogSubject>();

/**
 * Powertools' Logger for whoever does not get `context.logger` handed down: made once, at the top of any module, its lines
 * inside a handler name the handler's event, its journey and its message, and do not show the event's sensitive fields.
 * Outside a handler it is Powertools' Logger as it is.
 */
export class EventLogger extends Logger {
  #subject: (() => LogSubject | undefined) | undefined;

  /**
   * A logger of one record, wherever it is used. Its lines are written by the parent, who is told what they are about: a
   * child of Powertools' costs a fifth of a millisecond, and is made for those only who set keys, levels or buffers.
   */
  static about(subject: LogSubject, parent: EventLogger): EventLogger {
    let child: EventLogger | undefined;
    const own = () => {
      if (child === undefined) {
        child = parent.createChild({ persistentKeys: { ...subject.ids } }) as EventLogger;
        child.#subject = () => subject;
      }
      return child;
    };
    return new Proxy(parent, {
      get(_, name) {
        if (child === undefined && isLine(name)) {
          const write = (...line: unknown[]) => Reflect.apply(parent[name], parent, line);
          return (...line: unknown[]) =>
            logAbout(
              () => subject,
              () => write(...line),
            );
        }
        const member: unknown = Reflect.get(own(), name, own());
        return typeof member === 'function' ? member.bind(own()) : member;
      },
      set: (_, name, value) => Reflect.set(own(), name, value, own()),
    });
  }

  protected override createLogger(options?: ConstructorOptions): EventLogger {
    return new EventLogger(options);
  }

  protected override createAndPopulateLogItem(...line: Parameters<Logger['createAndPopulateLogItem']>): LogItem {
    const item = super.createAndPopulateLogItem(...line);
    // a line that the parent class writes while it is being made comes before there are fields
    const subject = (#subject in this ? this.#subject?.() : undefined) ?? current.getStore()?.();
    if (subject !== undefined) item.setAttributes(dress(item.getAttributes(), subject));
    return item;
  }
}

/** Runs what handles a record: the lines of every {@link EventLogger} in it are about that record. */
export function logAbout<Result>(subject: () => LogSubject, work: () => Result): Result {
  return current.run(subject, work);
}

function dress(attributes: Readonly<Record<string, unknown>>, { ids, mask }: LogSubject): Record<string, unknown> {
  const clear: Record<string, unknown> = {};
  const rest: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(attributes)) (CLEAR.has(key) ? clear : rest)[key] = value;
  // the own keys of a line come before the ids, and win over them
  return { ...clear, ...ids, ...clear, ...((mask ? mask.value(rest) : rest) as object) };
}
