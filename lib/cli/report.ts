import { closeSync, openSync, writeFileSync } from 'node:fs';
import type { ConsumerCounts, Invariant } from '../superstore/invariants.ts';
import { UserError } from './failure.ts';

/** What `npm start -- --report` writes. */
export interface Report {
  /** Orders that the command queue accepted. */
  published: number;
  /** From the first order accepted to the last event handled. */
  seconds: number;
  /** Events handled by all consumers together, per second. */
  eventsPerSecond: number;
  /** Milliseconds from the start of the process to the first order accepted. */
  readyMs: number;
  /** The most memory resident at once, in all processes, in bytes. */
  peakRssBytes: number;
  /** What chance depended on: the same seed makes the same choices. */
  seed: number;
  alarms: { name: string; speaks: boolean; states: { state: string; at: string }[] }[];
  consumers: Record<string, ConsumerCounts & { effects: number; lost: number }>;
  invariants: Invariant[];
}

/** Makes sure that the report can be written before anything else is done. Throws a UserError when it cannot. */
export function checkWritable(file: string): void {
  try {
    closeSync(openSync(file, 'a'));
  } catch (cause) {
    throw new UserError(`--report: '${file}' cannot be written (${(cause as Error).message}). Name another file.`, {
      cause,
    });
  }
}

/** Writes the report as JSON. */
export function writeReport(file: string, report: Report): void {
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
}

/** The report as a person reads it. */
export function summary(report: Report): string {
  const handled = Object.values(report.consumers).reduce((sum, consumer) => sum + consumer.handled, 0);
  const fired = report.alarms.filter((alarm) => alarm.states.some(({ state }) => state === 'ALARM'));
  const speaking = fired.filter(({ speaks }) => speaks).map(({ name }) => name);
  const behind = fired.length - speaking.length;
  const lines = [
    '',
    `${report.published.toLocaleString('en')} orders became ${handled.toLocaleString('en')} handled events in ${report.seconds.toFixed(1)} s: ${Math.round(report.eventsPerSecond).toLocaleString('en')} a second, at most ${Math.round(report.peakRssBytes / 1_048_576)} MiB of memory.`,
    '',
    ...Object.entries(report.consumers).map(
      ([name, { delivered, handled: done, duplicates, retried, deadLettered, effects, lost }]) =>
        `  ${name.padEnd(14)} ${delivered} delivered, ${done} handled, ${duplicates} duplicates, ${retried} retried, ${deadLettered} dead-lettered; ${effects} effects, ${lost} lost`,
    ),
    '',
    ...report.invariants.map(({ held, name, found }) => `  ${held ? '✔' : '✘'} ${name}: ${found}`),
    '',
    fired.length === 0
      ? `No alarm fired (of ${report.alarms.length}).`
      : `Alarms that told somebody: ${speaking.join(', ') || 'none'}. ${behind} more fired behind them.`,
    `Run it again with --seed ${report.seed}.`,
    '',
  ];
  return lines.join('\n');
}
