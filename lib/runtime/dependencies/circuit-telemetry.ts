import type { Logger } from '@aws-lambda-powertools/logger';
import { writeEmf } from '../telemetry/emf.ts';
import type { Circuit, CircuitState } from './circuit.ts';

/** What circuits write their log lines with. */
export type CircuitLogger = Pick<Logger, 'info' | 'warn' | 'error'>;

/** How circuits are heard of. Metrics: namespace `Baton`, dimensions `service` (the consumer) and `dependency`. */
export interface CircuitTelemetry {
  /** A change of state: one log line; `CircuitOpened`, `CircuitHalfOpened` or `CircuitClosed`; and the gauge. */
  changed(consumer: string, dependency: string, circuit: Circuit, evidence?: Record<string, number>): void;
  /** `CircuitState`: 0 closed, 1 half-open, 2 open. */
  gauge(consumer: string, dependency: string, circuit: Circuit): void;
}

const LEVELS: Readonly<Record<CircuitState, number>> = { closed: 0, 'half-open': 1, open: 2 };
const CHANGES = { closed: 'CircuitClosed', 'half-open': 'CircuitHalfOpened', open: 'CircuitOpened' } as const;
const NEWS = {
  closed: 'The circuit of a dependency closed.',
  'half-open': 'The circuit of a dependency is half-open: probes go through.',
  open: 'The circuit of a dependency opened.',
} as const;

export function createCircuitTelemetry(props: {
  logger: CircuitLogger;
  /** Milliseconds since the epoch. */
  clock: () => number;
  write?: (text: string) => void;
}): CircuitTelemetry {
  const { logger, clock, write } = props;
  const measure = (service: string, dependency: string, { state }: Circuit, change?: string) =>
    writeEmf(
      {
        dimensions: { service, dependency },
        metrics: {
          CircuitState: { unit: 'None', value: LEVELS[state] },
          ...(change !== undefined && { [change]: { unit: 'Count', value: 1 } }),
        },
      },
      clock(),
      write,
    );
  return {
    changed(consumer, dependency, circuit, evidence) {
      const { state, generation, round, until } = circuit;
      logger[state === 'open' ? 'warn' : 'info'](NEWS[state], {
        consumer,
        dependency,
        generation,
        ...(state === 'open' && { failed_rounds: round, until: new Date(until).toISOString() }),
        ...evidence,
      });
      measure(consumer, dependency, circuit, CHANGES[state]);
    },
    gauge: (consumer, dependency, circuit) => measure(consumer, dependency, circuit),
  };
}
