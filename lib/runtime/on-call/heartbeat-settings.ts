import { ConfigurationError } from '../errors.ts';

/** Where a URL is kept that is nobody else's business: a secret (`field`: of a JSON secret), or an SSM parameter. */
export type KeptUrl = { readonly secret: string; readonly field?: string } | { readonly parameter: string };

/** What the `OnCall` construct tells the heartbeat through its environment. */
export interface HeartbeatSettings {
  /** Its name in metrics: the dimension `onCall`. */
  readonly onCall: string;
  readonly pageTopicArn: string;
  readonly probeAlarmArn: string;
  /** Minutes between two flips of the probe. @default 15 */
  readonly probeMinutes: number;
  /** The name of the alarm that is in ALARM while a maintenance window is open. */
  readonly maintenanceAlarm: string;
  /** The team that answers for the alarms, and where their runbook is. */
  readonly owner: string;
  readonly runbook: string;
  /** Names of the topics whose publish rate is compared with last week's. @default none */
  readonly publishRates: readonly string[];
  /** What is called while all is well, outside AWS. @default nothing */
  readonly deadMansSwitch?: KeptUrl;
}

/**
 * Reads the settings of a heartbeat.
 * @throws ConfigurationError that lists every variable that is missing or cannot be read
 */
export function readHeartbeatSettings(
  environment: Record<string, string | undefined> = process.env,
): HeartbeatSettings {
  const wrong: string[] = [];
  const text = (name: string): string => {
    const value = environment[name];
    if (!value) wrong.push(`${name} is not set`);
    return value ?? '';
  };
  const deadMansSwitch = keptUrl(environment);
  const probeMinutes = Number(environment.BATON_PROBE_MINUTES || 15);
  if (!Number.isInteger(probeMinutes) || probeMinutes < 1) {
    wrong.push(`BATON_PROBE_MINUTES is '${environment.BATON_PROBE_MINUTES}', not a whole number of minutes`);
  }
  const settings: HeartbeatSettings = {
    onCall: text('BATON_ON_CALL'),
    pageTopicArn: text('BATON_PAGE_TOPIC_ARN'),
    probeAlarmArn: text('BATON_PROBE_ALARM_ARN'),
    probeMinutes,
    maintenanceAlarm: text('BATON_MAINTENANCE_ALARM'),
    owner: text('BATON_OWNER'),
    runbook: text('BATON_RUNBOOK'),
    publishRates: namesIn(environment.BATON_PUBLISH_RATES, wrong),
    ...(deadMansSwitch && { deadMansSwitch }),
  };
  if (wrong.length > 0) {
    throw new ConfigurationError(
      `This function is not set up as a heartbeat: ${wrong.join('; ')}. The OnCall construct sets these; elsewhere, set them yourself.`,
    );
  }
  return settings;
}

function keptUrl(environment: Record<string, string | undefined>): KeptUrl | undefined {
  const { BATON_SWITCH_SECRET: secret, BATON_SWITCH_FIELD: field, BATON_SWITCH_PARAMETER: parameter } = environment;
  if (secret) return { secret, ...(field && { field }) };
  return parameter ? { parameter } : undefined;
}

function namesIn(json: string | undefined, wrong: string[]): string[] {
  if (!json) return [];
  try {
    const names: unknown = JSON.parse(json);
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  } catch {
    // said below
  }
  wrong.push('BATON_PUBLISH_RATES is no JSON list of topic names');
  return [];
}
