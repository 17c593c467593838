import { Duration, Names, Stack, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { CircuitBreakers } from '../circuit-breakers.ts';
import { QueueFunction } from '../delivery/queue-function.ts';
import { UnsafePropsError } from '../errors.ts';
import { EventTopic } from '../event-topic.ts';
import type { Flow } from '../flow.ts';
import type { IOnCall } from '../on-call/on-call.ts';
import { Outbox } from '../outbox.ts';
import { installRules } from '../rules/rules.ts';
import { compactBody } from './body.ts';
import { debugSections } from './debug.ts';
import { executiveSections } from './executive.ts';
import { header, type View } from './header.ts';
import { onCallSections } from './on-call.ts';
import { paginate, type Section } from './pages.ts';
import type { Shown } from './shown.ts';

/** What a {@link Dashboards} takes. */
export interface DashboardsProps {
  /**
   * The business flows, in the order in which they are shown.
   *
   * @default none: nothing is shown of objectives
   */
  readonly flows?: readonly Flow[];

  /**
   * The consumers and command queues, in the order in which they are shown.
   *
   * @default those of the flows
   */
  readonly consumers?: readonly QueueFunction[];

  /**
   * The topics whose deliveries are shown.
   *
   * @default those of the flows
   */
  readonly topics?: readonly EventTopic[];

  /**
   * The outboxes whose lag is shown.
   *
   * @default those of the flows
   */
  readonly outboxes?: readonly Outbox[];

  /**
   * The keepers of circuits whose alarms are shown. The circuits themselves are shown with their consumers.
   *
   * @default those of the flows
   */
  readonly circuitBreakers?: readonly CircuitBreakers[];

  /** Knows the runbooks and the maintenance window. */
  readonly onCall: IOnCall;

  /**
   * What the names of the dashboards begin with: letters, digits, dashes and underscores, up to 235. Unique within the account:
   * dashboards belong to no region.
   *
   * @default the name of the stack
   */
  readonly name?: string;
}

/** Each has a dozen widgets and a query of its log; an account runs 30 such queries at a time. */
const CONSUMERS_OF_A_PAGE = 15;
/** A dashboard's name has 255 characters; the longest ending is `-executive` with a number. */
const LONGEST_NAME = 235;
/** How many dashboards of each kind share a template, which takes 1 MB (source: "CloudFormation quotas"). */
const PAGES_OF_A_STACK = { executive: 1, 'on-call': 1, debug: 2 } as const;

type Kind = keyof typeof PAGES_OF_A_STACK;

/**
 * Dashboards for three kinds of people: `<name>-executive` for who answers for the business, `<name>-on-call` for who was woken,
 * `<name>-debug` for who looks for the cause. What does not fit onto one goes on in `-2`, `-3` and so on.
 *
 * They may be in another stack than what they show, also of another region: they know everything by its name, and import
 * nothing. Make them last: they show the alarms that are there when they are made. Links lead to the console of the
 * partition `aws`.
 *
 * A template takes some 30 consumers. The dashboards of more go to stacks of their own beside this one, `<stack>-<id>-2` and so
 * on, each by its number, so that none ever moves to another.
 *
 * @throws UnsafePropsError when there is nothing to show, or two in a stack have the same name
 * @throws ConstructError when what belongs together does not fit onto a dashboard
 */
export class Dashboards extends Construct {
  readonly executive: readonly cloudwatch.Dashboard[];
  readonly onCall: readonly cloudwatch.Dashboard[];
  readonly debug: readonly cloudwatch.Dashboard[];
  /** What their names begin with. */
  readonly name: string;

  constructor(scope: Construct, id: string, props: DashboardsProps) {
    super(scope, id);
    installRules(this);
    const shown = shownBy(props);
    if (shown.consumers.length === 0 && shown.flows.length === 0) {
      throw new UnsafePropsError(this, 'It has neither flows nor consumers to show.', 'List them in `flows`.');
    }
    this.name = props.name ?? defaultName(this);
    this.#refuseBadName();
    const pages: Record<Kind, Section[][]> = {
      executive: paginate(this, executiveSections(shown)),
      'on-call': paginate(this, onCallSections(shown)),
      debug: paginate(this, debugSections(shown), CONSUMERS_OF_A_PAGE),
    };
    const views = (Object.keys(pages) as Kind[]).flatMap((kind) =>
      pages[kind].map((_, page) => this.#view(kind, page)),
    );
    const make = (kind: Kind, interval: Duration) =>
      pages[kind].map((sections, page) => {
        const view = this.#view(kind, page);
        return this.#dashboard(view, this.#room(kind, page), interval, [
          [header(this, view, views, shown)],
          ...rows(sections),
        ]);
      });
    this.executive = make('executive', Duration.days(1));
    this.onCall = make('on-call', Duration.hours(3));
    this.debug = make('debug', Duration.hours(3));
  }

  #view(kind: Kind, page: number): View {
    return { kind, name: `${this.name}-${kind}${page === 0 ? '' : `-${page + 1}`}` };
  }

  #dashboard(view: View, room: Construct, interval: Duration, widgets: cloudwatch.IWidget[][]): cloudwatch.Dashboard {
    const id = view.name.slice(this.name.length).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    const dashboard = new cloudwatch.Dashboard(room, id, {
      dashboardName: view.name,
      defaultInterval: interval,
      // Graphs by the day or the hour stay so, whatever the time range.
      periodOverride: view.kind === 'executive' ? cloudwatch.PeriodOverride.INHERIT : cloudwatch.PeriodOverride.AUTO,
      widgets,
    });
    compactBody(dashboard);
    return dashboard;
  }

  /** Where a dashboard is made: here, or in a stack of its own beside this one. */
  #room(kind: Kind, page: number): Construct {
    const number = Math.floor(page / PAGES_OF_A_STACK[kind]) + 1;
    if (number === 1) return this;
    const stack = outermost(Stack.of(this));
    const id = `${stack.node.id}-${this.node.id}-${number}`;
    const existing = stack.node.scope!.node.tryFindChild(id);
    if (existing !== undefined) return existing as Stack;
    return new Stack(stack.node.scope, id, {
      stackName: `${stack.stackName}-${this.node.id}-${number}`.replace(/[^A-Za-z0-9-]+/g, '-'),
      description: `Dashboards of ${this.name}, continued`,
      env: { account: stack.account, region: stack.region },
      tags: stack.tags.tagValues(),
    });
  }

  #refuseBadName(): void {
    if (!/^[\w-]+$/.test(this.name) || this.name.length > LONGEST_NAME) {
      throw new UnsafePropsError(
        this,
        `\`name\` is '${this.name}'.`,
        `Use letters, digits, dashes and underscores, up to ${LONGEST_NAME}.`,
      );
    }
    const twin = Stack.of(this)
      .node.findAll()
      .find((other) => other instanceof Dashboards && other !== this && other.name === this.name);
    if (twin === undefined) return;
    throw new UnsafePropsError(
      this,
      `Its dashboards would have the names of those of ${twin.node.path} ('${this.name}-...').`,
      'Give one of them another `name`.',
    );
  }
}

function rows(sections: readonly Section[]): cloudwatch.IWidget[][] {
  return sections.flatMap((section) => section.rows.map((row) => [...row]));
}

/** A stack that can have others beside it. */
function outermost(stack: Stack): Stack {
  return stack.nestedStackParent === undefined ? stack : outermost(stack.nestedStackParent);
}

function shownBy({ flows = [], onCall, ...props }: DashboardsProps): Shown {
  const parts: readonly object[] = [...new Set(flows.flatMap((flow) => flow.parts))];
  return {
    flows,
    consumers: props.consumers ?? parts.filter((part) => part instanceof QueueFunction),
    topics: props.topics ?? parts.filter((part) => part instanceof EventTopic),
    outboxes: props.outboxes ?? parts.filter((part) => part instanceof Outbox),
    circuitBreakers: props.circuitBreakers ?? parts.filter((part) => part instanceof CircuitBreakers),
    onCall,
  };
}

function defaultName(scope: Construct): string {
  const { stackName } = Stack.of(scope);
  return Token.isUnresolved(stackName) ? Names.uniqueId(scope) : stackName;
}
