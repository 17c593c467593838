import { Duration } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { QueueFunction } from '../delivery/queue-function.ts';
import type { Flow } from '../flow.ts';
import type { Objective } from '../objectives/objective.ts';
import { percentiles } from './consumer-graphs.ts';
import { logQueries } from './log-queries.ts';
import type { Section } from './pages.ts';
import type { Shown } from './shown.ts';
import { chunks, figure, GRID, graph, text } from './widgets.ts';

const HOUR = Duration.hours(1);
const DAY = Duration.days(1);
/** Lines in one graph that an eye still tells apart. */
const LINES = 20;

const TOP_FAILURES = [
  'filter ispresent(error.name)',
  'fields error.name as errorClass, service as consumer',
  'stats count(*) as failures, count_distinct(event_id) as events by errorClass, consumer',
  'sort failures desc',
  'limit 10',
];

/**
 * For whoever answers for the business: what each flow promised and kept, what is left of its error budgets, how long things
 * take, how much there was to do, and what failed most.
 */
export function executiveSections(shown: Shown): Section[] {
  const inFlows = new Set<object>(shown.flows.flatMap((flow) => flow.parts));
  const others = shown.consumers.filter((consumer) => !inFlows.has(consumer));
  const failures = logQueries(shown.consumers, {
    title: 'Top failures, retries included',
    width: GRID,
    height: 6,
    query: TOP_FAILURES,
  });
  return [
    ...shown.flows.map(flowSection),
    ...chunks(others, LINES).map(withoutFlow),
    ...failures.map((widget) => ({ rows: [[widget]] })),
  ];
}

function flowSection(flow: Flow): Section {
  const third = GRID / 3;
  const half = GRID / 2;
  return {
    rows: [
      [text([`## ${flow.name}`, `Answers for it: ${flow.owner}.`], 2)],
      ...chunks(flow.objectives, 3).flatMap((objectives) => [
        objectives.flatMap((objective) => figures(objective, third)),
        objectives.map((objective) => trend(objective, third)),
      ]),
      [
        graph({
          title: 'Latency: from what happened to what was done about it',
          width: half,
          metrics: percentiles((props) => flow.metric('Latency', props), HOUR),
          unit: 'milliseconds',
          period: HOUR,
          start: '-P7D',
        }),
        graph({
          title: 'Events handled and given up a day',
          width: half,
          metrics: [
            flow.metric('Handled', { period: DAY, label: 'handled' }),
            flow.metric('DeadLettered', { period: DAY, label: 'dead letters' }),
          ],
          unit: 'events',
          stacked: true,
          period: DAY,
          start: '-P30D',
        }),
      ],
    ],
  };
}

function figures({ name, target, window, indicator, budgetLeft }: Objective, width: number): cloudwatch.IWidget[] {
  const start = since(window);
  return [
    figure(`${name}: kept of ${target}%`, indicator(window), width / 2, start),
    figure(`${name}: budget left, %`, budgetLeft(window), width / 2, start),
  ];
}

function trend({ name, target, indicator }: Objective, width: number): cloudwatch.GraphWidget {
  return graph({
    title: `${name} by the hour`,
    width,
    height: 5,
    metrics: [indicator(HOUR)],
    unit: 'percent',
    min: 'lowest value',
    lines: [{ value: target, label: 'objective' }],
    period: HOUR,
    start: '-P7D',
  });
}

/** Consumers that are in no flow have no objectives, but they take their time and handle events all the same. */
function withoutFlow(consumers: readonly QueueFunction[]): Section {
  const half = GRID / 2;
  return {
    rows: [
      [text(['## In no flow', 'Nobody has promised anything for these but the age of their messages.'], 2)],
      [
        graph({
          title: 'Latency, p99',
          width: half,
          metrics: consumers.map((each) =>
            each.metric('Latency', { statistic: 'p99', period: HOUR, label: each.name }),
          ),
          unit: 'milliseconds',
          period: HOUR,
          start: '-P7D',
        }),
        graph({
          title: 'Events handled a day',
          width: half,
          metrics: consumers.map((each) => each.metric('Handled', { period: DAY, label: each.name })),
          unit: 'events',
          stacked: true,
          period: DAY,
          start: '-P30D',
        }),
      ],
    ],
  };
}

/** A time range of a dashboard that ends now. */
function since(window: Duration): string {
  const days = window.toDays({ integral: false });
  return Number.isInteger(days) ? `-P${days}D` : `-PT${Math.ceil(days * 24)}H`;
}
