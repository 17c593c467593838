import { ConfigurationError } from '../errors.ts';

/** What the `Outbox` construct tells its relay through the environment. */
export interface RelaySettings {
  table: string;
  shards: number;
  topicArn: string;
  /** Its name in metrics and logs. */
  service: string;
}

/**
 * Reads the settings of a relay.
 * @throws ConfigurationError that lists every variable that is missing or unusable
 */
export function readRelaySettings(environment: Record<string, string | undefined> = process.env): RelaySettings {
  const wrong: string[] = [];
  const text = (name: string): string => {
    const value = environment[name] ?? '';
    if (value === '') wrong.push(`${name} is not set`);
    return value;
  };
  const count = text('BATON_OUTBOX_SHARDS');
  const shards = Number(count);
  if (count !== '' && !(Number.isInteger(shards) && shards > 0)) {
    wrong.push(`BATON_OUTBOX_SHARDS is '${count}', not a whole number above 0`);
  }
  const settings = {
    table: text('BATON_OUTBOX_TABLE'),
    shards,
    topicArn: text('BATON_TOPIC_ARN'),
    service: text('POWERTOOLS_SERVICE_NAME'),
  };
  if (wrong.length > 0) {
    throw new ConfigurationError(
      `This function is not set up as a relay: ${wrong.join('; ')}. The Outbox construct sets these; elsewhere, set them yourself.`,
    );
  }
  return settings;
}
