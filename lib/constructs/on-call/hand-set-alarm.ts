import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { METRICS_NAMESPACE } from '../alarms/consumer-metrics.ts';

/** What a {@link handSetAlarm} takes. */
export interface HandSetAlarmProps {
  readonly alarmName: string;
  readonly alarmDescription: string;
  /** A metric that nothing writes. */
  readonly metricName: string;
  /** The dimension by which the metric is this alarm's own. */
  readonly dimension: string;
}

/**
 * An alarm that is in the state somebody put it into (SetAlarmState), and stays there: nothing ever writes its metric, and
 * missing data leaves it as it is (source: Amazon CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data").
 */
export function handSetAlarm(scope: Construct, id: string, props: HandSetAlarmProps): cloudwatch.Alarm {
  const { alarmName, alarmDescription, metricName, dimension } = props;
  return new cloudwatch.Alarm(scope, id, {
    alarmName,
    alarmDescription,
    metric: new cloudwatch.Metric({
      namespace: METRICS_NAMESPACE,
      metricName,
      dimensionsMap: { [dimension]: alarmName },
      statistic: 'Maximum',
      period: Duration.minutes(1),
    }),
    threshold: 1,
    comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    evaluationPeriods: 1,
    treatMissingData: cloudwatch.TreatMissingData.IGNORE,
  });
}
