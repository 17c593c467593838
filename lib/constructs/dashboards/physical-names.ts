import { type CfnElement, CfnResource, Reference, Token, Tokenization } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IConstruct } from 'constructs';

/** Where a resource keeps the name that it was given. */
const NAMES: Readonly<Record<string, string>> = {
  'AWS::CloudWatch::Alarm': 'alarmName',
  'AWS::CloudWatch::CompositeAlarm': 'alarmName',
  'AWS::DynamoDB::Table': 'tableName',
  'AWS::Lambda::Function': 'functionName',
  'AWS::Logs::LogGroup': 'logGroupName',
  'AWS::SNS::Topic': 'topicName',
  'AWS::SQS::Queue': 'queueName',
};

/** The name that a resource was given; undefined when CloudFormation makes one, or when it is imported by a token. */
export function givenName(construct: IConstruct): string | undefined {
  const resource = CfnResource.isCfnResource(construct) ? construct : construct.node.defaultChild;
  if (resource === undefined || !CfnResource.isCfnResource(resource)) return undefined;
  const name = (resource as CfnElement as unknown as Record<string, unknown>)[NAMES[resource.cfnResourceType] ?? ''];
  return typeof name === 'string' && !Token.isUnresolved(name) ? name : undefined;
}

/**
 * The metric with names for references, wherever resources were given names. A reference to a resource of another stack
 * becomes an export of that stack, which then can be changed only after whoever imports it; a name is only text.
 */
export function byName<Metric extends cloudwatch.IMetric>(metric: Metric): Metric;
export function byName(metric: cloudwatch.IMetric): cloudwatch.IMetric {
  if (metric instanceof cloudwatch.MathExpression) {
    const { expression, label, color, visible, period, searchAccount, searchRegion, usingMetrics } = metric;
    return new cloudwatch.MathExpression({
      expression,
      period,
      usingMetrics: Object.fromEntries(Object.entries(usingMetrics).map(([id, each]) => [id, byName(each)])),
      ...(label !== undefined && { label }),
      ...(color !== undefined && { color }),
      ...(visible !== undefined && { visible }),
      ...(searchAccount !== undefined && { searchAccount }),
      ...(searchRegion !== undefined && { searchRegion }),
    });
  }
  if (!(metric instanceof cloudwatch.Metric) || metric.dimensions === undefined) return metric;
  const dimensions = Object.entries(metric.dimensions as Record<string, string>);
  if (!dimensions.some(([, value]) => Token.isUnresolved(value))) return metric;
  return metric.with({ dimensionsMap: Object.fromEntries(dimensions.map(([key, value]) => [key, named(value)])) });
}

function named(value: string): string {
  if (!Token.isUnresolved(value)) return value;
  const { firstToken, length } = Tokenization.reverseString(value);
  if (length !== 1 || !Reference.isReference(firstToken)) return value;
  return givenName(firstToken.target) ?? value;
}
