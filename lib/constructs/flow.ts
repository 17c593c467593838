import { Duration, Stack, Token } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Construct } from 'constructs';
import { alarmText } from './alarms/alarm-text.ts';
import type { ConsumerMetric } from './alarms/consumer-metrics.ts';
import { type Health, type Monitored, nameOf } from './alarms/health.ts';
import { QueueFunction } from './delivery/queue-function.ts';
import { UnsafePropsError } from './errors.ts';
import { EventTopic } from './event-topic.ts';
import { kebabCase } from './names.ts';
import { BurnAlarms, type BurnRates } from './objectives/burn-alarms.ts';
import { composite, type Member } from './objectives/composites.ts';
import {
  type FlowObjectives,
  type FlowSettings,
  flowObjections,
  flowSettings,
  type Objection,
  objectivesIn,
} from './objectives/flow-settings.ts';
import {
  deliveryIndicator,
  flowMetric,
  type Indicator,
  latencyIndicator,
  MOST_TOPICS,
  successIndicator,
} from './objectives/indicators.ts';
import { type Objective, type ObjectiveName, objectiveOf, share } from './objectives/objective.ts';
import type { IOnCall, Urgency } from './on-call/on-call.ts';
import { installRules } from './rules/rules.ts';

export type { BurnRates } from './objectives/burn-alarms.ts';
export type { FlowObjectives } from './objectives/flow-settings.ts';
export type { Objective, ObjectiveName } from './objectives/objective.ts';

/** What a {@link Flow} takes. */
export interface FlowProps {
  /**
   * What the business knows as one thing: consumers, command queues, outboxes, topics, tables, circuit breakers. At least
   * one; what has alarms only when it is given `onCall` (topics, tables) has to have them.
   */
  readonly parts: readonly { readonly health: Health | undefined }[];

  /** The team that answers for the whole. */
  readonly owner: string;

  /** Who hears of it; its parts' own composites are silent. */
  readonly onCall: IOnCall;

  /**
   * Its name in metrics and alarms: letters, digits, dots, dashes and underscores, up to 100. Unique within account and
   * region.
   *
   * @default the construct's id in kebab case
   */
  readonly name?: string;

  /**
   * What it promises.
   *
   * @default nothing: its parts' alarms are gathered, and no budget is kept
   */
  readonly objectives?: FlowObjectives;

  /**
   * The time over which it promises it: 1 to 90 days.
   *
   * @default Duration.days(30)
   */
  readonly window?: Duration;

  /**
   * Events in an hour below which nobody is told of a burn rate: one failure of three is no rate.
   *
   * @default 10
   */
  readonly minimumEvents?: number;

  /**
   * How fast the error budgets may be used up.
   *
   * @default twice as fast as allowed
   */
  readonly burnRates?: BurnRates;
}

/**
 * A business flow: one voice for all of its parts, so that one cause is heard once, and what it promises as a whole.
 *
 * Every objective has an error budget, the share of events that may fail, and alarms on how fast it is being used up: too
 * fast over an hour is a page, too fast for six hours escalates (to `onCall.escalate` when there is one; otherwise it pages
 * again). The flow may be in another stack than its parts.
 *
 * @throws UnsafePropsError when a part is in another flow, of another region or account, or an objective could not be kept,
 *   missed or measured
 */
export class Flow extends Construct {
  readonly name: string;
  readonly owner: string;
  readonly parts: readonly Monitored[];
  /** Those of its parts that handle events. */
  readonly consumers: readonly QueueFunction[];
  /** Those of its parts that hand over events. */
  readonly topics: readonly EventTopic[];
  readonly objectives: readonly Objective[];
  /** A part does not keep its promise, or the flow is about to break its own. */
  readonly page: cloudwatch.CompositeAlarm;
  /** A part will not keep its promise for long. */
  readonly ticket: cloudwatch.CompositeAlarm;
  /** The flow has been breaking a promise for hours; undefined without objectives. */
  readonly escalation: cloudwatch.CompositeAlarm | undefined;
  /** The alarms of its objectives. */
  readonly burnAlarms: ReadonlyMap<ObjectiveName, BurnAlarms>;
  readonly #onCall: IOnCall;

  constructor(scope: Construct, id: string, props: FlowProps) {
    super(scope, id);
    installRules(this);
    this.name = props.name ?? kebabCase(id);
    this.owner = props.owner;
    this.#onCall = props.onCall;
    this.parts = monitored(this, props.parts);
    this.consumers = this.parts.filter((part) => part instanceof QueueFunction);
    this.topics = this.parts.filter((part) => part instanceof EventTopic);
    const settings = flowSettings(props);
    this.#refuseUnsafe(props, settings);

    for (const { health } of this.parts) health.join(this.name);
    for (const consumer of this.consumers) consumer.function.addEnvironment('BATON_FLOW', this.name);

    this.objectives = objectivesIn(props).map((name) =>
      objectiveOf({
        name,
        target: props.objectives![name]!,
        window: settings.window,
        indicator: this.#indicator(name),
      }),
    );
    const alarms = this.objectives.map((objective) => [objective.name, this.#burnAlarms(objective, settings)] as const);
    this.burnAlarms = new Map(alarms);
    this.page = this.#voice('page');
    this.ticket = this.#voice('ticket');
    this.escalation = this.objectives.length === 0 ? undefined : this.#escalation();
  }

  /** One of the counts of all its consumers together. Sum over a minute unless told otherwise. */
  metric(name: ConsumerMetric, props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return flowMetric(this.name, name, props);
  }

  /** Of the events that its consumers were done with, how many they have handled, in percent. Over 5 minutes unless told otherwise. */
  metricSuccess(period?: Duration): cloudwatch.MathExpression {
    return this.#share('success', period);
  }

  /** Of the events that its consumers have handled, how many in time, in percent. Over 5 minutes unless told otherwise. */
  metricLatency(period?: Duration): cloudwatch.MathExpression {
    return this.#share('latency', period);
  }

  /** Of what its topics tried to hand to subscribers, how much arrived, in percent. Over 5 minutes unless told otherwise. */
  metricDelivery(period?: Duration): cloudwatch.MathExpression {
    return this.#share('delivery', period);
  }

  /**
   * How many times faster than allowed the error budget of an objective is used up. Over an hour unless told otherwise.
   *
   * @throws UnsafePropsError when it has no such objective
   */
  metricBurnRate(objective: ObjectiveName, period?: Duration): cloudwatch.IMetric {
    return this.#objective(objective).burnRate(period);
  }

  /**
   * What is left of the error budget of an objective, in percent; see {@link Objective.budgetLeft}.
   *
   * @throws UnsafePropsError when it has no such objective
   */
  budgetLeft(objective: ObjectiveName, period?: Duration): cloudwatch.IMetric {
    return this.#objective(objective).budgetLeft(period);
  }

  #objective(name: ObjectiveName): Objective {
    const found = this.objectives.find((each) => each.name === name);
    if (found) return found;
    throw new UnsafePropsError(this, `It has no objective for ${name}.`, `Set \`objectives.${name}\`.`);
  }

  #share(name: ObjectiveName, period = Duration.minutes(5)): cloudwatch.MathExpression {
    this.#refuseUnmeasured(name);
    return share(name, this.#indicator(name), period);
  }

  #indicator(name: ObjectiveName): Indicator {
    switch (name) {
      case 'success':
        return successIndicator(this.name);
      case 'latency':
        return latencyIndicator(this.name);
      case 'delivery':
        return deliveryIndicator(this.topics.map(({ topic }) => topic));
    }
  }

  #burnAlarms(objective: Objective, { rates, minimumEvents }: FlowSettings): BurnAlarms {
    return new BurnAlarms(this, `${objective.name[0]!.toUpperCase()}${objective.name.slice(1)}`, {
      flow: this.name,
      owner: this.owner,
      onCall: this.#onCall,
      objective,
      indicator: this.#indicator(objective.name),
      rates,
      minimumEvents,
    });
  }

  /** A part may get its first alarm later, so that its composites are looked for at synthesis. */
  #voice(urgency: Urgency): cloudwatch.CompositeAlarm {
    const parts = this.parts.map(
      ({ health }): Member => ({
        name: () => (health[urgency] === undefined ? undefined : nameOf({ alarm: health[urgency] })),
        from: health,
      }),
    );
    const burning = urgency === 'page' ? [...this.burnAlarms.values()].map(({ burning }) => memberOf(burning)) : [];
    const alarm = composite(this, urgency === 'page' ? 'Page' : 'Ticket', [...parts, ...burning], {
      name: urgency === 'page' ? 'health' : 'degraded',
      description: alarmText(this, this.#onCall, {
        flow: this.name,
        owner: this.owner,
        meaning:
          urgency === 'page'
            ? `${this.name} does not keep its promise, or a part of it does not.`
            : `${this.name} keeps its promise, and will not for long, or not for everything.`,
        first: 'Read the descriptions of the alarms that it names: one of its parts is the cause.',
        runbook: 'health',
      }),
      onCall: this.#onCall,
    });
    this.#onCall.notify(alarm, urgency);
    return alarm;
  }

  #escalation(): cloudwatch.CompositeAlarm {
    const sustained = [...this.burnAlarms.values()].map(({ sustained }) => memberOf(sustained));
    const alarm = composite(this, 'Escalation', sustained, {
      name: 'escalation',
      description: alarmText(this, this.#onCall, {
        flow: this.name,
        owner: this.owner,
        meaning: `${this.name} has been breaking its promise for hours: whoever was paged needs help.`,
        first: 'Call whoever was paged, and ask what is missing: hands, access or a decision.',
        runbook: 'burn-rate-sustained',
      }),
      onCall: this.#onCall,
    });
    const action = new SnsAction(this.#onCall.escalate ?? this.#onCall.page);
    alarm.addAlarmAction(action);
    alarm.addOkAction(action);
    return alarm;
  }

  #refuseUnsafe(props: FlowProps, settings: FlowSettings): void {
    for (const [problem, remedy] of [...flowObjections(this.name, props, settings), ...this.#strangers()]) {
      throw new UnsafePropsError(this, problem, remedy);
    }
    for (const name of objectivesIn(props)) this.#refuseUnmeasured(name);
  }

  *#strangers(): Generator<Objection> {
    const own = Stack.of(this);
    for (const { health } of this.parts) {
      const stack = Stack.of(health);
      if (differ(stack.region, own.region) || differ(stack.account, own.account)) {
        yield [
          `Its part ${health.subject} is in ${stack.account}, ${stack.region}; an alarm knows alarms of its own account and region only.`,
          'Make a flow for each region.',
        ];
      }
      if (health.flow !== undefined) {
        yield [
          `Its part ${health.subject} is in the flow '${health.flow}' already; in two of them, one cause would page twice.`,
          'Take it off one of them.',
        ];
      }
    }
  }

  #refuseUnmeasured(name: ObjectiveName): void {
    if (name !== 'delivery') {
      if (this.consumers.length > 0) return;
      throw new UnsafePropsError(
        this,
        `Nothing in it handles events, so that nothing counts for ${name}.`,
        'Add its consumers to `parts`.',
      );
    }
    if (this.topics.length > 0 && this.topics.length <= MOST_TOPICS) return;
    throw new UnsafePropsError(
      this,
      `It has ${this.topics.length} topics; delivery is measured on 1 to ${MOST_TOPICS}, because an alarm takes 10 metrics.`,
      'Add the topic to `parts`, or give each of two flows a part of them.',
    );
  }
}

/** Each once. */
function monitored(flow: Flow, parts: FlowProps['parts']): readonly Monitored[] {
  const all = [...new Set(parts)];
  const known = all.filter((part): part is Monitored => part.health !== undefined);
  if (known.length === all.length) return known;
  const silent = all.filter((part) => part.health === undefined);
  throw new UnsafePropsError(
    flow,
    `Its parts ${silent.map((part) => (part instanceof Construct ? part.node.path : 'without a path')).join(', ')} have no alarms: nobody would hear of them.`,
    'Give them `onCall` and `owner`.',
  );
}

function memberOf(alarm: cloudwatch.CompositeAlarm): Member {
  return { name: () => nameOf({ alarm }), from: alarm };
}

/** Both are known, and not the same. */
function differ(one: string, other: string): boolean {
  return one !== other && !Token.isUnresolved(one) && !Token.isUnresolved(other);
}
