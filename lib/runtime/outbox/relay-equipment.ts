import { Logger } from '@aws-lambda-powertools/logger';
import { type Clients, clients as sharedClients } from '../aws/clients.ts';
import type { Random } from '../batch/retry.ts';
import { Publisher } from '../publish/publisher.ts';
import { startTracing, type Tracing } from '../telemetry/tracing.ts';
import { createRefusals } from './refusals.ts';
import { type RelayResult, relayShard } from './relay.ts';
import { createRelayMeter, type RelayMeter } from './relay-meter.ts';
import { type RelaySettings, readRelaySettings } from './relay-settings.ts';

/** A relay does nothing but publish: twice what a consumer's publisher has under way. */
const CALLS_IN_FLIGHT = 8;
/** Milliseconds. Nobody notices them, and under load they halve what a relay costs. */
const GATHER = 25;

/** Where a relay says what went wrong. */
export interface RelayLog {
  warn(message: string, details: Record<string, unknown>): void;
  error(message: string, details: Record<string, unknown>): void;
}

/** What may be different from the defaults. */
export interface RelayOptions {
  /** Where the settings are read from, at the first invocation. @default process.env */
  environment?: Record<string, string | undefined>;
  /** @default the module's clients */
  clients?: Clients;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
  /** @default Math.random */
  random?: Random;
  /** Where metrics go. @default console.log */
  output?: (line: string) => void;
  /** @default Powertools' Logger */
  logger?: RelayLog;
}

/** What a relay function keeps from invocation to invocation. */
export interface RelayEquipment {
  settings: RelaySettings;
  clients: Clients;
  clock: () => number;
  logger: RelayLog;
  meter: RelayMeter;
  tracing: Tracing;
  relay(shard: number, signal: AbortSignal): Promise<RelayResult>;
}

/** @throws ConfigurationError when the environment is incomplete */
export function equipRelay(options: RelayOptions): RelayEquipment {
  const { clients = sharedClients, clock = Date.now, random = Math.random, output } = options;
  const settings = readRelaySettings(options.environment);
  const { table, topicArn, service } = settings;
  const logger: RelayLog = options.logger ?? new Logger({ serviceName: service });
  const tracing = startTracing({
    service,
    onProblem: (error) => logger.warn('Spans are not exported.', { error }),
  });
  const publisher = new Publisher({
    topicArn,
    tracing,
    source: `/${service}`,
    client: clients.sns,
    random,
    maxCallsInFlight: CALLS_IN_FLIGHT,
  });
  const refusals = createRefusals(clock);
  const meter = createRelayMeter({
    service,
    clock,
    ...(output && { output }),
    failed({ sk, key }, error) {
      const details = { entry: sk, key, event_id: error.eventId, error };
      if (error.senderFault) logger.error('The topic refuses an event; it and later ones of its key wait.', details);
      else logger.warn('An event was not accepted; it and later ones of its key wait for the next try.', details);
    },
  });
  return {
    settings,
    clients,
    clock,
    logger,
    meter,
    tracing,
    relay: (shard, signal) =>
      relayShard({
        dynamodb: clients.dynamodb,
        publisher,
        table,
        shard,
        gatherMs: GATHER,
        refusals,
        signal,
        watch: meter,
        clock,
        random,
      }),
  };
}
