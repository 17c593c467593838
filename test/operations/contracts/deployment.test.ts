import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CONSUMER_METADATA } from '../../../lib/contracts/pipeline.ts';
import { readDeployment } from '../../../lib/operations/contracts/deployment.ts';

const folder = mkdtempSync(join(tmpdir(), 'baton-deployment-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Stack {
  environment?: string;
  consumer?: boolean;
  tags?: unknown;
}

function deploymentOf(stacks: Record<string, Stack>) {
  const artifacts = Object.entries(stacks).map(([name, { environment, consumer = false, tags }]) => {
    const Metadata = consumer ? { [CONSUMER_METADATA]: {} } : {};
    const Properties = { Tags: tags };
    const Resources = { One: { Type: 'AWS::Lambda::Function', Metadata, Properties } };
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({ Resources }));
    const properties = { templateFile: `${name}.json` };
    return [name, { type: 'aws:cloudformation:stack', properties, environment }];
  });
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ artifacts: Object.fromEntries(artifacts) }));
  return readDeployment(folder);
}

const tagged = (Value: unknown) => [
  { Key: 'other', Value: 'x' },
  { Key: 'baton:environment', Value },
];

describe('a deployment', () => {
  it('is where the stacks with consumers go, and of the environment of all stacks', () => {
    const found = deploymentOf({
      orders: { environment: 'aws://111111111111/eu-central-1', consumer: true, tags: tagged('prod') },
      more: { environment: 'aws://111111111111/eu-central-1', consumer: true, tags: tagged('prod') },
      certificates: { environment: 'aws://111111111111/us-east-1', tags: tagged('prod') },
    });
    expect(found).toEqual({ environments: ['prod'], accounts: ['111111111111'], regions: ['eu-central-1'] });
  });

  it('may be anywhere, as far as an environment does not say', () => {
    const found = deploymentOf({
      one: { environment: 'aws://unknown-account/unknown-region', consumer: true },
      two: { environment: 'aws://unknown-account/eu-central-1', consumer: true, tags: { key: 'value' } },
      three: { consumer: true, tags: tagged({ Ref: 'Name' }) },
    });
    expect(found).toEqual({ environments: [], accounts: [], regions: ['eu-central-1'] });
  });

  it('may be of several environments, in several places', () => {
    const found = deploymentOf({
      prod: { environment: 'aws://222222222222/us-east-1', consumer: true, tags: tagged('prod') },
      dev: { environment: 'aws://111111111111/eu-central-1', consumer: true, tags: tagged('dev') },
    });
    expect(found).toEqual({
      environments: ['dev', 'prod'],
      accounts: ['111111111111', '222222222222'],
      regions: ['eu-central-1', 'us-east-1'],
    });
  });
});
