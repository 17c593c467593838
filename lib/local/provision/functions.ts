import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { functionNameOf } from '../function-name.ts';
import { isRecord } from '../intrinsics.ts';
import { NAME_LIMITS, physicalName } from './physical-name.ts';
import {
  attributes,
  type Declared,
  type Deployment,
  numberOf,
  originOf,
  ProvisionError,
  type ResourceType,
  requiredText,
  textOf,
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
    DeadLetterConfig: 'asynchronous invocations that failed are not dead-lettered here',
    EphemeralStorage: "/tmp is this machine's",
    RecursiveLoop: 'loops of invocations are not detected here',
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
