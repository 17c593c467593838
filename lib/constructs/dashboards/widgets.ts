import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IConstruct } from 'constructs';
import { alarmArn } from './links.ts';
import { byName } from './physical-names.ts';

/** The columns of the grid that dashboards are laid out on. */
export const GRID = 24;
export const MINUTE = Duration.minutes(1);

/** What a {@link graph} shows. */
export interface GraphProps {
  readonly title: string;
  /** In columns. */
  readonly width: number;
  /** In rows of the grid. @default 6 */
  readonly height?: number;
  readonly metrics: readonly cloudwatch.IMetric[];
  /** What the axis counts. */
  readonly unit: string;
  /** Where the axis begins. @default 0 */
  readonly min?: number | 'lowest value';
  /** Lines across the graph: promises, limits. @default none */
  readonly lines?: readonly cloudwatch.HorizontalAnnotation[];
  /** @default false */
  readonly stacked?: boolean;
  /** @default MINUTE */
  readonly period?: Duration;
  /** Such as `-P7D`. @default the time range of the dashboard */
  readonly start?: string;
}

/** Lines over time. */
export function graph(props: GraphProps): cloudwatch.GraphWidget {
  const {
    title,
    width,
    height = 6,
    metrics,
    unit,
    min = 0,
    lines = [],
    stacked = false,
    period = MINUTE,
    start,
  } = props;
  return new cloudwatch.GraphWidget({
    title,
    width,
    height,
    left: metrics.map(byName),
    leftYAxis: { label: unit, showUnits: false, ...(min !== 'lowest value' && { min }) },
    leftAnnotations: [...lines],
    stacked,
    period,
    ...(start !== undefined && { start }),
  });
}

/** One number for a whole time range, such as `-P30D`. */
export function figure(
  title: string,
  metric: cloudwatch.IMetric,
  width: number,
  start: string,
): cloudwatch.SingleValueWidget {
  return new cloudwatch.SingleValueWidget({
    title,
    width,
    height: 3,
    metrics: [byName(metric)],
    setPeriodToTimeRange: true,
    start,
  });
}

/** Markdown over the whole width. */
export function text(lines: readonly string[], height: number): cloudwatch.TextWidget {
  return new cloudwatch.TextWidget({ markdown: lines.join('\n'), width: GRID, height });
}

/** An alarm by its name, and something of the stack that it is in. */
export interface NamedAlarm {
  readonly name: string;
  readonly scope: IConstruct;
}

/** Source: "Dashboard body structure and syntax" in the CloudWatch API reference, alarm status widget. */
export const MOST_ALARMS = 100;

/** The states of up to {@link MOST_ALARMS} alarms; by name, because an ARN of another stack's alarm would be an export. */
export class AlarmStates extends cloudwatch.ConcreteWidget {
  readonly #properties: object;

  /** @param states those that are shown @default all */
  constructor(title: string, width: number, height: number, alarms: readonly NamedAlarm[], states?: readonly string[]) {
    super(width, height);
    this.#properties = {
      title,
      alarms: alarms.map(({ name, scope }) => alarmArn(scope, name)),
      sortBy: cloudwatch.AlarmStatusWidgetSortBy.STATE_UPDATED_TIMESTAMP,
      ...(states && { states }),
    };
  }

  override toJson(): object[] {
    const { width, height, x, y } = this;
    return [{ type: 'alarm', width, height, x, y, properties: this.#properties }];
  }
}

/** Parts of a list, in its order, none longer than `size`. */
export function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  const parts: Item[][] = [];
  for (let start = 0; start < items.length; start += size) parts.push(items.slice(start, start + size));
  return parts;
}
