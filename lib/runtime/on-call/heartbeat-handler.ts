import { Logger } from '@aws-lambda-powertools/logger';
import type { Context, SNSEvent } from 'aws-lambda';
import { clients, createCloudWatchClient } from '../aws/clients.ts';
import { createDeadMansSwitch } from './dead-mans-switch.ts';
import { createHeartbeat, type Heartbeat } from './heartbeat.ts';
import { readHeartbeatSettings } from './heartbeat-settings.ts';

const logger = new Logger({ serviceName: 'heartbeat' });
let heartbeat: Heartbeat | undefined;

/**
 * The Lambda entry of the heartbeat: started by its schedule every minute, and by the topic of the probe alarm.
 * @throws ConfigurationError when the environment is incomplete
 */
export async function handler(event: SNSEvent | { time?: string }, context: Context): Promise<void> {
  logger.addContext(context);
  heartbeat ??= start();
  if ('Records' in event) heartbeat.hear(event.Records);
  else await heartbeat.beat(Date.parse(event.time ?? '') || Date.now());
}

function start(): Heartbeat {
  const settings = readHeartbeatSettings();
  const { deadMansSwitch: kept } = settings;
  return createHeartbeat({
    settings,
    cloudwatch: createCloudWatchClient(),
    sns: clients.sns,
    log: logger,
    ...(kept && { deadMansSwitch: createDeadMansSwitch({ kept }) }),
  });
}
