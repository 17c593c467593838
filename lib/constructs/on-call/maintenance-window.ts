import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { physicalName } from '../names.ts';
import { handSetAlarm } from './hand-set-alarm.ts';

/**
 * An alarm that is in ALARM while somebody works on the system on purpose: composites take it as their actions suppressor.
 * It stays as `baton maintenance open` and `baton maintenance close` set it; the heartbeat closes it when its time is over.
 */
export class MaintenanceWindow extends Construct {
  readonly alarm: cloudwatch.Alarm;

  /** @param runbook where its page is */
  constructor(scope: Construct, id: string, runbook: string) {
    super(scope, id);
    this.alarm = handSetAlarm(this, 'Alarm', {
      alarmName: physicalName(this, '', 255),
      alarmDescription: `In ALARM while a maintenance window is open: pages and tickets are held back. Opened and closed by \`npx baton maintenance\`. Runbook: ${runbook}`,
      metricName: 'MaintenanceWindow',
      dimension: 'window',
    });
  }
}
