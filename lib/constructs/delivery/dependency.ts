import type { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { UnsafePropsError } from '../errors.ts';
import type { Urgency } from '../on-call/on-call.ts';

/** Something that a consumer's handler calls through `context.dependency(name)`, and when to leave it alone. */
export interface DependencyProps {
  /**
   * The time over which calls are counted.
   *
   * @default Duration.seconds(60)
   */
  readonly window?: Duration;

  /**
   * Calls within the window, over all workers, before the failure rate means anything.
   *
   * @default 20
   */
  readonly minimumCalls?: number;

  /**
   * Failures among them, in percent, at which the circuit opens.
   *
   * @default 50
   */
  readonly failureRate?: number;

  /**
   * How long the circuit stays open before it is probed; doubled each time a probe fails, up to 10 minutes.
   *
   * @default Duration.seconds(30)
   */
  readonly openTime?: Duration;

  /**
   * Calls that must succeed before the circuit closes, and the most that are let through per `probeInterval`, over all
   * workers.
   *
   * @default 5
   */
  readonly probes?: number;

  /**
   * The time in which at most `probes` calls are let through while the circuit is half-open.
   *
   * @default Duration.seconds(10)
   */
  readonly probeInterval?: Duration;

  /**
   * How long each step lasts (2, 5, 10, 20, ... invocations at the same time) on the way back to full size.
   *
   * @default Duration.seconds(10)
   */
  readonly rampStep?: Duration;

  /**
   * Calls in flight at the same time, per execution environment. Further ones wait.
   *
   * @default no bound
   */
  readonly maximumConcurrency?: number;

  /**
   * How long a call may take.
   *
   * @default what is left of the invocation
   */
  readonly timeout?: Duration;

  /**
   * Whether somebody is told when the circuit has been open for 5 minutes, and how urgently.
   *
   * @default nobody is
   */
  readonly alarm?: Urgency;
}

/** The settings as the runtime reads them; what is left out has its default there. */
export function dependencySettings(props: DependencyProps): Record<string, number | undefined> {
  return {
    windowSeconds: props.window?.toSeconds(),
    minimumCalls: props.minimumCalls,
    failureRate: props.failureRate,
    openSeconds: props.openTime?.toSeconds(),
    probes: props.probes,
    probeIntervalSeconds: props.probeInterval?.toSeconds(),
    rampStepSeconds: props.rampStep?.toSeconds(),
    maximumConcurrency: props.maximumConcurrency,
    timeoutSeconds: props.timeout && props.timeout.toMilliseconds() / 1_000,
  };
}

/** @throws UnsafePropsError for settings that no circuit can follow */
export function refuseUnsafeDependency(scope: Construct, name: string, props: DependencyProps): void {
  const refuse = (key: string, value: unknown, remedy: string): never => {
    throw new UnsafePropsError(scope, `\`${key}\` of the dependency '${name}' is ${value}.`, remedy);
  };
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(name)) {
    refuse('name', `'${name}'`, 'Use up to 64 letters, digits, dots and dashes: it is a metric dimension.');
  }
  for (const key of ['minimumCalls', 'probes', 'maximumConcurrency'] as const) {
    const { [key]: value = 1 } = props;
    if (!(Number.isInteger(value) && value >= 1)) refuse(key, value, 'Use a whole number of 1 or more.');
  }
  const { failureRate = 50 } = props;
  if (!(failureRate > 0 && failureRate <= 100)) refuse('failureRate', failureRate, 'Use more than 0, at most 100.');
  for (const key of ['window', 'openTime', 'probeInterval', 'rampStep'] as const) {
    const seconds = props[key]?.toSeconds({ integral: false }) ?? 1;
    const fits = Number.isInteger(seconds) && seconds >= 1 && seconds <= 600;
    if (!fits) refuse(key, `${seconds} s`, 'Use whole seconds, from 1 second to 10 minutes.');
  }
  if (props.timeout?.toMilliseconds() === 0) refuse('timeout', '0', 'Use a millisecond or more, or leave it out.');
}
