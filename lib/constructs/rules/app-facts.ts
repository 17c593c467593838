import { CfnResource, type Stack, Stage } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import {
  isOverridden,
  numberIn,
  objectIn,
  propertiesOf,
  referenceIn,
  referencesWithin,
  valueIn,
} from './template-values.ts';

/** A resource of an app, with the properties that its template will have. */
export interface Fact {
  readonly construct: CfnResource;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** An event source mapping that takes messages from a queue of the app to a function of the app. */
export interface QueueToFunction {
  readonly mapping: Fact;
  readonly queue: Fact;
  readonly function: Fact;
  /** The environment variables of the function. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** Whether the function is a consumer of Baton, for which the rules are not advice. */
  readonly ours: boolean;
}

/** The dead letters' way out of a queue; a field is undefined when it is not there, or not known at synth. */
export interface SafetyNet {
  readonly maxReceiveCount: number | undefined;
  readonly deadLetterQueue: Fact | undefined;
}

/** What the rules look at: the resources of an app by type, read in one walk over its constructs. */
export interface AppFacts {
  readonly byType: ReadonlyMap<string, readonly Fact[]>;
  /** By the path of the construct. */
  readonly byPath: ReadonlyMap<string, Fact>;
  readonly resources: ReadonlyMap<Stack, number>;
  readonly queueToFunction: readonly QueueToFunction[];
}

/** What SQS takes when nothing is said, in seconds (source: SetQueueAttributes in its API reference). */
export const QUEUE_DEFAULTS = { VisibilityTimeout: 30, MessageRetentionPeriod: 345_600 };

/** What the rules look at in alarms: so much can be read without rendering the rest, of which there is a lot. */
const ALARM_PROPERTIES = {
  'AWS::CloudWatch::Alarm': ['ActionsEnabled', 'AlarmActions', 'AlarmName', 'InsufficientDataActions', 'MetricName'],
  'AWS::CloudWatch::CompositeAlarm': [
    'ActionsEnabled',
    'ActionsSuppressor',
    'AlarmActions',
    'AlarmName',
    'AlarmRule',
    'InsufficientDataActions',
  ],
};
const TYPES = new Set([
  ...Object.keys(ALARM_PROPERTIES),
  'AWS::Lambda::Alias',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Lambda::Function',
  'AWS::Lambda::Version',
  'AWS::SNS::Subscription',
  'AWS::SNS::Topic',
  'AWS::SQS::Queue',
]);

/** Reads a stage (an app is one), without the stages in it. */
export function readApp(stage: IConstruct): AppFacts {
  const byType = new Map<string, Fact[]>();
  const byPath = new Map<string, Fact>();
  const resources = new Map<Stack, number>();
  for (const construct of constructsOf(stage)) {
    if (!CfnResource.isCfnResource(construct) || !isSynthesized(construct)) continue;
    resources.set(construct.stack, (resources.get(construct.stack) ?? 0) + 1);
    const type = construct.cfnResourceType;
    if (!TYPES.has(type)) continue;
    const fact = { construct, properties: read(construct) };
    byPath.set(construct.node.path, fact);
    const others = byType.get(type);
    if (others) others.push(fact);
    else byType.set(type, [fact]);
  }
  const mappings = byType.get('AWS::Lambda::EventSourceMapping') ?? [];
  return { byType, byPath, resources, queueToFunction: mappings.flatMap((mapping) => connection(mapping, byPath)) };
}

/** The resource of a type that a value refers to; undefined when it is of another type, or not of this app. */
export function referred(byPath: AppFacts['byPath'], value: unknown, type: string): Fact | undefined {
  const found = byPath.get(referenceIn(value) ?? '');
  return found?.construct.cfnResourceType === type ? found : undefined;
}

/** Where the dead letters of a queue, or of a subscription, go; undefined without a redrive policy. */
export function safetyNetOf({ properties }: Fact, byPath: AppFacts['byPath']): SafetyNet | undefined {
  if (properties.RedrivePolicy === undefined) return undefined;
  const policy = objectIn(properties.RedrivePolicy);
  return {
    maxReceiveCount: numberIn(policy?.maxReceiveCount),
    deadLetterQueue: referred(byPath, policy?.deadLetterTargetArn, 'AWS::SQS::Queue'),
  };
}

/** An attribute of a queue, in seconds; undefined when it cannot be known at synth. */
export function secondsOf({ properties }: Fact, name: keyof typeof QUEUE_DEFAULTS): number | undefined {
  return properties[name] === undefined ? QUEUE_DEFAULTS[name] : numberIn(properties[name]);
}

function* constructsOf(scope: IConstruct): Generator<IConstruct> {
  yield scope;
  for (const child of scope.node.children) {
    if (!Stage.isStage(child)) yield* constructsOf(child);
  }
}

/** Policies without statements are constructs and no resources. */
function isSynthesized(resource: CfnResource): boolean {
  return (resource as unknown as { shouldSynthesize(): boolean }).shouldSynthesize();
}

function read(resource: CfnResource): Record<string, unknown> {
  const names = (ALARM_PROPERTIES as Record<string, readonly string[]>)[resource.cfnResourceType];
  if (names === undefined || isOverridden(resource)) return propertiesOf(resource);
  const typed = resource as unknown as Record<string, unknown>;
  return Object.fromEntries(
    names.map((name) => [name, valueIn(resource, typed[name.charAt(0).toLowerCase() + name.slice(1)])]),
  );
}

function connection(mapping: Fact, byPath: AppFacts['byPath']): QueueToFunction[] {
  const queue = referred(byPath, mapping.properties.EventSourceArn, 'AWS::SQS::Queue');
  const target = functionOf(mapping.properties.FunctionName, byPath);
  if (queue === undefined || target === undefined) return [];
  const variables = objectIn(objectIn(target.properties.Environment)?.Variables) ?? {};
  return [{ mapping, queue, function: target, variables, ours: variables.BATON_CONSUMER !== undefined }];
}

/** An alias and a version stand for their function. CDK names an alias by parts of its ARN. */
function functionOf(value: unknown, byPath: AppFacts['byPath']): Fact | undefined {
  const found = byPath.get(referencesWithin(value)[0] ?? '');
  switch (found?.construct.cfnResourceType) {
    case 'AWS::Lambda::Function':
      return found;
    case 'AWS::Lambda::Alias':
    case 'AWS::Lambda::Version':
      return functionOf(found.properties.FunctionName, byPath);
    default:
      return undefined;
  }
}
