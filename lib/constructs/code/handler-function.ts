import { type Duration, type RemovalPolicy, Token, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { UnsafePropsError } from '../errors.ts';
import { physicalName } from '../names.ts';
import { admitLogs } from '../security/encryption.ts';
import { functionCode, HANDLER } from './function-code.ts';

/** What {@link handlerFunction} takes; everything is decided by the construct it belongs to. */
export interface HandlerFunctionProps {
  readonly entry: string;
  readonly description: string;
  readonly timeout: Duration;
  /** In MiB: 128 to 10,240. */
  readonly memorySize: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly encryptionKey: kms.IKey;
  readonly logRetention: logs.RetentionDays;
  readonly removalPolicy: RemovalPolicy;
}

/**
 * A function on Node 24 and arm64, with a role that may do nothing yet but write to its own encrypted log group and
 * send traces, so that every further permission is one that somebody granted by name.
 *
 * @throws UnsafePropsError when Lambda has no such memory
 * @throws BundleError when the handler is missing or does not compile
 */
export function handlerFunction(scope: Construct, props: HandlerFunctionProps): lambda.Function {
  refuseBadMemory(scope, props.memorySize);
  admitLogs(props.encryptionKey);
  const functionName = physicalName(scope, '', 64);
  const logGroup = new logs.LogGroup(scope, 'Logs', {
    logGroupName: `/aws/lambda/${functionName}`,
    retention: props.logRetention,
    encryptionKey: props.encryptionKey,
    removalPolicy: props.removalPolicy,
  });
  const role = new iam.Role(scope, 'Role', {
    description: `What ${scope.node.path} may do`,
    assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
  });
  iam.Grant.addToPrincipal({
    grantee: role,
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    resourceArns: [logGroup.logGroupArn],
  });
  Validations.of(role).acknowledge({
    id: 'AwsSolutions-IAM5[Resource::*]',
    reason: 'xray:PutTraceSegments and xray:PutTelemetryRecords know no resources; everything else is granted by ARN.',
  });
  return new lambda.Function(scope, 'Function', {
    functionName,
    // a path of constructs may be longer than Lambda takes
    description: props.description.slice(0, 256),
    code: functionCode(props.entry),
    handler: HANDLER,
    runtime: lambda.Runtime.NODEJS_24_X,
    architecture: lambda.Architecture.ARM_64,
    timeout: props.timeout,
    memorySize: props.memorySize,
    environment: {
      // Stack frames name the source, not the bundle: dead letters are grouped by them.
      NODE_OPTIONS: '--enable-source-maps',
      ...props.environment,
    },
    logGroup,
    role,
    // X-Ray samples by itself: one request a second, and 5% of the rest.
    tracing: lambda.Tracing.ACTIVE,
  });
}

/** Source: CreateFunction, AWS Lambda API reference. */
function refuseBadMemory(scope: Construct, memorySize: number): void {
  if (Token.isUnresolved(memorySize)) return;
  if (Number.isInteger(memorySize) && memorySize >= 128 && memorySize <= 10_240) return;
  throw new UnsafePropsError(scope, `\`memorySize\` is ${memorySize} MiB.`, 'Use whole MiB, 128 to 10,240.');
}
