import { writeEmf } from '../telemetry/emf.ts';
import type { RelayWatch } from './relay.ts';

/** Counts what a relay does, and writes it as metrics: `OutboxLag`, `Relayed`, `RelayFailed`, by `service`. */
export interface RelayMeter extends RelayWatch {
  /** Writes what has come together since the last time: one line. Nothing when no shard was looked at. */
  write(): void;
}

/** Milliseconds. Often enough that every minute of an alarm has its value, also where alarm time is compressed. */
const INTERVAL = 5_000;

/** What a meter is told. */
export interface RelayMeterProps {
  /** The relay's name in its metrics. */
  service: string;
  /** Milliseconds since the epoch. */
  clock: () => number;
  /** Hears of every event that was not accepted. */
  failed: RelayWatch['failed'];
  /** Where the line goes. @default console.log */
  output?: (line: string) => void;
}

/** Writes by itself at the first look after 5 seconds. */
export function createRelayMeter({ service, clock, failed, output }: RelayMeterProps): RelayMeter {
  let lag: number | undefined;
  let relayed = 0;
  let refused = 0;
  let since = clock();
  const write = () => {
    since = clock();
    if (lag === undefined) return;
    writeEmf(
      {
        dimensions: { service },
        metrics: {
          OutboxLag: { unit: 'Milliseconds', value: lag },
          Relayed: { unit: 'Count', value: relayed },
          RelayFailed: { unit: 'Count', value: refused },
        },
      },
      since,
      output,
    );
    lag = undefined;
    relayed = 0;
    refused = 0;
  };
  return {
    write,
    lag(milliseconds) {
      lag = Math.max(lag ?? 0, milliseconds);
      if (clock() - since >= INTERVAL) write();
    },
    relayed() {
      relayed++;
    },
    failed(entry, error) {
      refused++;
      failed(entry, error);
    },
  };
}
