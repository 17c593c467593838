import type { MetricAlarmResource } from '../../resources.ts';
import { timestamp } from '../notification.ts';
import type { Verdict } from './missing-data.ts';

const COMPARED: Record<MetricAlarmResource['comparison'], string> = {
  GreaterThanOrEqualToThreshold: 'greater than or equal to the threshold',
  GreaterThanThreshold: 'greater than the threshold',
  LessThanThreshold: 'less than the threshold',
  LessThanOrEqualToThreshold: 'less than or equal to the threshold',
};

/** Whether a datapoint is on the wrong side of the alarm's threshold. */
export function breaches(alarm: Pick<MetricAlarmResource, 'comparison' | 'threshold'>, value: number): boolean {
  switch (alarm.comparison) {
    case 'GreaterThanOrEqualToThreshold':
      return value >= alarm.threshold;
    case 'GreaterThanThreshold':
      return value > alarm.threshold;
    case 'LessThanThreshold':
      return value < alarm.threshold;
    case 'LessThanOrEqualToThreshold':
      return value <= alarm.threshold;
  }
}

/**
 * The reason of a transition, in the words of CloudWatch, which tools that read notifications know.
 * @param range the datapoints that the verdict is about, oldest first
 * @param startOf the wall-clock ms at which the period of a datapoint began
 */
export function reasonOf(
  alarm: MetricAlarmResource,
  verdict: Exclude<Verdict, { state: 'RETAIN' }>,
  range: readonly (number | undefined)[],
  startOf: (index: number) => number,
): string {
  if (verdict.state === 'INSUFFICIENT_DATA') {
    return `Insufficient Data: ${counted(verdict.missing, 'datapoint')} ${were(verdict.missing)} unknown.`;
  }
  const { state, evaluated, filled } = verdict;
  const fills = filled > 0 && (alarm.treatMissingData === 'breaching' || alarm.treatMissingData === 'notBreaching');
  const treated = alarm.treatMissingData === 'breaching' ? 'Breaching' : 'NonBreaching';
  const missing = `${counted(filled, 'missing datapoint')} ${were(filled)} treated as [${treated}]`;
  if (evaluated.length === 0) {
    return `Threshold Crossed: no datapoints were received for ${counted(filled, 'period')} and ${missing}.`;
  }
  const isBreaching = (at: number) => breaches(alarm, range[at]!);
  const deciding = evaluated.filter((at) => isBreaching(at) === (state === 'ALARM'));
  // A state that follows from missing data alone has no datapoint on its side; what is there is shown then.
  const shown = deciding.length > 0 ? deciding : evaluated;
  const values = shown.toReversed().map((at) => `${decimal(range[at]!)} (${minuteOf(startOf(at))})`);
  const side = `${isBreaching(shown[0]!) ? '' : 'not '}${COMPARED[alarm.comparison]} (${decimal(alarm.threshold)})`;
  const crossed = `${shown.length} out of the last ${counted(alarm.evaluationPeriods, 'datapoint')} [${values.join(', ')}] ${were(shown.length)} ${side}`;
  const needed = state === 'ALARM' ? alarm.datapointsToAlarm : alarm.evaluationPeriods - alarm.datapointsToAlarm + 1;
  const change = state === 'ALARM' ? 'OK -> ALARM' : 'ALARM -> OK';
  const minimum = `minimum ${counted(needed, 'datapoint')} for ${change} transition`;
  return `Threshold Crossed: ${crossed} (${minimum}).${fills ? ` ${missing}.` : ''}`;
}

/**
 * What a reason says, for programs: the `StateReasonData` of a metric alarm.
 * @param now ms of the wall clock
 */
export function reasonDataOf(
  alarm: MetricAlarmResource,
  verdict: Exclude<Verdict, { state: 'RETAIN' }>,
  range: readonly (number | undefined)[],
  startOf: (index: number) => number,
  now: number,
): object {
  const evaluated = verdict.state === 'INSUFFICIENT_DATA' ? [] : verdict.evaluated;
  const [only, ...rest] = alarm.queries;
  return {
    version: '1.0',
    queryDate: timestamp(now),
    ...(evaluated[0] !== undefined && { startDate: timestamp(startOf(evaluated[0])) }),
    ...(rest.length === 0 && only?.metric && { statistic: only.metric.statistic }),
    period: alarm.periodSeconds,
    recentDatapoints: evaluated.map((at) => range[at]),
    threshold: alarm.threshold,
    evaluatedDatapoints: evaluated.toReversed().map((at) => ({ timestamp: timestamp(startOf(at)), value: range[at] })),
  };
}

/** `DD/MM/YY hh:mm:ss` in UTC, as in CloudWatch's reasons. */
function minuteOf(realMs: number): string {
  const [year, month, day, ...time] = new Date(realMs).toISOString().split(/[-T:.]/);
  return `${day}/${month}/${year?.slice(2)} ${time.slice(0, 3).join(':')}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function were(count: number): string {
  return count === 1 ? 'was' : 'were';
}

/** A number with at least one decimal. */
function decimal(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
