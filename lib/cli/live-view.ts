import { createLogUpdate } from 'log-update';
import type { AlarmStatus, ConsumerStatus } from '../local/status.ts';

/** What the live view shows. */
export interface Snapshot {
  /** Orders accepted so far, and of how many. */
  placed: number;
  orders: number;
  seconds: number;
  consumers: readonly ConsumerStatus[];
  alarms: readonly AlarmStatus[];
}

/** Shows how the pipeline is doing: a table that stays in place on a terminal, a line every few seconds elsewhere. */
export interface LiveView {
  update(snapshot: Snapshot): void;
  /** Prints a line that stays. */
  say(line: string): void;
  /** Leaves the last table standing. */
  end(): void;
}

/** Seconds between two lines where there is no terminal. */
const LINE_INTERVAL = 3;

/** A view for the stream: live on a terminal, lines elsewhere. */
export function createLiveView(stream: NodeJS.WriteStream = process.stdout): LiveView {
  return stream.isTTY ? terminalView(stream) : lineView(stream);
}

function terminalView(stream: NodeJS.WriteStream): LiveView {
  const log = createLogUpdate(stream);
  const rates = new Rates();
  return {
    update: (snapshot) => log(render(snapshot, rates, { columns: stream.columns ?? 100, rows: stream.rows ?? 40 })),
    say(line) {
      log.clear();
      stream.write(`${line}\n`);
    },
    end: () => log.done(),
  };
}

function lineView(stream: NodeJS.WriteStream): LiveView {
  let last = Number.NEGATIVE_INFINITY;
  const rates = new Rates();
  return {
    update(snapshot) {
      if (snapshot.seconds - last < LINE_INTERVAL) return;
      last = snapshot.seconds;
      stream.write(`${renderLine(snapshot, rates)}\n`);
    },
    say: (line) => stream.write(`${line}\n`),
    end() {},
  };
}

/** Events a second between one look and the next, by name. */
export class Rates {
  readonly #seen = new Map<string, { seconds: number; count: number; rate: number }>();

  of(name: string, count: number, seconds: number): number {
    const before = this.#seen.get(name);
    if (before === undefined) {
      this.#seen.set(name, { seconds, count, rate: 0 });
      return 0;
    }
    const elapsed = seconds - before.seconds;
    if (elapsed < 0.9) return before.rate;
    const rate = (count - before.count) / elapsed;
    this.#seen.set(name, { seconds, count, rate });
    return rate;
  }
}

const columns = [
  'consumer',
  'delivered',
  'handled',
  'duplicates',
  'retried',
  'dead-lettered',
  'in flight',
  'oldest',
  'events/s',
] as const;

/** The whole view, for a terminal of the given size; alarms that fire come first, of those the ones that told somebody. */
export function render(snapshot: Snapshot, rates: Rates, terminal: { columns: number; rows: number }): string {
  const { placed, orders, seconds } = snapshot;
  const rows = snapshot.consumers.map((consumer) => [
    consumer.name,
    ...[consumer.delivered, consumer.handled, consumer.duplicates, consumer.retried, consumer.deadLettered].map(
      (count) => count.toLocaleString('en'),
    ),
    (consumer.inFlight + consumer.waiting).toLocaleString('en'),
    consumer.oldestSeconds === undefined ? '-' : duration(consumer.oldestSeconds),
    Math.round(rates.of(consumer.name, consumer.handled, seconds)).toLocaleString('en'),
  ]);
  const lines = [
    '',
    `  ${bar(placed, orders, Math.max(10, Math.min(50, terminal.columns - 40)))}  ${placed.toLocaleString('en')} of ${orders.toLocaleString('en')} orders  ${duration(seconds)}`,
    '',
    ...table([columns, ...rows]),
    '',
    ...alarmLines(snapshot.alarms, terminal.rows - snapshot.consumers.length - 9),
  ];
  return lines.join('\n');
}

function renderLine({ placed, orders, seconds, consumers, alarms }: Snapshot, rates: Rates): string {
  const handled = consumers.reduce((sum, consumer) => sum + consumer.handled, 0);
  const retried = consumers.reduce((sum, consumer) => sum + consumer.retried, 0);
  const duplicates = consumers.reduce((sum, consumer) => sum + consumer.duplicates, 0);
  const deadLettered = consumers.reduce((sum, consumer) => sum + consumer.deadLettered, 0);
  const open = consumers.reduce((sum, consumer) => sum + consumer.inFlight + consumer.waiting, 0);
  const firing = alarms.filter((alarm) => alarm.state === 'ALARM');
  const told = firing.filter((alarm) => alarm.speaks).length;
  return [
    `${duration(seconds).padStart(6)}`,
    `${placed}/${orders} orders`,
    `${handled} handled (${Math.round(rates.of('all', handled, seconds))}/s)`,
    `${open} open`,
    `${retried} retried`,
    `${duplicates} duplicates`,
    `${deadLettered} dead-lettered`,
    firing.length === 0 ? 'no alarm' : `${firing.length} ${firing.length === 1 ? 'alarm' : 'alarms'}, ${told} heard`,
  ].join('  ');
}

function alarmLines(alarms: readonly AlarmStatus[], room: number): string[] {
  if (alarms.length === 0) return [];
  const rank = { ALARM: 0, INSUFFICIENT_DATA: 1, OK: 2 };
  const sorted = [...alarms].sort(
    (a, b) => rank[a.state] - rank[b.state] || Number(b.speaks) - Number(a.speaks) || a.name.localeCompare(b.name),
  );
  const shown = sorted.slice(0, Math.max(3, room));
  const rest = sorted.slice(shown.length);
  const lines = table([
    ['alarm', 'state', 'since', 'told'],
    ...shown.map((alarm) => [alarm.name, alarm.state, clock(alarm.since), alarm.notified ?? '-']),
  ]);
  if (rest.length > 0) {
    const quiet = rest.filter((alarm) => alarm.state === 'OK').length;
    lines.push(`  and ${rest.length} more: ${quiet} OK, ${rest.length - quiet} without data yet`);
  }
  return lines;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, n) => Math.max(...rows.map((row) => row[n]!.length)));
  return rows.map(
    (row) =>
      `  ${row.map((cell, n) => (n === 0 || rows[0]![0] === 'alarm' ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!))).join('  ')}`,
  );
}

function bar(done: number, all: number, width: number): string {
  const full = all === 0 ? width : Math.round((done / all) * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
}

function clock(time: number): string {
  return new Date(time).toISOString().slice(11, 19);
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} m ${Math.round(seconds % 60)} s`;
}
