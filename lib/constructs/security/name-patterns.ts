import { ArnFormat, Stack, Token } from 'aws-cdk-lib';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { QueueFunction } from '../delivery/queue-function.ts';

/** The queues of consumers as ARNs and patterns of ARNs. */
export interface QueueNames {
  /** All of them. */
  readonly all: readonly string[];
  readonly deadLetters: readonly string[];
  /** What SNS could not deliver. */
  readonly undeliverable: readonly string[];
}

/**
 * Queues by pattern, one for each stack, because their names begin with the stack's and end with what they are for
 * (`Baton-prod-Orders-*-dead-letters*`); one by one where a name was too long and has lost its end. By name and not by reference:
 * otherwise each queue of another stack would be an export.
 */
export function queuesOf(consumers: readonly QueueFunction[]): QueueNames {
  const deadLetters = consumers.map((consumer) => consumer.deadLetterQueue);
  const undeliverable = consumers.flatMap((consumer) =>
    'undeliverable' in consumer ? [consumer.undeliverable as sqs.IQueue] : [],
  );
  const queues = consumers.map((consumer) => consumer.queue);
  return {
    all: unique([...queues, ...deadLetters, ...undeliverable].map((queue) => queueArn(queue, ''))),
    deadLetters: unique(deadLetters.map((queue) => queueArn(queue, '-dead-letters'))),
    undeliverable: unique(undeliverable.map((queue) => queueArn(queue, '-undeliverable'))),
  };
}

/** The log groups of their functions: CloudFormation begins their names with the stack's, unless they have one of their own. */
export function logGroupsOf(consumers: readonly QueueFunction[]): string[] {
  return unique(
    consumers.map((consumer) => {
      const stack = Stack.of(consumer);
      const { logGroupName } = (consumer.function.logGroup.node.defaultChild ?? {}) as Partial<logs.CfnLogGroup>;
      const named = logGroupName !== undefined && !Token.isUnresolved(logGroupName);
      const [ahead, ...rest] = named ? logGroupName.split(`${stack.stackName}-`) : ['', ''];
      const pattern = rest.length > 0 ? `${ahead}${stack.stackName}-*` : logGroupName;
      return stack.formatArn({
        service: 'logs',
        resource: 'log-group',
        resourceName: `${pattern}:*`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      });
    }),
  );
}

/**
 * An ARN as cdk-nag writes it (`arn:<AWS::Partition>:sqs:...`), for the acknowledgement of a wildcard in it.
 *
 * @param resolved what `Stack.resolve` made of it
 */
export function asWritten(resolved: unknown): string {
  if (typeof resolved === 'string') return resolved;
  const value = resolved as {
    Ref?: string;
    'Fn::GetAtt'?: [string, string];
    'Fn::ImportValue'?: unknown;
    'Fn::Join'?: [string, unknown[]];
  };
  if (value['Fn::Join']) return value['Fn::Join'][1].map(asWritten).join(value['Fn::Join'][0]);
  if (value['Fn::GetAtt']) return `<${value['Fn::GetAtt'].join('.')}>`;
  if (value['Fn::ImportValue'] !== undefined) return asWritten(value['Fn::ImportValue']);
  return value.Ref === undefined ? '' : `<${value.Ref}>`;
}

function queueArn(queue: sqs.IQueue, ending: string): string {
  const stack = Stack.of(queue);
  const resource = queue.node.defaultChild as sqs.CfnQueue | undefined;
  const name = resource?.queueName;
  // imported, or without a name of its own
  if (name === undefined || Token.isUnresolved(name)) return queue.queueArn;
  const ours = name.startsWith(`${stack.stackName}-`) && name.replace(/\.fifo$/, '').endsWith(ending);
  const pattern = ending === '' ? `${stack.stackName}-*` : `${stack.stackName}-*${ending}*`;
  return stack.formatArn({ service: 'sqs', resource: ours ? pattern : name, arnFormat: ArnFormat.NO_RESOURCE_NAME });
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
