import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { METRICS_NAMESPACE } from '../alarms/consumer-metrics.ts';
import { physicalName } from '../names.ts';

/**
 * An alarm that is in ALARM while somebody works on the system on purpose: composites take it as their actions suppressor.
 * Nothing ever writes its metric, and missing data leaves an alarm as it is, so that it stays as `baton maintenance open` and
 * `baton maintenance close` set it (source: Amazon CloudWatch user guide, "Configuring how CloudWatch alarms treat missing
 * data"). The heartbeat closes it when its time is over.
 */
export class MaintenanceWindow extends Construct {
  readonly alarm: cloudwatch.Alarm;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const alarmName = physicalName(this, '', 255);
    this.alarm = new cloudwatch.Alarm(this, 'Alarm', {
      alarmName,
      alarmDescription: `In ALARM while a maintenance window is open: pages and tickets are held back. Opened and closed by \`baton maintenance\`.`,
      metric: new cloudwatch.Metric({
        namespace: METRICS_NAMESPACE,
        metricName: 'MaintenanceWindow',
        dimensionsMap: { window: alarmName },
        statistic: 'Maximum',
        period: Duration.minutes(1),
      }),
      threshold: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.IGNORE,
    });
  }
}
