import { Duration, Lazy, Tags, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { ConstructError, UnsafePropsError } from '../errors.ts';
import { physicalName } from '../names.ts';
import type { IOnCall, Urgency } from '../on-call/on-call.ts';
import { alarmText } from './alarm-text.ts';

/** When an alarm fires, and what it tells whoever hears it. */
export interface AlarmRule {
  /** The page in `docs/runbooks`, without `.md`. */
  readonly runbook: string;
  /** Ends the alarm's name; one of the same construct only. @default the runbook */
  readonly name?: string;
  /** What it means for the business when it fires: sentences. */
  readonly meaning: string;
  /** The first thing to do: a sentence. */
  readonly first: string;
  readonly metric: cloudwatch.IMetric;
  readonly threshold: number;
  readonly datapointsToAlarm: number;
  readonly evaluationPeriods: number;
  /** @default cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD */
  readonly comparisonOperator?: cloudwatch.ComparisonOperator;
  /** @default cloudwatch.TreatMissingData.NOT_BREACHING: what nobody used for a while reports nothing */
  readonly treatMissingData?: cloudwatch.TreatMissingData;
}

/** What a {@link Health} takes. */
export interface HealthProps {
  /** What it is about, as people call it: the consumer's name, for instance. */
  readonly subject: string;
  /** The team that answers for it: letters, digits, spaces and `_.:/=+-@`, 1 to 256. */
  readonly owner: string;
  /** Who hears of its alarms. */
  readonly onCall: IOnCall;
}

/** What has alarms that a business flow can gather. */
export interface Monitored {
  readonly health: Health;
}

/** One alarm of a {@link Health}. */
export interface HealthAlarm {
  readonly alarm: cloudwatch.Alarm;
  readonly urgency: Urgency;
  readonly rule: AlarmRule;
}

/** CloudWatch takes 10,240 characters and 100 alarms a rule (source: PutCompositeAlarm in its API reference). */
const LONGEST_RULE = 10_240;

/**
 * How one part of a pipeline is: its alarms, and two composites that speak for all of them, one that pages and one that
 * makes a ticket, so that one cause is heard once. Both are silent while a maintenance window is open. In a business flow
 * the flow's own composites speak instead. What it is about gets the tag `baton:owner`, with all that is in it.
 *
 * @throws UnsafePropsError when `owner` is empty, or no tag
 */
export class Health extends Construct {
  readonly subject: string;
  readonly owner: string;
  readonly onCall: IOnCall;
  readonly #alarms = new Map<string, HealthAlarm>();
  readonly #composites: Partial<Record<Urgency, cloudwatch.CompositeAlarm>> = {};
  #flow: string | undefined;

  constructor(scope: Construct, id: string, props: HealthProps) {
    super(scope, id);
    if (props.owner.trim() === '') {
      throw new UnsafePropsError(scope, '`owner` is empty: nobody answers for it.', 'Name the team in `owner`.');
    }
    refuseUntaggable(scope, props.owner);
    Tags.of(scope).add('baton:owner', props.owner);
    this.subject = props.subject;
    this.owner = props.owner;
    this.onCall = props.onCall;
  }

  /** Its alarms by construct id, in the order they were added. */
  get alarms(): ReadonlyMap<string, HealthAlarm> {
    return this.#alarms;
  }

  /** The composite of everything that cannot wait; undefined without such an alarm. */
  get page(): cloudwatch.CompositeAlarm | undefined {
    return this.#composites.page;
  }

  /** The composite of everything that can wait until the morning; undefined without such an alarm. */
  get ticket(): cloudwatch.CompositeAlarm | undefined {
    return this.#composites.ticket;
  }

  /** The business flow that it is part of. */
  get flow(): string | undefined {
    return this.#flow;
  }

  /** Adds an alarm, as a sibling of this. It has no action of its own: the composite of its urgency speaks for it. */
  add(id: string, urgency: Urgency, rule: AlarmRule): cloudwatch.Alarm {
    const { runbook, meaning, first, name = runbook, ...settings } = rule;
    const scope = this.node.scope as Construct;
    const alarm = new cloudwatch.Alarm(scope, id, {
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      ...settings,
      alarmName: physicalName(scope, name, 255),
      alarmDescription: Lazy.string({ produce: () => this.#describe(meaning, first, runbook) }),
    });
    this.#alarms.set(id, { alarm, urgency, rule });
    this.#composites[urgency] ??= this.#composite(urgency);
    this.#composites[urgency].node.addDependency(alarm);
    return alarm;
  }

  /**
   * Takes the voice from its composites: those of the flow speak for them.
   *
   * @throws UnsafePropsError when it is in another flow already
   */
  join(flow: string): void {
    if (this.#flow !== undefined && this.#flow !== flow) {
      throw new UnsafePropsError(
        this.node.scope as Construct,
        `It is in the flow '${this.#flow}' already; in '${flow}' as well, one cause would page twice.`,
        'Take it off one of them.',
      );
    }
    this.#flow = flow;
  }

  #composite(urgency: Urgency): cloudwatch.CompositeAlarm {
    const scope = this.node.scope as Construct;
    const says = urgency === 'page' ? 'health' : 'degraded';
    const composite = new cloudwatch.CompositeAlarm(this, urgency === 'page' ? 'Page' : 'Ticket', {
      compositeAlarmName: physicalName(scope, says, 255),
      alarmDescription: Lazy.string({ produce: () => this.#describeComposite(urgency) }),
      alarmRule: { renderAlarmRule: () => Lazy.string({ produce: () => this.#rule(urgency) }) },
      ...(this.onCall.maintenance && {
        actionsSuppressor: this.onCall.maintenance,
        ...SUPPRESSION,
      }),
    });
    speakUnless(composite, this.onCall, urgency, () => this.#flow !== undefined);
    return composite;
  }

  #rule(urgency: Urgency): string {
    const names = [...this.#alarms.values()].filter((each) => each.urgency === urgency).map(nameOf);
    return anyOf(this, names);
  }

  #describe(meaning: string, first: string, runbook: string): string {
    return alarmText(this, this.onCall, { owner: this.owner, flow: this.#flow, meaning, first, runbook });
  }

  #describeComposite(urgency: Urgency): string {
    const meaning =
      urgency === 'page'
        ? `${this.subject} does not keep its promise.`
        : `${this.subject} keeps its promise, and will not for long, or not for everything.`;
    return this.#describe(meaning, 'Read the descriptions of the alarms that it names.', 'health');
  }
}

/** Source: AWS Identity and Access Management API reference, Tag; the other services take no less. */
function refuseUntaggable(scope: Construct, owner: string): void {
  if (Token.isUnresolved(owner) || /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u.test(owner)) return;
  throw new UnsafePropsError(
    scope,
    `\`owner\` is '${owner}', and AWS does not take that for a tag.`,
    'Use letters, digits, spaces and _ . : / = + - @, up to 256.',
  );
}

/** When a maintenance window opens, and when it ends, the alarms get so long to follow before anybody is told. */
export const SUPPRESSION = {
  actionsSuppressorWaitPeriod: Duration.minutes(1),
  actionsSuppressorExtensionPeriod: Duration.minutes(3),
};

/** Gives a composite the actions of its urgency, unless somebody else speaks for it by the time of synthesis. */
export function speakUnless(
  composite: cloudwatch.CompositeAlarm,
  onCall: IOnCall,
  urgency: Urgency,
  silent: () => boolean,
): void {
  const actions = Lazy.list({ produce: () => (silent() ? undefined : [onCall[urgency].topicArn]) });
  const resource = composite.node.defaultChild as cloudwatch.CfnCompositeAlarm;
  resource.alarmActions = actions;
  resource.okActions = actions;
}

/**
 * A rule that holds when one of the alarms is in ALARM. By name: an ARN would be an export for each alarm of another stack.
 *
 * @throws ConstructError when it is longer than CloudWatch takes
 */
export function anyOf(scope: Construct, alarmNames: readonly string[]): string {
  const rule = alarmNames.map((name) => `ALARM("${name}")`).join(' OR ');
  if (rule.length <= LONGEST_RULE && alarmNames.length <= 100) return rule;
  throw new ConstructError(
    `${scope.node.path}: a rule over ${alarmNames.length} alarms has ${rule.length} characters; CloudWatch takes 100 alarms and ${LONGEST_RULE} characters. Gather fewer at a time.`,
  );
}

/** The name that an alarm was given; no token. */
export function nameOf({ alarm }: { readonly alarm: cloudwatch.AlarmBase }): string {
  const resource = alarm.node.defaultChild as cloudwatch.CfnAlarm;
  return resource.alarmName!;
}
