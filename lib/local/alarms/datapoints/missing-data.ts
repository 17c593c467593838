import type { MetricAlarmResource } from '../../resources.ts';

/** What a range of datapoints says about the state of an alarm. */
export type Verdict =
  /** `evaluated`: where in the range the datapoints are that decided, oldest first. */
  | { state: 'ALARM' | 'OK'; breaching: number; evaluated: readonly number[]; filled: number }
  | { state: 'INSUFFICIENT_DATA'; missing: number }
  /** The alarm stays in the state it is in. */
  | { state: 'RETAIN' };

export interface EvaluationRule {
  /** N: how many datapoints decide. */
  evaluationPeriods: number;
  /** M: how many of them must breach. */
  datapointsToAlarm: number;
  treatMissingData: MetricAlarmResource['treatMissingData'];
}

/** How many datapoints are retrieved beyond N; 2 is what every example of CloudWatch's documentation shows. */
const LOOK_BACK = 2;

/** How many datapoints are retrieved for N: more than N, so that real ones from further back can stand in for missing ones. */
export function evaluationRange(evaluationPeriods: number): number {
  return evaluationPeriods + LOOK_BACK;
}

/**
 * Decides by the rules of "Configuring how CloudWatch alarms treat missing data":
 *
 * 1. With N real datapoints in the range, the latest N decide; how missing data is treated does not matter.
 * 2. With fewer, all of them count, and only as many missing ones are filled in as N lacks.
 * 3. `missing` and `ignore` fill in nothing. While all that is there breaches, but too little is there, the alarm goes to
 *    ALARM only once the oldest of it is M periods old: before, the next datapoint could show that nothing is wrong (the
 *    "premature alarm state"). `ignore` keeps the state in either case.
 *
 * @param range oldest first, undefined where a datapoint is missing
 */
export function decide(
  range: readonly (number | undefined)[],
  breaches: (value: number) => boolean,
  { evaluationPeriods, datapointsToAlarm, treatMissingData }: EvaluationRule,
): Verdict {
  const evaluated: number[] = [];
  let breaching = 0;
  for (let at = range.length - 1; at >= 0 && evaluated.length < evaluationPeriods; at--) {
    const value = range[at];
    if (value === undefined) continue;
    evaluated.unshift(at);
    if (breaches(value)) breaching++;
  }
  const filled = evaluationPeriods - evaluated.length;
  const found = (state: 'ALARM' | 'OK'): Verdict => ({ state, breaching, evaluated, filled });

  if (breaching >= datapointsToAlarm) return found('ALARM');
  if (filled === 0) return found('OK');
  if (treatMissingData === 'breaching') return found(breaching + filled >= datapointsToAlarm ? 'ALARM' : 'OK');
  if (treatMissingData === 'notBreaching') return found('OK');
  if (breaching < evaluated.length) return found('OK');
  if (treatMissingData === 'ignore') return { state: 'RETAIN' };
  const [oldest] = evaluated;
  if (oldest !== undefined && range.length - oldest >= datapointsToAlarm) return found('ALARM');
  return { state: 'INSUFFICIENT_DATA', missing: filled };
}
