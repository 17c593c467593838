import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IConstruct } from 'constructs';
import { type Health, nameOf } from '../alarms/health.ts';
import { DEAD_LETTER_RETENTION } from '../delivery/guarded-queue.ts';
import type { QueueFunction } from '../delivery/queue-function.ts';
import type { Flow } from '../flow.ts';
import type { Outbox } from '../outbox.ts';
import { ageIn, circuitState, inQueue, throttles } from './consumer-graphs.ts';
import type { Section } from './pages.ts';
import { givenName } from './physical-names.ts';
import { healthsOf, type Shown } from './shown.ts';
import { AlarmStates, chunks, GRID, graph, MINUTE, MOST_ALARMS, type NamedAlarm } from './widgets.ts';

/** Lines in one graph that an eye still tells apart. */
const LINES = 20;
const THIRD = GRID / 3;
const DAY_SECONDS = 86_400;

/** For whoever was just woken: what is in alarm, what waits and for how long, what fails, what stands still. */
export function onCallSections(shown: Shown): Section[] {
  const healths = healthsOf(shown);
  return [
    ...spokesmen(shown, healths),
    ...chunks(shown.consumers, LINES).map(consumerSection),
    ...chunks(circuitsOf(shown), LINES).map((circuits) => ({ rows: [[circuitGraph(circuits)]] })),
    ...chunks(shown.outboxes, 3).map((outboxes) => ({ rows: [outboxes.map(lagGraph)] })),
    ...chunks(shown.topics, LINES).map((topics) => ({
      rows: [
        [
          graph({
            title: 'Deliveries that SNS gave up',
            width: GRID,
            metrics: topics.map((topic) =>
              topic.metricDeliveriesFailed({ period: MINUTE, statistic: 'Sum', label: labelOf(topic.topic) }),
            ),
            unit: 'notifications',
          }),
        ],
      ],
    })),
    ...chunks([...shown.flows.flatMap(burning), ...healths.flatMap(causes)], 4).map((row) => ({ rows: [row] })),
  ];
}

/** The alarms that speak: those of flows, and what they gather. */
function spokesmen({ flows, onCall }: Shown, healths: readonly Health[]): Section[] {
  const named = (urgency: 'page' | 'ticket'): NamedAlarm[] =>
    [...flows, ...healths].flatMap(({ [urgency]: alarm }) => (alarm === undefined ? [] : [reference(alarm)]));
  const escalations = flows.flatMap(({ escalation }) => (escalation === undefined ? [] : [reference(escalation)]));
  const pages = chunks([...escalations, ...named('page')], MOST_ALARMS);
  const tickets = chunks(named('ticket'), MOST_ALARMS);
  const window = onCall.maintenance && givenName(onCall.maintenance);
  const sections: Section[] = [];
  if (window !== undefined) {
    const alarm = { name: window, scope: onCall.maintenance! };
    sections.push({ rows: [[new AlarmStates('Maintenance: in ALARM while it holds alarms back', GRID, 2, [alarm])]] });
  }
  for (let index = 0; index < Math.max(pages.length, tickets.length); index++) {
    const states = (title: string, alarms: readonly NamedAlarm[] = []) =>
      alarms.length === 0 ? [] : [new AlarmStates(title, GRID / 2, heightFor(alarms.length, 3), alarms)];
    sections.push({
      rows: [
        [
          ...states('Pages: a promise is not kept', pages[index]),
          ...states('Tickets: a promise will not be kept for long', tickets[index]),
        ],
      ],
    });
  }
  return sections;
}

/** What is in ALARM below a composite: the causes. */
function causes(health: Health): AlarmStates[] {
  return whatIsIn(
    health.subject,
    [...health.alarms.values()].map(({ alarm }) => alarm),
  );
}

/** What is in ALARM below the composites of a flow: the objectives whose budgets are used up too fast. */
function burning(flow: Flow): AlarmStates[] {
  return whatIsIn(
    flow.name,
    [...flow.burnAlarms.values()].flatMap(({ burning, sustained }) => [burning, sustained]),
  );
}

function whatIsIn(subject: string, alarms: readonly cloudwatch.AlarmBase[]): AlarmStates[] {
  return chunks(alarms.map(reference), MOST_ALARMS).map(
    (part) => new AlarmStates(`Causes in ${subject}`, GRID / 4, 3, part, ['ALARM']),
  );
}

function reference(alarm: cloudwatch.AlarmBase): NamedAlarm {
  return { name: nameOf({ alarm }), scope: alarm };
}

function consumerSection(consumers: readonly QueueFunction[]): Section {
  const each = <Value>(map: (consumer: QueueFunction, id: string) => Value) =>
    consumers.map((consumer, index) => map(consumer, String(index)));
  return {
    rows: [
      [
        graph({
          title: 'Age of the oldest message, in percent of the promise',
          width: THIRD,
          metrics: each(({ queue, maxAge, name }, id) => ageIn(queue, maxAge.toSeconds() / 100, id, name)),
          unit: 'percent of maxAge',
          lines: [{ value: 100, label: 'promise' }],
        }),
        graph({
          title: 'Messages waiting',
          width: THIRD,
          metrics: each((consumer) =>
            consumer.metricDepth({ period: MINUTE, statistic: 'Maximum', label: consumer.name }),
          ),
          unit: 'messages',
        }),
        graph({
          title: 'Retries',
          width: THIRD,
          metrics: each((consumer) => consumer.metric('Retried', { label: consumer.name })),
          unit: 'events',
        }),
      ],
      [
        graph({
          title: 'Dead letters, those in flight included',
          width: THIRD,
          metrics: each(({ deadLetterQueue, name }, id) => inQueue(deadLetterQueue, id, name)),
          unit: 'messages',
        }),
        graph({
          title: 'Age of the oldest dead letter',
          width: THIRD,
          metrics: each(({ deadLetterQueue, name }, id) => ageIn(deadLetterQueue, DAY_SECONDS, id, name)),
          unit: 'days',
          lines: [{ value: DEAD_LETTER_RETENTION.toDays(), label: 'lost' }],
        }),
        graph({
          title: 'Throttled invocations',
          width: THIRD,
          metrics: each((consumer) => throttles(consumer, consumer.name)),
          unit: 'invocations',
        }),
      ],
    ],
  };
}

function circuitsOf({ consumers }: Shown): { consumer: string; dependency: string }[] {
  return consumers.flatMap(({ name, dependencies }) =>
    dependencies.map((dependency) => ({ consumer: name, dependency })),
  );
}

function circuitGraph(circuits: readonly { consumer: string; dependency: string }[]) {
  return graph({
    title: 'Circuits; nothing is drawn for one that is at rest',
    width: GRID,
    metrics: circuits.map(({ consumer, dependency }) => circuitState(consumer, dependency)),
    unit: 'state',
    lines: [
      { value: 1, label: 'half-open' },
      { value: 2, label: 'open: the consumer stands still' },
    ],
  });
}

function lagGraph(outbox: Outbox) {
  // it pages at the promise itself
  const { threshold } = outbox.alarm.node.defaultChild as cloudwatch.CfnAlarm;
  return graph({
    title: `Lag of ${outbox.name}`,
    width: THIRD,
    metrics: [outbox.metricLag({ label: 'oldest entry' })],
    unit: 'milliseconds',
    lines: threshold === undefined ? [] : [{ value: threshold, label: 'promise' }],
  });
}

/** A line for the title, and one for every so many alarms. */
function heightFor(alarms: number, perRow: number): number {
  return Math.min(1 + Math.ceil(alarms / perRow), 12);
}

function labelOf(construct: IConstruct): string {
  return givenName(construct) ?? construct.node.path;
}
