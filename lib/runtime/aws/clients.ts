import type * as cloudwatch from '@aws-sdk/client-cloudwatch';
import type * as dynamodb from '@aws-sdk/client-dynamodb';
import type * as lambda from '@aws-sdk/client-lambda';
import type * as s3 from '@aws-sdk/client-s3';
import type * as sns from '@aws-sdk/client-sns';
import type * as sqs from '@aws-sdk/client-sqs';
import { type AwsClient, createAwsClient } from './aws-client.ts';
import { awsJson, awsQuery, restJson, s3Objects } from './protocols.ts';

/** What the runtime asks of DynamoDB. Binary values travel as base64 text. */
export type DynamoDb = AwsClient<{
  BatchExecuteStatement: [dynamodb.BatchExecuteStatementInput, dynamodb.BatchExecuteStatementOutput];
  BatchWriteItem: [dynamodb.BatchWriteItemInput, dynamodb.BatchWriteItemOutput];
  DeleteItem: [dynamodb.DeleteItemInput, dynamodb.DeleteItemOutput];
  GetItem: [dynamodb.GetItemInput, dynamodb.GetItemOutput];
  PutItem: [dynamodb.PutItemInput, dynamodb.PutItemOutput];
  Query: [dynamodb.QueryInput, dynamodb.QueryOutput];
  TransactWriteItems: [dynamodb.TransactWriteItemsInput, dynamodb.TransactWriteItemsOutput];
  UpdateItem: [dynamodb.UpdateItemInput, dynamodb.UpdateItemOutput];
}>;

/** What the runtime asks of SNS. */
export type Sns = AwsClient<{
  Publish: [sns.PublishInput, sns.PublishResponse];
  PublishBatch: [sns.PublishBatchInput, sns.PublishBatchResponse];
}>;

/** What the runtime asks of SQS. */
export type Sqs = AwsClient<{
  ChangeMessageVisibilityBatch: [sqs.ChangeMessageVisibilityBatchRequest, sqs.ChangeMessageVisibilityBatchResult];
  SendMessage: [sqs.SendMessageRequest, sqs.SendMessageResult];
  SendMessageBatch: [sqs.SendMessageBatchRequest, sqs.SendMessageBatchResult];
}>;

/** What the runtime asks of S3. Objects are texts. */
export type S3 = AwsClient<{
  GetObject: [Required<Pick<s3.GetObjectCommandInput, 'Bucket' | 'Key' | 'Range'>>, { Body: string }];
  PutObject: [
    Required<Pick<s3.PutObjectCommandInput, 'Bucket' | 'Key' | 'ContentType' | 'ChecksumSHA256'>> & { Body: string },
    object,
  ];
}>;

/** What the runtime asks of Lambda. */
export type Lambda = AwsClient<{
  GetEventSourceMapping: [lambda.GetEventSourceMappingRequest, lambda.EventSourceMappingConfiguration];
  UpdateEventSourceMapping: [lambda.UpdateEventSourceMappingRequest, lambda.EventSourceMappingConfiguration];
}>;

/** What the runtime asks of CloudWatch. On the wire, and here, times are seconds since the epoch. */
export type CloudWatch = AwsClient<{
  DescribeAlarms: [cloudwatch.DescribeAlarmsInput, cloudwatch.DescribeAlarmsOutput];
  GetMetricData: [
    Omit<cloudwatch.GetMetricDataInput, 'StartTime' | 'EndTime'> & { StartTime: number; EndTime: number },
    {
      MetricDataResults?: (Omit<cloudwatch.MetricDataResult, 'Timestamps'> & { Timestamps?: number[] })[];
      NextToken?: string;
    },
  ];
  SetAlarmState: [cloudwatch.SetAlarmStateInput, object];
}>;

/** The AWS services that the runtime speaks to. */
export interface Clients {
  readonly dynamodb: DynamoDb;
  readonly sns: Sns;
  readonly sqs: Sqs;
  /** For events that go by claim check. @default the module's client */
  readonly s3?: S3;
}

/** Clients that read region, credentials and endpoints from an environment. @default process.env */
export function createClients(environment?: Record<string, string | undefined>): Required<Clients> {
  const from = environment === undefined ? {} : { environment };
  return {
    dynamodb: createAwsClient({ service: 'dynamodb', protocol: awsJson('DynamoDB_20120810'), ...from }),
    sns: createAwsClient({ service: 'sns', protocol: awsQuery('2010-03-31', ['SenderFault']), ...from }),
    sqs: createAwsClient({ service: 'sqs', protocol: awsJson('AmazonSQS'), ...from }),
    s3: createAwsClient({ service: 's3', protocol: s3Objects, ...from }),
  };
}

/** One set for every consumer and publisher of a module. */
export const clients: Required<Clients> = createClients();

/** A client of Lambda, for what turns event sources on and off. */
export function createLambdaClient(environment?: Record<string, string | undefined>): Lambda {
  const path = ({ UUID }: Record<string, unknown>) => `/2015-03-31/event-source-mappings/${UUID}`;
  return createAwsClient({
    service: 'lambda',
    protocol: restJson({
      GetEventSourceMapping: (input) => ({ method: 'GET', path: path(input) }),
      UpdateEventSourceMapping: ({ UUID, ...body }) => ({ method: 'PUT', path: path({ UUID }), body }),
    }),
    ...(environment && { environment }),
  });
}

/** A client of CloudWatch, for what watches the alarms themselves. */
export function createCloudWatchClient(environment?: Record<string, string | undefined>): CloudWatch {
  return createAwsClient({
    service: 'monitoring',
    protocol: awsJson('GraniteServiceVersion20100801'),
    ...(environment && { environment }),
  });
}
