import { Duration } from 'aws-cdk-lib';
import type { FlowProps } from '../flow.ts';
import type { BurnRates } from './burn-alarms.ts';
import { errorBudget, isTarget } from './error-budget.ts';
import type { ObjectiveName } from './objective.ts';

/** What a flow promises, in percent: above 50, below 100, with up to 3 decimals. */
export interface FlowObjectives {
  /**
   * Of the events that its consumers are done with, how many they have handled; the others are dead letters.
   *
   * @default no such promise
   */
  readonly success?: number;

  /**
   * Of the events that its consumers have handled, how many within the consumer's `latencyObjective` after they happened.
   *
   * @default no such promise
   */
  readonly latency?: number;

  /**
   * Of what its topics tried to hand to subscribers, how much arrived.
   *
   * @default no such promise
   */
  readonly delivery?: number;
}

/** What a flow measures by, with its defaults filled in. */
export interface FlowSettings {
  readonly window: Duration;
  readonly minimumEvents: number;
  readonly rates: Required<BurnRates>;
}

/** A reason to refuse: what is wrong, and what to change. */
export type Objection = readonly [problem: string, remedy: string];

/** Fills in what is left out. */
export function flowSettings({
  window = Duration.days(30),
  minimumEvents = 10,
  burnRates = {},
}: FlowProps): FlowSettings {
  const { page = 2, escalate = page } = burnRates;
  return { window, minimumEvents, rates: { page, escalate } };
}

/** The objectives that are set, in the order in which they are shown. */
export function objectivesIn({ objectives = {} }: FlowProps): ObjectiveName[] {
  const all: readonly ObjectiveName[] = ['success', 'latency', 'delivery'];
  return all.filter((name) => objectives[name] !== undefined);
}

/** Why a flow is refused for what it is given; see {@link Flow}. */
export function* flowObjections(name: string, props: FlowProps, settings: FlowSettings): Generator<Objection> {
  const { window, minimumEvents, rates } = settings;
  if (!/^[A-Za-z0-9][\w.-]{0,99}$/.test(name)) {
    yield [`\`name\` is '${name}'.`, 'Use letters, digits, dots, dashes and underscores, up to 100.'];
  }
  if (props.owner.trim() === '') {
    yield ['`owner` is empty: nobody answers for it.', 'Name the team in `owner`.'];
  }
  if (props.parts.length === 0) {
    yield ['It has no parts.', 'List what it consists of in `parts`.'];
  }
  const days = window.toDays({ integral: false });
  if (days < 1 || days > 90) {
    yield [`\`window\` is ${window.toHumanString()}.`, 'Use 1 to 90 days.'];
  }
  if (!Number.isInteger(minimumEvents) || minimumEvents < 1) {
    yield [`\`minimumEvents\` is ${minimumEvents}.`, 'Use a whole number of 1 or more.'];
  }
  for (const each of objectivesIn(props)) yield* targetObjections(each, props.objectives![each]!, rates);
}

function* targetObjections(name: ObjectiveName, target: number, rates: Required<BurnRates>): Generator<Objection> {
  if (!isTarget(target)) {
    yield [
      `\`objectives.${name}\` is ${target}.`,
      'Give a percentage above 50 and below 100, with up to 3 decimals: at 100 there is no budget to use up.',
    ];
    return;
  }
  for (const [rate, value] of Object.entries(rates)) {
    if (!(value > 0))
      yield [`\`burnRates.${rate}\` is ${value}.`, 'Use a number above 0; 2 is twice as fast as allowed.'];
    if (value * errorBudget(target) > 1) {
      yield [
        `\`burnRates.${rate}\` is ${value}, which ${name} of ${target}% never reaches: with every event bad it is ${Number((1 / errorBudget(target)).toPrecision(3))}.`,
        'Lower the rate, or raise the objective.',
      ];
    }
  }
}
