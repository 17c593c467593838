import path from 'node:path';
import { CfnResource, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import type { Construct, IConstruct } from 'constructs';
import { projectRoot } from './code/project-root.ts';
import { UnsafePropsError } from './errors.ts';
import { installRules } from './rules/rules.ts';
import { type Placements, readPlacements, samePlacements, writePlacements } from './splitting/placements.ts';
import { shareAspects } from './splitting/shared-aspects.ts';

/** What a {@link SplittingStack} takes. */
export interface SplittingStackProps extends StackProps {
  /**
   * The folder of the record of what is in which stack: `<stack name>.json`. Commit it. Absolute, or relative to the project's root.
   *
   * @default 'placements'
   */
  readonly placementsDirectory?: string;

  /**
   * What happens when the record has to change. `write` writes it and warns; `check` refuses, for where nobody would commit it:
   * `process.env.CI ? 'check' : 'write'`.
   *
   * @default 'write'
   */
  readonly placements?: 'write' | 'check';

  /**
   * Resources of a further stack at which the next new consumer goes elsewhere: 1 to 450. What is between it and CloudFormation's 500 is
   * for consumers that grow (another alarm with the next release), because they never move.
   *
   * @default 400
   */
  readonly fill?: number;

  /**
   * The same, resources, for this stack: 0 to 450. Lower, because topics and tables, which cannot go elsewhere, need the rest.
   *
   * @default 300
   */
  readonly ownFill?: number;
}

/** What a consumer is taken to need while none has been seen in this synthesis; most need less. */
const RESOURCES_OF_CONSUMER = 45;

/**
 * A stack for any number of consumers. Those that do not fit in it any more go to stacks that it opens beside itself:
 * `<name>-2`, `<name>-3`, ..., with the same environment, tags, aspects and protection. Nothing is to be done for it but to
 * declare consumers in it: `new Consumer(this, ...)`.
 *
 * A consumer never moves, whatever is added or removed around it, because its queue would be another one, and what waits in
 * the old one would be handled by nobody. Where each is, is recorded in a file that belongs into version control, like `cdk.context.json`.
 *
 * Only consumers go elsewhere. What others refer to (topics, tables, command queues), a consumer with `circuitBreakers`, and
 * whatever is declared in a construct of this stack, stays where it is declared: further stacks depend on this one, and it must not depend
 * on them. So nothing in this stack may refer to a queue or function of a consumer.
 *
 * @throws UnsafePropsError for props out of range, for two consumers of one id, and when two stacks would share a record
 * @throws PlacementsError when the record cannot be read
 */
export class SplittingStack extends Stack {
  /** The record of what is in which stack. */
  readonly placementsFile: string;
  readonly #props: SplittingStackProps;
  readonly #fill: (number: number) => number;
  readonly #stacks = new Map<number, Stack>();
  readonly #further: Stack[] = [];
  readonly #recorded: Placements;
  readonly #placed = new Map<string, number>();
  readonly #full = new Set<Stack>();
  #largest = RESOURCES_OF_CONSUMER;
  #latest: string | undefined;

  constructor(scope: Construct, id: string, props: SplittingStackProps = {}) {
    super(scope, id, props);
    const { fill = 400, ownFill = 300, placementsDirectory = 'placements' } = props;
    for (const [name, value, least] of [
      ['fill', fill, 1],
      ['ownFill', ownFill, 0],
    ] as const) {
      if (Number.isInteger(value) && value >= least && value <= 450) continue;
      throw new UnsafePropsError(this, `\`${name}\` is ${value}.`, `Use ${least} to 450: CloudFormation takes 500.`);
    }
    this.#props = props;
    this.#fill = (number) => (number === 1 ? ownFill : fill);
    this.#stacks.set(1, this);
    this.placementsFile = path.resolve(projectRoot(), placementsDirectory, `${this.stackName}.json`);
    this.#refuseSharedRecord();
    this.#recorded = readPlacements(this.placementsFile);
    installRules(this);
    this.node.addValidation({ validate: () => this.#record() });
  }

  /** This stack and those it has opened, in the order of their numbers. */
  get stacks(): readonly Stack[] {
    return [...this.#stacks].toSorted(([a], [b]) => a - b).map(([, stack]) => stack);
  }

  /**
   * The stack that a consumer is in, or will be in by the record: for what must be beside it. Undefined for one that is not placed yet.
   *
   * @param id the construct id of the consumer
   */
  stackOf(id: string): Stack | undefined {
    const number = this.#placed.get(id) ?? this.#recorded[id];
    return number === undefined ? undefined : this.#stackNumbered(number);
  }

  /**
   * Finds a place for a new consumer; {@link roomFor} calls it.
   *
   * @param beside what it must be in one stack with, when there is such a thing
   * @throws UnsafePropsError when there is one of this id already
   */
  place(id: string, beside?: IConstruct): Stack {
    if (this.#placed.has(id)) {
      throw new UnsafePropsError(
        this.#stackNumbered(this.#placed.get(id)!),
        `There is a consumer '${id}' already.`,
        `Give each consumer of ${this.node.path} an id of its own, also across its stacks.`,
      );
    }
    this.#learnSize();
    const number = this.#recorded[id] ?? this.#numberOf(beside) ?? this.#firstWithRoom();
    this.#placed.set(id, number);
    this.#latest = id;
    return this.#stackNumbered(number);
  }

  /**
   * Opens a further stack. Override it to give such stacks another class or scope; it is called while this stack is
   * constructed, and not again for the same number.
   *
   * @param number 2 or more
   * @param props those of this stack, with the name and description of the further one
   */
  protected furtherStack(number: number, props: StackProps): Stack {
    return new Stack(this.node.scope as Construct, `${this.node.id}-${number}`, props);
  }

  #stackNumbered(number: number): Stack {
    const known = this.#stacks.get(number);
    if (known) return known;
    const { description } = this.#props;
    const stack = this.furtherStack(number, {
      // CDK's own rules take twice as long over a template that is indented.
      suppressTemplateIndentation: true,
      ...this.#props,
      terminationProtection: this.terminationProtection,
      stackName: `${this.stackName}-${number}`,
      ...(description !== undefined && { description: `${description}, part ${number}` }),
    });
    this.#stacks.set(number, stack);
    if (this.#further.push(stack) === 1) shareAspects(this, this.#further);
    return stack;
  }

  #numberOf(beside: IConstruct | undefined): number | undefined {
    const stack = beside && Stack.of(beside);
    return [...this.#stacks].find(([, each]) => each === stack)?.[0];
  }

  /** Leaves room for those that the record has in a stack and that have not been declared yet. */
  #firstWithRoom(): number {
    for (let number = 1; ; number++) {
      const stack = this.#stacks.get(number);
      if (stack && this.#full.has(stack)) continue;
      const count = stack ? resourcesIn(stack) : 0;
      if (stack && count >= this.#fill(number)) this.#full.add(stack);
      const coming = Object.entries(this.#recorded).filter(([id, at]) => at === number && !this.#placed.has(id));
      if (count + coming.length * this.#largest < this.#fill(number)) return number;
    }
  }

  /** The latest consumer is complete by now. */
  #learnSize(): void {
    const latest = this.#latest && this.stackOf(this.#latest)?.node.tryFindChild(this.#latest);
    if (latest) this.#largest = Math.max(this.#largest, resourcesIn(latest));
  }

  #record(): string[] {
    const placements = Object.fromEntries(this.#placed);
    if (samePlacements(placements, this.#recorded)) return [];
    const file = path.relative(projectRoot(), this.placementsFile);
    if (this.#props.placements === 'check') {
      throw new UnsafePropsError(
        this,
        `${file} does not say where each consumer is: the next change could move a queue to another stack.`,
        `Synthesize where it can be written, and commit it.`,
      );
    }
    writePlacements(this.placementsFile, placements);
    const inUse = new Set(Object.values(placements));
    const left = [...new Set(Object.values(this.#recorded))].filter((number) => number > 1 && !inUse.has(number));
    const names = left.map((number) => `${this.stackName}-${number}`).join(', ');
    Validations.of(this).addWarning(
      'baton:placements',
      `${file} was written. Commit it: it keeps each consumer in its stack.${names && ` Nothing is left in ${names}, which CDK does not delete by itself: do it when the dead letters are looked after.`}`,
    );
    return [];
  }

  #refuseSharedRecord(): void {
    const others = this.node.root.node.findAll().filter((each) => each !== this);
    const other = others.find((each) => each instanceof SplittingStack && each.placementsFile === this.placementsFile);
    if (other === undefined) return;
    throw new UnsafePropsError(
      this,
      `${other.node.path} has the same stack name, so both would be recorded in ${this.placementsFile}.`,
      'Give one of them another `placementsDirectory`.',
    );
  }
}

/**
 * The construct to create a consumer in: the scope itself, or, when that is a {@link SplittingStack}, the one of its stacks that has
 * room. For constructs that may be in any stack: `super(roomFor(scope, id), id)`.
 *
 * @param beside what it must be in one stack with @default nothing
 */
export function roomFor(scope: Construct, id: string, beside?: IConstruct): Construct {
  return scope instanceof SplittingStack ? scope.place(id, beside) : scope;
}

/** Resources below a construct, as far as they are of its stack. */
function resourcesIn(scope: IConstruct): number {
  let count = CfnResource.isCfnResource(scope) ? 1 : 0;
  for (const child of scope.node.children) if (!Stack.isStack(child)) count += resourcesIn(child);
  return count;
}
