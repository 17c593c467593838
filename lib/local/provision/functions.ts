import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { isRecord } from '../intrinsics.ts';
import { NAME_LIMITS, physicalName, stableUuid } from './physical-name.ts';
import {
  attributes,
  type Declared,
  type Deployment,
  flagOf,
  numberOf,
  originOf,
  ProvisionError,
  type Provisioned,
  type ResourceType,
  requiredText,
  textOf,
  textsOf,
} from './resource-type.ts';

/** AWS::Lambda::Function, of a Node.js runtime. */
export const lambdaFunction: ResourceType = {
  honoured: [
    'FunctionName',
    'Code',
    'Handler',
    'Timeout',
    'MemorySize',
    'Environment',
    'ReservedConcurrentExecutions',
    'Description',
    'PackageType',
  ],
  notHonoured: {
    Runtime: `functions run on this Node (${process.version})`,
    Architectures: "functions run on this machine's architecture",
    Role: 'permissions are not enforced on the laptop',
    Layers: 'layers are not added to the code here',
    VpcConfig: 'there is no VPC here',
    TracingConfig: 'nothing is sent to X-Ray from here',
    LoggingConfig: 'logs are not sent to CloudWatch from here',
    DeadLetterConfig: 'there are no asynchronous invocations here',
    EphemeralStorage: "/tmp is this machine's",
    KmsKeyArn: 'nothing is encrypted on the laptop',
    Tags: 'functions have no tags here',
  },
  provision(declared, deployment) {
    const { environment, resources } = deployment;
    const name =
      textOf(declared, 'FunctionName') ?? physicalName(declared.stack, declared.logicalId, NAME_LIMITS.function);
    const arn = functionArn(name, deployment);
    const runtime = textOf(declared, 'Runtime') ?? 'a container image';
    const codeDirectory = runtime.startsWith('nodejs') ? codeOf(declared, deployment) : undefined;
    if (codeDirectory === undefined) {
      const why = runtime.startsWith('nodejs') ? 'its code is not a folder of the assembly' : `it runs on ${runtime}`;
      deployment.notEmulated(declared, `${why}; only Node.js functions with their code in the assembly run here`);
    } else {
      const reservedConcurrency = numberOf(declared, 'ReservedConcurrentExecutions');
      resources.functions.push({
        ...originOf(declared),
        name,
        arn,
        codeDirectory,
        handler: requiredText(declared, 'Handler'),
        timeoutSeconds: numberOf(declared, 'Timeout') ?? 3,
        memoryMb: numberOf(declared, 'MemorySize') ?? 128,
        environment: { ...variablesOf(declared), ...environment },
        ...(reservedConcurrency !== undefined && { reservedConcurrency }),
      });
    }
    return { ref: name, getAtt: attributes({ Arn: arn, Version: '$LATEST' }) };
  },
};

/** AWS::Lambda::Version and AWS::Lambda::Alias: always the code of now. */
export const lambdaVersion: ResourceType = {
  honoured: ['FunctionName', 'FunctionVersion', 'Name', 'Description', 'CodeSha256'],
  notHonoured: { ProvisionedConcurrencyConfig: 'no worker is kept warm on purpose here' },
  provision(declared, deployment) {
    const version = textOf(declared, 'Name') ?? '1';
    const name = functionNameOf(requiredText(declared, 'FunctionName'));
    const ref = `${functionArn(name, deployment)}:${version}`;
    deployment.notEmulated(declared, 'every version and alias is the code of now here');
    return { ref, getAtt: attributes({ FunctionArn: ref, AliasArn: ref, Version: '1' }) };
  },
};

/** AWS::Lambda::EventSourceMapping, of SQS queues. */
export const eventSourceMapping: ResourceType = {
  honoured: [
    'EventSourceArn',
    'FunctionName',
    'BatchSize',
    'MaximumBatchingWindowInSeconds',
    'ScalingConfig',
    'FunctionResponseTypes',
    'FilterCriteria',
    'Enabled',
  ],
  notHonoured: {
    ProvisionedPollerConfig: 'pollers are not provisioned here',
    MetricsConfig: 'there are no metrics of event source mappings here',
    KmsKeyArn: 'nothing is encrypted on the laptop',
    Tags: 'event source mappings have no tags here',
  },
  provision(declared, deployment): Provisioned {
    const { engines, resources } = deployment;
    const uuid = stableUuid(`${declared.stack}/${declared.logicalId}`);
    const source = textOf(declared, 'EventSourceArn') ?? '';
    const queueArn = source.split(':')[2] === 'sqs' ? source : undefined;
    if (queueArn === undefined) {
      deployment.notEmulated(declared, `only SQS queues are event sources here, not ${source || 'this one'}`);
    } else {
      const { ScalingConfig: scaling, FilterCriteria: criteria } = declared.properties;
      const maximumConcurrency = isRecord(scaling) ? scaling.MaximumConcurrency : undefined;
      const filters = isRecord(criteria) && Array.isArray(criteria.Filters) ? criteria.Filters : [];
      const queueName = queueArn.split(':').at(-1) ?? '';
      resources.eventSources.push({
        ...originOf(declared),
        uuid,
        queueArn,
        queueUrl: engines.queueUrl(queueName),
        functionName: functionNameOf(requiredText(declared, 'FunctionName')),
        batchSize: numberOf(declared, 'BatchSize') ?? 10,
        windowSeconds: numberOf(declared, 'MaximumBatchingWindowInSeconds') ?? 0,
        ...(maximumConcurrency !== undefined && { maximumConcurrency: Number(maximumConcurrency) }),
        reportBatchItemFailures: textsOf(declared, 'FunctionResponseTypes').includes('ReportBatchItemFailures'),
        filters: filters.flatMap((filter) => (isRecord(filter) ? [String(filter.Pattern)] : [])),
        enabled: flagOf(declared, 'Enabled', true),
        fifo: queueName.endsWith('.fifo'),
      });
    }
    const arn = `arn:aws:lambda:${engines.region}:${engines.accountId}:event-source-mapping:${uuid}`;
    return { ref: uuid, getAtt: attributes({ Id: uuid, EventSourceMappingArn: arn }) };
  },
};

/** Takes out the event sources that lead nowhere: their queue or function is in none of the templates. */
export function dropLooseEventSources({ resources, notEmulated }: Deployment): void {
  const queues = new Set(resources.queues.map(({ arn }) => arn));
  const functions = new Set(resources.functions.map(({ name }) => name));
  resources.eventSources = resources.eventSources.filter((source) => {
    const missing = queues.has(source.queueArn) ? undefined : `its queue (${source.queueArn}) is in no template`;
    const reason = missing ?? (functions.has(source.functionName) ? undefined : 'its function does not run here');
    if (reason !== undefined) {
      const { stack, logicalId, path } = source;
      notEmulated({ stack, logicalId, path, type: 'AWS::Lambda::EventSourceMapping', properties: {} }, reason);
    }
    return reason === undefined;
  });
}

/** The name in what `FunctionName` may be: a name, an ARN, or either with a version or alias. */
export function functionNameOf(reference: string): string {
  const match = /^(?:arn:[^:]*:lambda:[^:]*:[^:]*:function:|[0-9]+:function:)?([^:]+)/.exec(reference);
  return match?.[1] ?? reference;
}

function functionArn(name: string, { engines }: Deployment): string {
  return `arn:aws:lambda:${engines.region}:${engines.accountId}:function:${name}`;
}

function variablesOf(declared: Declared): Record<string, string> {
  const { Environment: environment } = declared.properties;
  const variables = isRecord(environment) ? environment.Variables : undefined;
  if (!isRecord(variables)) return {};
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => {
      if (typeof value !== 'object') return [name, String(value)];
      throw new ProvisionError(
        `${declared.path}: the variable ${name} has to be text, and is ${JSON.stringify(value)}.`,
      );
    }),
  );
}

/** The folder of the code; undefined when it is not in the assembly. */
function codeOf(declared: Declared, { assembly }: Deployment): string | undefined {
  const { Code: code } = declared.properties;
  if (!isRecord(code)) return undefined;
  if (typeof code.ZipFile === 'string') return writeInline(code.ZipFile);
  if (typeof code.S3Key !== 'string') return undefined;
  const asset = assembly.assets.get(code.S3Key) ?? assembly.assets.get(basename(code.S3Key));
  if (asset === undefined || asset.packaging !== 'zip') return undefined;
  if (!existsSync(asset.source)) {
    throw new ProvisionError(`${declared.path}: its code ${asset.source} is gone. Run \`npx cdk synth\` again.`);
  }
  return asset.source;
}

/** Lambda puts inline code into `index.js`; the folder is named by the code, so it is written once. */
function writeInline(code: string): string {
  const folder = join(tmpdir(), `baton-inline-${createHash('sha256').update(code).digest('hex').slice(0, 16)}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'index.js'), code);
  return folder;
}
