import type { IConstruct } from 'constructs';
import { nameOf } from '../alarms/health.ts';
import { Consumer } from '../consumer.ts';
import { DEAD_LETTER_RETENTION } from '../delivery/guarded-queue.ts';
import type { QueueFunction } from '../delivery/queue-function.ts';
import type { IOnCall } from '../on-call/on-call.ts';
import { ageIn, inQueue, percentiles, throttles } from './consumer-graphs.ts';
import { consoleLinks, link, runbookLink } from './links.ts';
import { logGroupName, logQueries } from './log-queries.ts';
import type { Section } from './pages.ts';
import { givenName } from './physical-names.ts';
import type { Shown } from './shown.ts';
import { AlarmStates, GRID, graph, MINUTE, text } from './widgets.ts';

const THIRD = GRID / 3;
const QUARTER = GRID / 4;
const OUTCOMES = ['Delivered', 'Handled', 'Duplicates', 'Retried', 'DeadLettered', 'Returned', 'Parked'] as const;

const RECENT_ERRORS = [
  'filter ispresent(error.name) or @message like /Task timed out|Runtime exited|Runtime\\.\\w+Error/',
  'fields @timestamp, level, event_type, error.name as errorClass, coalesce(error.message, @message) as what, event_id, correlation_id',
  'sort @timestamp desc',
  'limit 20',
];

/** For whoever looks for the cause: everything about each consumer, one after the other. */
export function debugSections({ consumers, onCall }: Shown): Section[] {
  return consumers.map((consumer) => ({
    rows: [
      [introduction(consumer, onCall)],
      work(consumer),
      functionRow(consumer),
      queueRow(consumer),
      logQueries([consumer], {
        title: `Recent errors of ${consumer.name}`,
        width: GRID,
        height: 6,
        query: RECENT_ERRORS,
      }),
    ].filter((row) => row.length > 0),
  }));
}

function introduction(consumer: QueueFunction, onCall: IOnCall) {
  const { health, name } = consumer;
  const { owner, flow } = health;
  const console = consoleLinks(consumer);
  const log = logGroupName(consumer);
  const places = [
    ...named('function', consumer.function, console.function),
    ...(log === undefined ? [] : [link('log', console.logGroup(log))]),
    ...named('queue', consumer.queue, console.queue),
    ...named('dead letters', consumer.deadLetterQueue, console.queue),
  ];
  const runbooks = [...new Set([...health.alarms.values()].map(({ rule }) => rule.runbook))];
  return text(
    [
      `## ${name}`,
      `Owner: ${owner}. ${flow === undefined ? 'In no flow.' : `Flow: ${flow}.`} Promise: no message older than ${consumer.maxAge.toHumanString()}.`,
      '',
      `Places: ${places.join(' | ')}`,
      '',
      `Runbooks: ${runbooks.map((each) => runbookLink(onCall, each)).join(' | ')}`,
    ],
    4,
  );
}

function named(label: string, construct: IConstruct, address: (name: string) => string): string[] {
  const name = givenName(construct);
  return name === undefined ? [] : [link(label, address(name))];
}

function work(consumer: QueueFunction) {
  return [
    graph({
      title: 'What became of the events',
      width: THIRD,
      metrics: OUTCOMES.map((outcome) => consumer.metric(outcome, { label: outcome })),
      unit: 'events',
    }),
    graph({
      title: 'Latency: from the event to its settlement',
      width: THIRD,
      metrics: percentiles((props) => consumer.metric('Latency', props)),
      unit: 'milliseconds',
      lines: [{ value: consumer.maxAge.toMilliseconds(), label: 'promise' }],
    }),
    graph({
      title: 'Duration of the handler',
      width: THIRD,
      metrics: percentiles((props) => consumer.metric('Duration', props)),
      unit: 'milliseconds',
    }),
  ];
}

function functionRow(consumer: QueueFunction) {
  const { timeout } = consumer.function;
  const { page, ticket } = consumer.health;
  const alarms = [page, ticket].filter((alarm) => alarm !== undefined);
  return [
    graph({
      title: 'Invocations at the same time',
      width: QUARTER,
      metrics: [
        consumer.function.metric('ConcurrentExecutions', { period: MINUTE, statistic: 'Maximum', label: 'most' }),
      ],
      unit: 'invocations',
    }),
    graph({
      title: 'Crashes and throttles',
      width: QUARTER,
      metrics: [
        consumer.function.metricErrors({ period: MINUTE, label: 'crashes, timeouts' }),
        throttles(consumer, 'throttles'),
      ],
      unit: 'invocations',
    }),
    graph({
      title: 'Duration of invocations',
      width: QUARTER,
      metrics: [
        consumer.function.metricDuration({ period: MINUTE, statistic: 'Maximum', label: 'longest' }),
        consumer.function.metricDuration({ period: MINUTE, statistic: 'p50', label: 'p50' }),
      ],
      unit: 'milliseconds',
      lines: timeout === undefined ? [] : [{ value: timeout.toMilliseconds(), label: 'timeout' }],
    }),
    new AlarmStates(
      'Alarms',
      QUARTER,
      6,
      alarms.map((alarm) => ({ name: nameOf({ alarm }), scope: alarm })),
    ),
  ];
}

function queueRow(consumer: QueueFunction) {
  const { queue, deadLetterQueue, maxAge } = consumer;
  return [
    graph({
      title: 'Messages in the queue',
      width: QUARTER,
      metrics: [
        consumer.metricDepth({ period: MINUTE, statistic: 'Maximum', label: 'waiting' }),
        queue.metricApproximateNumberOfMessagesNotVisible({ period: MINUTE, statistic: 'Maximum', label: 'in flight' }),
      ],
      unit: 'messages',
    }),
    graph({
      title: 'Age of the oldest message',
      width: QUARTER,
      metrics: [consumer.metricAge({ period: MINUTE, statistic: 'Maximum', label: 'age' })],
      unit: 'seconds',
      lines: [{ value: maxAge.toSeconds(), label: 'promise' }],
    }),
    graph({
      title: 'Dead letters, those in flight included',
      width: QUARTER,
      metrics: [
        inQueue(deadLetterQueue, '0', 'dead letters'),
        ...(consumer instanceof Consumer ? [inQueue(consumer.undeliverable, '1', 'undeliverable')] : []),
      ],
      unit: 'messages',
    }),
    graph({
      title: 'Age of the oldest dead letter',
      width: QUARTER,
      metrics: [ageIn(deadLetterQueue, 86_400, '0', 'age')],
      unit: 'days',
      lines: [{ value: DEAD_LETTER_RETENTION.toDays(), label: 'lost' }],
    }),
  ];
}
