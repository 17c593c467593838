import type { Finding } from '../contracts/registry/finding.ts';
import type { Impact, Outcome } from '../contracts/registry/impact.ts';
import type { InFlightReport } from './contracts-in-flight.ts';

/** What `baton contracts check` found, as data: what `--json` prints. */
export interface CheckReport {
  /** Whether everything was looked at, and nothing was found that fails the check. */
  holds: boolean;
  registry: string;
  /** The commit whose published versions have to be there; missing when there was none to compare with. */
  base?: string;
  /** The environment whose consumers were asked; missing when none were. */
  env?: string;
  types: number;
  versions: number;
  consumers: readonly AskedConsumer[];
  findings: readonly Finding[];
  /** What new and changed versions do to the consumers; missing when none were asked. */
  impacts?: readonly Impact[];
  /** What is still in queues and DLQs, when it was asked for. */
  inFlight?: InFlightReport;
  /** What should have been looked at and could not be, and why: nobody knows whether the contracts hold. */
  unfinished: readonly string[];
  /** What was not looked at, and why. */
  notes: readonly string[];
}

/** A consumer whose code was asked what it reads. */
export interface AskedConsumer {
  name: string;
  owner: string;
  state: 'open' | 'foreign' | 'failed';
  /** Why it could not say, or not everything. */
  problems: readonly string[];
}

const MOST_PLACES = 5;
/** What a row of messages is called that could not even be read as an event. */
const NO_EVENT = '(not a valid event)';

const OUTCOMES: readonly [Outcome, string][] = [
  ['breaks', 'breaks'],
  ['deployFirst', 'deploy first'],
  ['unharmed', 'unharmed'],
  ['unharmedByNeeds', 'unharmed, as it needs only some fields'],
  ['keptOut', 'kept out by its filter'],
];

/** A finding, a line each for what is the matter and where. */
export function findingLines({ message, meets = [], places = [] }: Finding): string[] {
  const consumers = meets.map(({ consumer, owner }) => `${consumer} (${owner})`).join(', ');
  return [message, ...(consumers === '' ? [] : [`  consumers: ${consumers}`]), ...placeLines(places)];
}

/** What the check says to a person. */
export function checkText(report: CheckReport): string {
  const { findings, impacts = [] } = report;
  const types = new Set([...findings, ...impacts].map(({ type }) => type));
  const groups = [...types].toSorted().flatMap((type) => [
    type,
    ...findings
      .filter((finding) => finding.type === type)
      .toSorted((a, b) => (a.severity === b.severity ? 0 : a.severity === 'error' ? -1 : 1))
      .flatMap((finding) => indented(headed(finding))),
    ...impactLines(impacts.filter((impact) => impact.type === type)),
    '',
  ]);
  const problems = report.consumers.flatMap(({ problems: of }) => of);
  return [
    ...groups,
    ...(problems.length > 0 ? ['Consumers that could not be asked', ...indented(problems), ''] : []),
    ...(report.inFlight ? [...inFlightLines(report.inFlight), ''] : []),
    ...report.notes.map((note) => `Note: ${note}`),
    verdict(report),
    '',
  ].join('\n');
}

function headed(finding: Finding): string[] {
  const [message, ...rest] = findingLines(finding);
  const version = finding.version === undefined ? '' : `version ${finding.version}`;
  const head = [finding.severity === 'error' ? '✘' : '·', version].filter(Boolean).join(' ');
  return [`${head}: ${message}`, ...rest];
}

function impactLines(impacts: readonly Impact[]): string[] {
  return [...Map.groupBy(impacts, ({ version }) => version)].flatMap(([version, ofVersion]) => [
    `  version ${version} (${ofVersion[0]!.change})`,
    ...OUTCOMES.flatMap(([outcome, words]) => {
      const those = ofVersion.filter((impact) => impact.outcome === outcome);
      // what has the same reason is told of together
      return [...Map.groupBy(those, whyOf).values()].flatMap((alike) => [
        `    ${words}: ${alike.map(named).join(', ')}`,
        ...indented(indented(reasonLines(alike[0]!))),
      ]);
    }),
  ]);
}

function whyOf(impact: Impact): string {
  return JSON.stringify(reasonLines(impact));
}

function reasonLines({ outcome, places, reason, remedy }: Impact): string[] {
  const isHarm = outcome === 'breaks' || outcome === 'deployFirst';
  return [
    ...(reason === undefined ? [] : [`  ${reason}`]),
    ...(isHarm ? placeLines(places) : []),
    ...(remedy === undefined ? [] : [`  ${remedy}`]),
  ];
}

function named({ consumer, owner, outcome, reads }: Impact): string {
  const today = reads === undefined || !['breaks', 'deployFirst'].includes(outcome) ? '' : `, reads version ${reads}`;
  return `${consumer} (${owner}${today})`;
}

function placeLines(places: Finding['places'] = []): string[] {
  const shown = places.slice(0, MOST_PLACES).map(({ path, reason }) => `  ${path}: ${reason}`);
  const left = places.length - shown.length;
  return left > 0 ? [...shown, `  and ${left} more`] : shown;
}

function inFlightLines({ queues, rows }: InFlightReport): string[] {
  const lines = queues.flatMap(({ consumer, owner, queue, status, visible, notVisible, delayed, sampled, note }) => {
    const those = rows.filter((row) => row.consumer === consumer && row.queue === queue);
    const there = visible + notVisible + delayed;
    const place = [`${consumer} (${owner})`, queue === 'dlq' ? 'DLQ' : 'queue'];
    if (status === 'sampled' && there === 0 && sampled === 0) return [];
    if (those.length === 0) {
      const told = note === undefined || status === 'counted' ? [] : [note];
      return [{ cells: [...place, `(${status})`, '0', '0', '0', `~${there}`], told }];
    }
    return those.map(({ type, version, sampled: of, unreadable, unjudged, verdicts, examples }, index) => {
      const event = type === undefined ? NO_EVENT : `${type}${version === undefined ? '' : ` v${version}`}`;
      const why = examples.map(({ verdict, messageId, message }) => {
        const times = verdicts[verdict] ?? 0;
        return `${times} ${verdict}, ${times === 1 ? 'message' : 'for example message'} ${messageId}: ${message}`;
      });
      // of a queue, and not of each kind of message in it
      const [all, notes] = index === 0 ? [`~${there}`, note ? [note] : []] : ['', []];
      return { cells: [...place, event, ...[of, unreadable, unjudged].map(String), all], told: [...notes, ...why] };
    });
  });
  if (lines.length === 0) return ['In flight: no messages in any queue or DLQ.'];
  const head = ['consumer', 'in', 'event', 'sampled', 'unreadable', 'unjudged', 'in all'];
  const table = [head, ...lines.map(({ cells }) => cells)];
  const widths = head.map((_, column) => Math.max(...table.map((line) => line[column]!.length)));
  const drawn = table.map((line) => {
    const cells = line.map((cell, column) =>
      column < 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
    );
    return cells.join('  ').trimEnd();
  });
  const body = lines.flatMap(({ told }, index) => [drawn[index + 1]!, ...indented(told)]);
  return ['In flight', ...indented([drawn[0]!, ...body])];
}

function verdict(report: CheckReport): string {
  const { types, versions, consumers, unfinished, inFlight } = report;
  const broken = brokenParts(report);
  const lines = broken.length > 0 ? [`The contracts do not hold: ${broken.join('; ')}.`] : [];
  if (unfinished.length > 0) lines.push('The check could not be finished:', ...indented(unfinished));
  if (lines.length > 0) return lines.join('\n');
  const asked = consumers.length === 0 ? '' : `, ${counted(consumers.length, 'consumer')}`;
  // whoever accepts that is told all the same
  const left = inFlight?.unjudged ? ` ${counted(inFlight.unjudged, 'message')} in flight not judged.` : '';
  return `The contracts hold: ${counted(types, 'type')}, ${counted(versions, 'version')}${asked}.${left}`;
}

/** What does not hold, in a few words each; nothing when all that could be looked at does. */
export function brokenParts({ findings, impacts = [], inFlight }: Omit<CheckReport, 'holds'>): string[] {
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const broken = new Map(
    impacts.filter(({ outcome }) => outcome === 'breaks').map(({ consumer, owner }) => [consumer, owner]),
  );
  const unreadable = inFlight?.rows.some((row) => row.unreadable > 0 && (inFlight.strict || row.queue === 'queue'));
  return [
    ...(errors > 0 ? [counted(errors, 'problem')] : []),
    ...(broken.size > 0
      ? [
          `${counted(broken.size, 'consumer')} would break (${[...broken].map((pair) => `${pair[0]} of ${pair[1]}`).join(', ')})`,
        ]
      : []),
    ...(unreadable ? ['not everything in flight can be read'] : []),
  ];
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
