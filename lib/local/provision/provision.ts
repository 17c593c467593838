import { ListTopicsCommand } from '@aws-sdk/client-sns';
import { ListQueuesCommand } from '@aws-sdk/client-sqs';
import type { Assembly } from '../assembly.ts';
import type { Engines } from '../engines.ts';
import { isRecord, resolve, UnresolvedError } from '../intrinsics.ts';
import type { NotEmulated, Origin, Resources } from '../resources.ts';
import { alarm, compositeAlarm } from './alarms.ts';
import { bucket } from './buckets.ts';
import { dropLooseEventSources, eventSourceMapping } from './event-source-mappings.ts';
import { lambdaFunction, lambdaVersion } from './functions.ts';
import { queue, queuePolicy } from './queues.ts';
import { type ResourceNode, resourceGraph } from './resource-graph.ts';
import {
  type Declared,
  type Deployment,
  ProvisionError,
  type ResourceType,
  reportProperties,
} from './resource-type.ts';
import { dropLooseSchedules, rule, schedule } from './schedules.ts';
import { outputsOf, outputValue, type StackContext, stackContexts } from './stack-scope.ts';
import { globalTable, table } from './tables.ts';
import { endOldSubscriptions, subscription, topic, topicPolicy } from './topics.ts';
import { cdkMetadata, provisionWithoutEffect } from './without-effect.ts';

export { ProvisionError } from './resource-type.ts';

export interface ProvisionOptions {
  /** Variables for every function, over those of the template. */
  environment?: Record<string, string>;
  /** Values of template parameters, over their defaults. */
  parameters?: Record<string, string>;
}

const TYPES: Record<string, ResourceType> = {
  'AWS::SQS::Queue': queue,
  'AWS::SQS::QueuePolicy': queuePolicy,
  'AWS::SNS::Topic': topic,
  'AWS::SNS::TopicPolicy': topicPolicy,
  'AWS::SNS::Subscription': subscription,
  'AWS::DynamoDB::Table': table,
  'AWS::DynamoDB::GlobalTable': globalTable,
  'AWS::Lambda::Function': lambdaFunction,
  'AWS::Lambda::Version': lambdaVersion,
  'AWS::Lambda::Alias': lambdaVersion,
  'AWS::Lambda::EventSourceMapping': eventSourceMapping,
  'AWS::Scheduler::Schedule': schedule,
  'AWS::Events::Rule': rule,
  'AWS::CloudWatch::Alarm': alarm,
  'AWS::CloudWatch::CompositeAlarm': compositeAlarm,
  'AWS::S3::Bucket': bucket,
  'AWS::CDK::Metadata': cdkMetadata,
};

/**
 * Brings everything that the templates declare into the engines: a resource after those it refers to, and otherwise all at
 * once. What is there from an earlier run is kept and brought up to date. The lists come in the order of the templates.
 * @throws ProvisionError when an engine refuses a resource, or resources depend on each other in a circle
 * @throws UnresolvedError when a reference leads nowhere
 */
export async function provision(
  assembly: Assembly,
  engines: Engines,
  { environment = {}, parameters = {} }: ProvisionOptions = {},
): Promise<Resources> {
  const { region, accountId } = engines;
  const contexts = stackContexts(assembly, { region, accountId, parameters });
  const nodes = resourceGraph(contexts);
  const resources: Resources = {
    region,
    accountId,
    queues: [],
    topics: [],
    tables: [],
    functions: [],
    eventSources: [],
    schedules: [],
    alarms: [],
    outputs: {},
    notEmulated: [],
  };
  const deployment: Deployment = {
    engines,
    assembly,
    resources,
    environment,
    existing: await existingNames(engines),
    subscriptions: new Set(),
    notEmulated({ stack, logicalId, path, type }, reason, property) {
      resources.notEmulated.push({ stack, logicalId, path, type, ...(property !== undefined && { property }), reason });
    },
  };
  reportParameters(contexts, deployment);
  await provisionAll(nodes, deployment);
  dropLooseEventSources(deployment);
  dropLooseSchedules(deployment);
  await endOldSubscriptions(
    contexts.map(({ stack }) => stack.name),
    deployment,
  );
  for (const site of contexts.flatMap(outputsOf)) {
    resources.outputs[`${site.context.stack.name}.${site.name}`] = textOf(outputValue(site));
  }
  putInOrder(resources, nodes);
  return resources;
}

async function provisionAll(nodes: readonly ResourceNode[], deployment: Deployment): Promise<void> {
  const started = new Map<ResourceNode, Promise<void>>();
  const start = (node: ResourceNode): Promise<void> => {
    let promise = started.get(node);
    if (promise === undefined) {
      promise = Promise.all([...node.dependsOn].map(start)).then(() => provisionOne(node, deployment));
      started.set(node, promise);
    }
    return promise;
  };
  // To the end in any case, so that nothing is under way when the caller stops the engines after a failure.
  const results = await Promise.allSettled(nodes.map(start));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

async function provisionOne(node: ResourceNode, deployment: Deployment): Promise<void> {
  const { context, logicalId, path, resource } = node;
  const properties = resolve(resource.Properties ?? {}, context.scope, { logicalId, path: 'Properties' });
  const declared: Declared = {
    stack: context.stack.name,
    logicalId,
    path,
    type: resource.Type,
    properties: isRecord(properties) ? properties : {},
  };
  const type = TYPES[resource.Type];
  try {
    if (type === undefined) {
      context.provisioned.set(logicalId, provisionWithoutEffect(declared, deployment));
      return;
    }
    context.provisioned.set(logicalId, await type.provision(declared, deployment));
  } catch (cause) {
    if (cause instanceof ProvisionError || cause instanceof UnresolvedError) throw cause;
    throw new ProvisionError(`${path} (${resource.Type}, stack ${declared.stack}): ${messageOf(cause)}`, { cause });
  }
  reportProperties(declared, type, deployment);
  // Where nothing here stands for the resource, nothing reads the reference either.
  const { notEmulated } = deployment.resources;
  if (notEmulated.some((each) => each.stack === declared.stack && each.logicalId === logicalId && !each.property))
    return;
  for (const [property, value] of Object.entries(declared.properties)) {
    if (!JSON.stringify(value).includes('{{resolve:')) continue;
    deployment.notEmulated(
      declared,
      'references to Systems Manager and Secrets Manager stay as they are here',
      property,
    );
  }
}

/** A parameter that AWS would read from the parameter store has no value here but its default: the name. */
function reportParameters(contexts: readonly StackContext[], { notEmulated }: Deployment): void {
  for (const { stack, template } of contexts) {
    for (const [logicalId, { Type: type }] of Object.entries(template.Parameters)) {
      // The check that an account is bootstrapped is of no use here.
      if (!type.startsWith('AWS::SSM::') || logicalId === 'BootstrapVersion') continue;
      const reason = 'there is no parameter store here; the name of the parameter stands for its value';
      notEmulated({ stack: stack.name, logicalId, path: logicalId, type, properties: {} }, reason);
    }
  }
}

async function existingNames({ clients }: Engines): Promise<Deployment['existing']> {
  const queues = new Set<string>();
  const topics = new Set<string>();
  const listQueues = async () => {
    let NextToken: string | undefined;
    do {
      const page = await clients.sqs.send(new ListQueuesCommand({ MaxResults: 1000, NextToken }));
      for (const url of page.QueueUrls ?? []) queues.add(url.slice(url.lastIndexOf('/') + 1));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
  };
  const listTopics = async () => {
    let NextToken: string | undefined;
    do {
      const page = await clients.sns.send(new ListTopicsCommand({ NextToken }));
      for (const { TopicArn } of page.Topics ?? []) topics.add(TopicArn ?? '');
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
  };
  await Promise.all([listQueues(), listTopics()]);
  return { queues, topics };
}

/** Whatever was ready first, the lists follow the templates; a property is on its list once per type. */
function putInOrder(resources: Resources, nodes: readonly ResourceNode[]): void {
  const positions = new Map(nodes.map((node, index) => [`${node.context.stack.name}/${node.logicalId}`, index]));
  const position = ({ stack, logicalId }: Origin) => positions.get(`${stack}/${logicalId}`) ?? -1;
  const inOrder = <T extends Origin>(list: T[]) => list.sort((one, other) => position(one) - position(other));
  inOrder(resources.queues);
  inOrder(resources.topics);
  inOrder(resources.tables);
  inOrder(resources.functions);
  inOrder(resources.eventSources);
  inOrder(resources.schedules);
  inOrder(resources.alarms);
  const seen = new Set<string>();
  resources.notEmulated = inOrder(resources.notEmulated).filter(({ type, property, reason }: NotEmulated) => {
    if (property === undefined) return true;
    const key = `${type} ${property} ${reason}`;
    return !seen.has(key) && seen.add(key);
  });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
