import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CONSUMER_METADATA, TOPIC_METADATA } from '../../../lib/contracts/pipeline.ts';
import { AssemblyError } from '../../../lib/operations/contracts/errors.ts';
import { readPipeline } from '../../../lib/operations/contracts/pipeline.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function assemblyOf(files: Record<string, unknown>): string {
  const folder = mkdtempSync(join(tmpdir(), 'baton-assembly-'));
  folders.push(folder);
  for (const [name, contents] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), typeof contents === 'string' ? contents : JSON.stringify(contents));
  }
  return folder;
}

const stack = (name: string) => ({ type: 'aws:cloudformation:stack', properties: { templateFile: `${name}.json` } });
const assets = { type: 'cdk:asset-manifest', properties: { file: 'assets.json' } };
const consumer = {
  name: 'billing',
  owner: 'payments',
  kind: 'consumer',
  queue: 'Billing',
  deadLetterQueue: 'Billing-dead-letters',
  topic: 'Orders',
  ordered: false,
  events: ['urn:baton:order.placed:1'],
  pinned: false,
  produces: [],
};
const topic = { name: 'Orders', owner: 'sales', ordered: true, events: ['urn:baton:order.placed:1'] };

function consumerFunction(facts: object, properties: object = {}) {
  return { Type: 'AWS::Lambda::Function', Properties: properties, Metadata: { [CONSUMER_METADATA]: facts } };
}

function oneStack(resources: object): string {
  return assemblyOf({ 'manifest.json': { artifacts: { one: stack('one') } }, 'one.json': { Resources: resources } });
}

describe('a pipeline', () => {
  it('is read from all templates of an assembly, by name', () => {
    const directory = assemblyOf({
      'manifest.json': { artifacts: { two: stack('two'), one: stack('one'), tree: { type: 'cdk:tree' } } },
      'one.json': {
        Resources: {
          Topic: { Type: 'AWS::SNS::Topic', Metadata: { [TOPIC_METADATA]: topic } },
          Function: consumerFunction(consumer),
          Other: { Type: 'AWS::Lambda::Function', Metadata: { 'aws:cdk:path': 'Other' } },
          Nested: { Type: 'AWS::CloudFormation::Stack', Metadata: { 'aws:asset:path': 'nested.json' } },
        },
      },
      'two.json': { Resources: { Function: consumerFunction({ ...consumer, name: 'analytics' }) } },
      'nested.json': { Resources: { Function: consumerFunction({ ...consumer, name: 'pay', kind: 'commandQueue' }) } },
    });
    expect(readPipeline(directory)).toEqual({
      topics: [topic],
      consumers: [{ ...consumer, name: 'analytics' }, consumer, { ...consumer, name: 'pay', kind: 'commandQueue' }],
    });
  });

  it('says where the code of a consumer is, and what it finds in its environment', () => {
    const Properties = {
      Code: { S3Bucket: { 'Fn::Sub': 'bucket' }, S3Key: 'abc.zip' },
      FunctionName: 'Orders-Billing',
      Handler: 'handler.handler',
      Environment: {
        Variables: { PLAIN: 'text', NUMBER: 5, TABLE: { Ref: 'Table' }, URL: { 'Fn::ImportValue': 'x' } },
      },
    };
    const directory = assemblyOf({
      'manifest.json': { artifacts: { one: stack('one'), assets } },
      'one.json': { Resources: { Function: consumerFunction(consumer, Properties) } },
      'assets.json': {
        files: {
          abc: { source: { path: 'asset.abc', packaging: 'zip' }, destinations: { here: { objectKey: 'abc.zip' } } },
          def: { source: { path: 'one.json', packaging: 'file' }, destinations: { here: { objectKey: 'def.json' } } },
        },
      },
    });
    expect(readPipeline(directory).consumers[0]!.code).toEqual({
      directory: join(directory, 'asset.abc'),
      handler: 'handler.handler',
      functionName: 'Orders-Billing',
      environment: { PLAIN: 'text', NUMBER: '5' },
      unknown: ['TABLE', 'URL'],
    });
  });

  it.each([
    ['is inline', { Code: { ZipFile: 'exports.handler = 1' }, Handler: 'index.handler' }],
    ['is an image', { Code: { ImageUri: 'image' } }],
    ['is elsewhere', { Code: { S3Bucket: 'b', S3Key: 'other.zip' }, Handler: 'index.handler' }],
  ])('has no code where that %s', (_, properties) => {
    expect(readPipeline(oneStack({ Function: consumerFunction(consumer, properties) })).consumers).toEqual([consumer]);
  });

  it('finds the name of a queue that is asked of a resource beside it', () => {
    const facts = { ...consumer, queue: { 'Fn::GetAtt': ['Queue', 'QueueName'] } };
    const Queue = { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'named' } };
    expect(readPipeline(oneStack({ Function: consumerFunction(facts), Queue })).consumers[0]!.queue).toBe('named');
  });

  it('says which topics are made elsewhere, and where a consumer publishes', () => {
    const importedTopic = { path: 'App/Theirs', arn: 'arn:aws:sns:eu-west-1:111122223333:theirs', ordered: false };
    const { arn: _, ...unnamed } = importedTopic;
    const told = {
      ...consumer,
      maxReceives: 13,
      importedTopic,
      headers: ['region'],
      produces: ['urn:baton:order.placed:1'],
      publishesTo: [
        { topic: 'Orders', events: ['urn:baton:order.placed:1'] },
        { importedTopic: unnamed, events: ['urn:baton:order.placed:1'] },
      ],
    };
    expect(readPipeline(oneStack({ Function: consumerFunction(told) })).consumers).toEqual([told]);
  });

  it('leaves out who owns a topic, and where a consumer gets its events, when nobody said so', () => {
    const { owner: _, ...unowned } = topic;
    const { topic: __, ...elsewhere } = consumer;
    const directory = oneStack({
      Topic: { Type: 'AWS::SNS::Topic', Metadata: { [TOPIC_METADATA]: unowned } },
      Function: consumerFunction({ ...elsewhere, topic: { 'Fn::ImportValue': 'x' } }),
    });
    expect(readPipeline(directory)).toEqual({ topics: [unowned], consumers: [elsewhere] });
  });

  it.each<[string, object, string]>([
    ['no owner', { ...consumer, owner: undefined }, "'owner' is missing"],
    ['another kind', { ...consumer, kind: 'saga' }, `'kind' is "saga"`],
    ['a queue without a name', { ...consumer, queue: { Ref: 'Queue' } }, `'queue' is {"Ref":"Queue"}`],
    ['events that are none', { ...consumer, events: [1] }, "'events' is [1]"],
    ['no list of what it publishes', { ...consumer, publishesTo: 'Orders' }, `'publishesTo' is "Orders"`],
    ['half a truth', { ...consumer, pinned: 'yes' }, `'pinned' is "yes"`],
  ])('is refused with a consumer that has %s', (_, facts, message) => {
    const directory = oneStack({ Function: consumerFunction(facts) });
    expect(() => readPipeline(directory)).toThrow(AssemblyError);
    expect(() => readPipeline(directory)).toThrow(
      `one.json: what 'billing' (Function) says of itself cannot be read: ${message}`,
    );
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['has no manifest', {}, /manifest\.json cannot be read: there is no synthesized app here\. Run `npx cdk synth`/],
    ['has a manifest that is not JSON', { 'manifest.json': '{' }, /manifest\.json is not JSON/],
    ['has a manifest of something else', { 'manifest.json': { name: 'app' } }, /has no 'artifacts'/],
    ['has no stack', { 'manifest.json': { artifacts: {} } }, /names no stack\. Run/],
    [
      'has only stages',
      { 'manifest.json': { artifacts: { dev: { type: 'cdk:cloud-assembly', properties: { directoryName: 'dev' } } } } },
      /names no stack\. Its stages are assemblies of their own; name one: .*dev\./,
    ],
    ['has lost a template', { 'manifest.json': { artifacts: { one: stack('one') } } }, /one\.json cannot be read/],
    [
      'has a stack without a template',
      { 'manifest.json': { artifacts: { one: { type: 'aws:cloudformation:stack' } } } },
      /the artifact 'one' has no 'templateFile'/,
    ],
    [
      'has a resource without a type',
      { 'manifest.json': { artifacts: { one: stack('one') } }, 'one.json': { Resources: { Odd: {} } } },
      /one\.json: the resource Odd has no 'Type'/,
    ],
  ])('is refused of a folder that %s', (_, files, message) => {
    const directory = assemblyOf(files);
    expect(() => readPipeline(directory)).toThrow(AssemblyError);
    expect(() => readPipeline(directory)).toThrow(message);
  });
});
