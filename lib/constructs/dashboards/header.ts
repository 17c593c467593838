import type { IConstruct } from 'constructs';
import { consoleLinks, link, runbookLink } from './links.ts';
import { givenName } from './physical-names.ts';
import { healthsOf, type Shown } from './shown.ts';
import { text } from './widgets.ts';

/** One dashboard among those that belong together. */
export interface View {
  /** `executive`, `on-call` or `debug`. */
  readonly kind: string;
  readonly name: string;
}

/** The first thing on a dashboard: where one can go from here, and for who is on call, what can be done. */
export function header(scope: IConstruct, view: View, views: readonly View[], shown: Shown) {
  const console = consoleLinks(scope);
  const places = views.map(({ name }) => (name === view.name ? `**${name}**` : link(name, console.dashboard(name))));
  const lines = [`# ${view.name}`, places.join(' | ')];
  if (view.kind !== 'on-call') return text(lines, 2);
  const runbooks = new Set(
    healthsOf(shown).flatMap(({ alarms }) => [...alarms.values()].map(({ rule }) => rule.runbook)),
  );
  runbooks.add('health');
  const links = [...runbooks].toSorted().map((name) => runbookLink(shown.onCall, name));
  const window = shown.onCall.maintenance && givenName(shown.onCall.maintenance);
  const option = window === undefined ? '' : ` --alarm ${window}`;
  return text(
    [
      ...lines,
      '',
      `Runbooks: ${links.join(' | ')}`,
      '',
      'Before work on purpose, hold the alarms back, and let them go afterwards; whether pages arrive is asked by the last one:',
      '```',
      `npx baton maintenance open --for 2h --reason "..."${option}`,
      `npx baton maintenance close${option}`,
      `npx baton oncall test${window === undefined ? '' : ` --on-call ${window.replace(/-Maintenance$/, '')}`}`,
      '```',
    ],
    6,
  );
}
