import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { type AlarmText, alarmText } from '../alarms/alarm-text.ts';
import { physicalName } from '../names.ts';
import type { IOnCall } from '../on-call/on-call.ts';
import { compositeOfAll } from './composites.ts';
import { timesOverBudget } from './error-budget.ts';
import { type Indicator, withCounts } from './indicators.ts';
import type { Objective, ObjectiveName } from './objective.ts';

/** How fast an error budget may be used up before somebody is told: 1 uses it up exactly at the end of its window. */
export interface BurnRates {
  /**
   * Over the last hour, and over the last 5 minutes. The default uses up a budget of 30 days in 15; when it pages, 0.28% of
   * such a budget or more went in one hour.
   *
   * @default 2
   */
  readonly page?: number;

  /**
   * As many times, in each of the last 6 hours, and over the last half hour. With the default, 1.67% of a budget of 30 days or more went
   * since it paged, and nobody has stopped it.
   *
   * @default as `page`
   */
  readonly escalate?: number;
}

/** What {@link BurnAlarms} takes. */
export interface BurnAlarmsProps {
  readonly flow: string;
  readonly owner: string;
  readonly onCall: IOnCall;
  readonly objective: Objective;
  readonly indicator: Indicator;
  readonly rates: Required<BurnRates>;
  /** Events in an hour below which no rate means anything. */
  readonly minimumEvents: number;
}

const HOURS = 6;

const FIRST: Readonly<Record<ObjectiveName, string>> = {
  success:
    'Group the new dead letters of its consumers by consumer and error class; undo what was deployed before them.',
  latency:
    'Find the first queue on its way whose oldest message is older than promised: what waits there is late later.',
  delivery: 'Look into the undeliverable queues of its consumers: policy, key or queue have changed.',
};

const SUFFERS: Readonly<Record<ObjectiveName, string>> = {
  success: 'its events fail',
  latency: 'its events are handled too late',
  delivery: 'its topics fail to hand over events',
};

/**
 * The burn-rate alarms of one objective. A rate is too high when it is over a long window, which says that it matters, and
 * over a short one, which says that it goes on: so the alarm ends soon after the cause (source: Google, "The Site Reliability
 * Workbook", chapter 5, "Multiwindow, Multi-Burn-Rate Alerts").
 *
 * None has an action: the composites of the flow speak for {@link burning} and {@link sustained}.
 */
export class BurnAlarms extends Construct {
  /** The last hour. */
  readonly hour: cloudwatch.Alarm;
  /** The last 5 minutes. */
  readonly fiveMinutes: cloudwatch.Alarm;
  /**
   * Each of the last 6 hours. An average over them would not do: one total outage of a minute lifts it for 6 hours. Hours
   * with fewer events than the minimum say nothing, and the hours before them take their place, as far as CloudWatch looks back.
   */
  readonly sixHours: cloudwatch.Alarm;
  /** The last half hour. */
  readonly halfHour: cloudwatch.Alarm;
  /** Too fast in the last hour, and now: the page. */
  readonly burning: cloudwatch.CompositeAlarm;
  /** Too fast for 6 hours, and now: escalates. */
  readonly sustained: cloudwatch.CompositeAlarm;

  constructor(scope: Construct, id: string, props: BurnAlarmsProps) {
    super(scope, id);
    const { rates, minimumEvents } = props;
    this.hour = this.#window(props, 'Hour', '1h', {
      period: Duration.hours(1),
      expression: (burn) => `IF(total >= ${minimumEvents}, ${burn}, 0)`,
      threshold: rates.page,
    });
    this.fiveMinutes = this.#window(props, 'FiveMinutes', '5m', {
      period: Duration.minutes(5),
      expression: (burn) => `IF(total > 0, ${burn}, 0)`,
      threshold: rates.page,
    });
    this.sixHours = this.#window(props, 'SixHours', '6h', {
      period: Duration.hours(1),
      evaluationPeriods: HOURS,
      expression: (burn) => `IF(total >= ${minimumEvents}, ${burn})`,
      threshold: rates.escalate,
    });
    this.halfHour = this.#window(props, 'HalfHour', '30m', {
      period: Duration.minutes(30),
      expression: (burn) => `IF(total > 0, ${burn}, 0)`,
      threshold: rates.escalate,
    });
    const { flow, owner, onCall, objective } = props;
    const texts = { flow, owner, first: FIRST[objective.name] };
    this.burning = compositeOfAll(this, 'Burning', [this.hour, this.fiveMinutes], {
      name: 'burning',
      description: alarmText(this, onCall, {
        ...texts,
        meaning: `So many of ${flow} that ${SUFFERS[objective.name]}: the error budget of ${promised(objective)} goes at least ${rates.page} times too fast, for an hour and still.`,
        runbook: 'burn-rate',
      }),
    });
    this.sustained = compositeOfAll(this, 'Sustained', [this.sixHours, this.halfHour], {
      name: 'sustained',
      description: alarmText(this, onCall, {
        ...texts,
        meaning: `For ${HOURS} hours the error budget of ${promised(objective)} goes at least ${rates.escalate} times too fast, and still does: ${SUFFERS[objective.name]}, and nobody has stopped it.`,
        runbook: 'burn-rate-sustained',
      }),
    });
  }

  /** One of the two windows of a composite. */
  #window(props: BurnAlarmsProps, id: string, span: string, window: Window): cloudwatch.Alarm {
    const { objective, indicator } = props;
    const { period, expression, threshold, evaluationPeriods = 1 } = window;
    return new cloudwatch.Alarm(this, id, {
      alarmName: physicalName(this, `burn-${span}`, 255),
      alarmDescription: alarmText(this, props.onCall, textOf(props, span, threshold)),
      metric: new cloudwatch.MathExpression({
        label: `${objective.name}: burn rate`,
        expression: expression(timesOverBudget(objective.target)('bad', 'total')),
        usingMetrics: withCounts(indicator, period),
        period,
      }),
      threshold,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods,
      datapointsToAlarm: evaluationPeriods,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }
}

interface Window {
  readonly period: Duration;
  /** @default 1 */
  readonly evaluationPeriods?: number;
  /** What is watched, given the expression of the burn rate. */
  readonly expression: (burn: string) => string;
  readonly threshold: number;
}

function textOf({ flow, owner, objective }: BurnAlarmsProps, span: string, rate: number): AlarmText {
  return {
    flow,
    owner,
    meaning: `Over ${span} the error budget of ${promised(objective)} goes at least ${rate} times too fast; one of the two windows of an alarm.`,
    first: 'Wait for the composite that names it: by itself it says little.',
    runbook: 'burn-rate',
  };
}

/** `success (99.9% over 30 days)` */
export function promised({ name, target, window }: Objective): string {
  return `${name} (${target}% over ${window.toHumanString()})`;
}
