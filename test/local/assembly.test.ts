import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App, Stack, Stage } from 'aws-cdk-lib';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AssemblyError, readAssembly } from '../../lib/local/assembly.ts';

const fixture = fileURLToPath(new URL('fixtures/assembly', import.meta.url));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'baton-assembly-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('an assembly', () => {
  it('gives its stacks in the order of their dependencies, with name, account and region', () => {
    const { stacks } = readAssembly(fixture);
    expect(stacks.map(({ id, name, account, region }) => [id, name, account, region])).toEqual([
      ['Shop', 'shop-test', '111122223333', 'eu-central-1'],
      ['Mail', 'Mail', '111122223333', 'eu-central-1'],
    ]);
    expect(stacks[1]?.template.Parameters).toEqual({});
  });

  it('finds the folder of an asset by the object key that templates use', () => {
    expect(readAssembly(fixture).assets.get('0123abcd.zip')).toEqual({
      objectKey: '0123abcd.zip',
      source: join(fixture, 'asset.0123abcd'),
      packaging: 'zip',
    });
  });

  it('includes the stacks and assets of stages, as CDK writes them', () => {
    const app = new App({ outdir: join(folder, 'staged') });
    const stage = new Stage(app, 'Prod', { env: { account: '111122223333', region: 'eu-west-1' } });
    const producer = new Stack(stage, 'Producer');
    const topic = new Topic(producer, 'Orders');
    const consumer = new Stack(stage, 'Consumer');
    const code = join(folder, 'code');
    mkdirSync(code);
    writeFileSync(join(code, 'handler.mjs'), 'export const handler = async () => {};');
    new LambdaFunction(consumer, 'Handle', {
      runtime: Runtime.NODEJS_24_X,
      handler: 'handler.handler',
      code: Code.fromAsset(code),
      environment: { TOPIC: topic.topicArn },
    });
    new Stack(app, 'Loose');
    const { stacks, assets } = readAssembly(app.synth().directory);

    expect(stacks.map(({ name, region }) => [name, region])).toEqual(
      expect.arrayContaining([
        ['Prod-Producer', 'eu-west-1'],
        ['Prod-Consumer', 'eu-west-1'],
        ['Loose', undefined],
      ]),
    );
    const names = stacks.map(({ name }) => name);
    expect(names.indexOf('Prod-Producer')).toBeLessThan(names.indexOf('Prod-Consumer'));
    const [zip] = [...assets.values()].filter(({ packaging }) => packaging === 'zip');
    expect(zip?.source.startsWith(join(folder, 'staged', 'asset.'))).toBe(true);
  });
});

describe('a folder that is no assembly', () => {
  const write = (name: string, files: Record<string, unknown>): string => {
    const directory = join(folder, name);
    mkdirSync(directory);
    for (const [file, content] of Object.entries(files)) {
      writeFileSync(join(directory, file), typeof content === 'string' ? content : JSON.stringify(content));
    }
    return directory;
  };
  const stack = (dependencies: string[] = []) => ({
    type: 'aws:cloudformation:stack',
    properties: { templateFile: 'A.template.json' },
    dependencies,
  });

  it.each([
    ['has no manifest', {}, /manifest\.json cannot be read.*npx cdk synth/],
    ['has a broken manifest', { 'manifest.json': '{' }, /manifest\.json is not JSON.*npx cdk synth/],
    ['has another manifest', { 'manifest.json': { name: 'x' } }, /manifest\.json has no 'artifacts'.*npx cdk synth/],
    ['has no stack', { 'manifest.json': { artifacts: {} } }, /names no stack.*npx cdk synth/],
    ['lost a template', { 'manifest.json': { artifacts: { A: stack() } } }, /A\.template\.json cannot be read/],
    [
      'has a resource without a type',
      { 'manifest.json': { artifacts: { A: stack() } }, 'A.template.json': { Resources: { Q: {} } } },
      /A\.template\.json: the resource Q has no 'Type'/,
    ],
    [
      'has stacks in a circle',
      { 'manifest.json': { artifacts: { A: stack(['B']), B: stack(['A']) } } },
      /in a circle: A -> B -> A/,
    ],
  ])('is refused with the file and the remedy when it %s', (name, files, message) => {
    const directory = write(name.replaceAll(' ', '-'), files);
    expect(() => readAssembly(directory)).toThrow(AssemblyError);
    expect(() => readAssembly(directory)).toThrow(message);
  });
});
