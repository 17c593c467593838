import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GetSubscriptionAttributesCommand, ListSubscriptionsCommand } from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Assembly, readAssembly, type TemplateResource } from '../../lib/local/assembly.ts';
import { type Engines, startEngines } from '../../lib/local/engines.ts';
import { provision } from '../../lib/local/provision/provision.ts';
import type { Origin, Resources } from '../../lib/local/resources.ts';
import { synthesize } from '../../lib/local/synth.ts';
import { environmentNames } from '../../lib/stacks/environments.ts';

const projectDirectory = fileURLToPath(new URL('../..', import.meta.url));

/** The list of `Resources` that a resource of this type must be on, unless it is on the list of what is not emulated. */
const listOf: Record<string, (resources: Resources) => readonly Origin[]> = {
  'AWS::SQS::Queue': ({ queues }) => queues,
  'AWS::SNS::Topic': ({ topics }) => topics,
  'AWS::DynamoDB::Table': ({ tables }) => tables,
  'AWS::DynamoDB::GlobalTable': ({ tables }) => tables,
  'AWS::Lambda::Function': ({ functions }) => functions,
  'AWS::Lambda::EventSourceMapping': ({ eventSources }) => eventSources,
  'AWS::Scheduler::Schedule': ({ schedules }) => schedules,
  'AWS::Events::Rule': ({ schedules }) => schedules,
  'AWS::CloudWatch::Alarm': ({ alarms }) => alarms,
  'AWS::CloudWatch::CompositeAlarm': ({ alarms }) => alarms,
};

/** What says how a template was made, and makes nothing; and what is on no list because the engine itself is asked for it below. */
const ELSEWHERE = ['AWS::CDK::Metadata', 'AWS::SNS::Subscription', 'AWS::S3::Bucket'];

/** What differs between here and AWS, and matters: it must be on the list. */
const DIFFERENCES = [
  'AWS::SQS::Queue.MessageRetentionPeriod',
  'AWS::SQS::Queue.KmsMasterKeyId',
  'AWS::SNS::Topic.KmsMasterKeyId',
  'AWS::DynamoDB::Table.SSESpecification',
  'AWS::DynamoDB::Table.PointInTimeRecoverySpecification',
  'AWS::Lambda::Function.Role',
  'AWS::Lambda::Function.Architectures',
];

describe.each(environmentNames)('the templates of %s on this machine', (env) => {
  const outputDirectory = mkdtempSync(join(tmpdir(), `baton-templates-${env}-`));
  let assembly: Assembly;
  let engines: Engines;
  let resources: Resources;
  let declared: { key: string; resource: TemplateResource }[];

  beforeAll(async () => {
    engines = await startEngines({ region: 'us-east-1' });
    assembly = readAssembly(await synthesize({ projectDirectory, env, outputDirectory }));
    resources = await provision(assembly, engines);
    declared = assembly.stacks.flatMap(({ name, template }) =>
      Object.entries(template.Resources).map(([logicalId, resource]) => ({ key: `${name}/${logicalId}`, resource })),
    );
  }, 60_000);
  afterAll(async () => {
    await engines?.stop();
    rmSync(outputDirectory, { recursive: true, force: true });
  });

  const keyOf = ({ stack, logicalId }: Origin) => `${stack}/${logicalId}`;
  const ofType = (type: string) => declared.filter(({ resource }) => resource.Type === type);
  /** Resources that the list gives up on as a whole. */
  const givenUp = () => new Set(resources.notEmulated.filter(({ property }) => property === undefined).map(keyOf));

  it('are emulated or on the printed list, resource for resource', () => {
    expect(declared.length).toBeGreaterThan(100);
    const skipped = declared.filter(({ key, resource }) => {
      if (givenUp().has(key) || ELSEWHERE.includes(resource.Type)) return false;
      return !listOf[resource.Type]?.(resources).some((one) => keyOf(one) === key);
    });
    expect(skipped).toEqual([]);
  });

  it('are not both, and nothing is made up', () => {
    const all = Object.values(resources).filter(Array.isArray).flat() as Origin[];
    const keys = new Set(declared.map(({ key }) => key));
    expect(all.map(keyOf).filter((key) => !keys.has(key))).toEqual([]);
    const emulated = new Set([...new Set(Object.values(listOf))].flatMap((list) => list(resources)).map(keyOf));
    expect([...givenUp()].filter((key) => emulated.has(key))).toEqual([]);
  });

  it('lose no resource that events pass through', () => {
    const through = Object.keys(listOf);
    const notEmulated = resources.notEmulated.filter(({ property }) => property === undefined);
    expect(notEmulated.filter(({ type }) => through.includes(type))).toEqual([]);
    expect(notEmulated.filter(({ reason }) => reason.trim() === '')).toEqual([]);
  });

  it('say which of their settings have no effect here', () => {
    const listed = resources.notEmulated.map(({ type, property }) => `${type}.${property}`);
    expect(listed).toEqual(expect.arrayContaining(DIFFERENCES));
  });

  it('have every subscription, with its filter', async () => {
    // what invokes a function has no filter
    const wanted = ofType('AWS::SNS::Subscription').filter(
      ({ key, resource }) => !givenUp().has(key) && resource.Properties?.Protocol !== 'lambda',
    );
    const found = (await subscriptions(engines)).filter(({ Protocol }) => Protocol !== 'lambda');
    expect(wanted.length).toBeGreaterThan(0);
    const filters = (list: readonly (unknown | undefined)[]) => list.map((filter) => JSON.stringify(filter)).sort();
    expect(filters(found.map(({ FilterPolicy }) => JSON.parse(FilterPolicy ?? 'null') as unknown))).toEqual(
      filters(wanted.map(({ resource }) => resource.Properties?.FilterPolicy)),
    );
    expect(found.map(({ RawMessageDelivery }) => RawMessageDelivery)).toEqual(found.map(() => 'true'));
  });

  it('have every bucket', async () => {
    const text = await (await fetch(engines.endpoints.s3)).text();
    const wanted = ofType('AWS::S3::Bucket');
    expect(wanted.length).toBeGreaterThan(0);
    expect(text.match(/<Name>/g)).toHaveLength(wanted.length);
  });

  it('have queues that behave as they say', async () => {
    for (const { key, resource } of ofType('AWS::SQS::Queue')) {
      const { url, deadLetterArn } = resources.queues.find((one) => keyOf(one) === key)!;
      const { Attributes = {} } = await engines.clients.sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }),
      );
      const { VisibilityTimeout = 30, FifoQueue = false, RedrivePolicy } = resource.Properties ?? {};
      expect(Attributes.VisibilityTimeout, key).toBe(String(VisibilityTimeout));
      expect(Attributes.FifoQueue ?? 'false', key).toBe(String(FifoQueue));
      if (RedrivePolicy === undefined) {
        expect(Attributes.RedrivePolicy, key).toBeUndefined();
        continue;
      }
      const { maxReceiveCount } = RedrivePolicy as { maxReceiveCount: number };
      expect(JSON.parse(Attributes.RedrivePolicy!), key).toEqual({
        deadLetterTargetArn: deadLetterArn,
        maxReceiveCount,
      });
    }
  });

  it('have functions, event sources and alarms as they say', () => {
    for (const { key, resource } of ofType('AWS::Lambda::Function')) {
      const { Timeout, MemorySize, Handler } = resource.Properties!;
      const found = resources.functions.find((one) => keyOf(one) === key);
      expect(found, key).toMatchObject({ timeoutSeconds: Timeout, memoryMb: MemorySize, handler: Handler });
    }
    for (const { key, resource } of ofType('AWS::Lambda::EventSourceMapping')) {
      const found = resources.eventSources.find((one) => keyOf(one) === key);
      const { BatchSize, FunctionResponseTypes = [] } = resource.Properties!;
      const reportBatchItemFailures = (FunctionResponseTypes as string[]).includes('ReportBatchItemFailures');
      expect(found, key).toMatchObject({ batchSize: BatchSize, reportBatchItemFailures });
    }
    for (const { key, resource } of [
      ...ofType('AWS::CloudWatch::Alarm'),
      ...ofType('AWS::CloudWatch::CompositeAlarm'),
    ]) {
      const { AlarmName, Threshold, EvaluationPeriods, AlarmActions = [], OKActions = [] } = resource.Properties!;
      const found = resources.alarms.find((one) => keyOf(one) === key)!;
      expect(found, key).toMatchObject({
        name: AlarmName,
        ...(Threshold !== undefined && { threshold: Threshold, evaluationPeriods: EvaluationPeriods }),
      });
      expect(found.alarmActions, key).toHaveLength((AlarmActions as unknown[]).length);
      expect(found.okActions, key).toHaveLength((OKActions as unknown[]).length);
      const topics = resources.topics.map(({ arn }) => arn);
      expect(topics, key).toEqual(expect.arrayContaining([...found.alarmActions, ...found.okActions]));
    }
  });
});

async function subscriptions({ clients: { sns } }: Engines): Promise<Record<string, string>[]> {
  const { Subscriptions = [] } = await sns.send(new ListSubscriptionsCommand());
  return await Promise.all(
    Subscriptions.map(async ({ SubscriptionArn }) => {
      const { Attributes = {} } = await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }));
      return Attributes;
    }),
  );
}
