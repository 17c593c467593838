import { functionNameOf } from '../function-name.ts';
import { isRecord } from '../intrinsics.ts';
import { stableUuid } from './physical-name.ts';
import {
  attributes,
  type Declared,
  type Deployment,
  flagOf,
  numberOf,
  originOf,
  type Provisioned,
  type ResourceType,
  requiredText,
  textOf,
  textsOf,
} from './resource-type.ts';

/** How many records a batch of a stream has when its mapping does not say. */
const STREAM_BATCH_SIZE = 100;

/** AWS::Lambda::EventSourceMapping, of SQS queues and DynamoDB streams. */
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
    'StartingPosition',
    'BisectBatchOnFunctionError',
    'MaximumRetryAttempts',
    'MaximumRecordAgeInSeconds',
  ],
  notHonoured: {
    ProvisionedPollerConfig: 'no effect here: a queue is polled as fast as its function takes',
    MetricsConfig: 'there are no metrics of event source mappings here',
    KmsKeyArn: 'nothing is encrypted on the laptop',
    Tags: 'event source mappings have no tags here',
    ParallelizationFactor: 'one batch of a shard runs at a time here',
    DestinationConfig: 'stream records that are given up go nowhere here, and are reported',
    TumblingWindowInSeconds: 'there are no tumbling windows here',
  },
  provision(declared, deployment): Provisioned {
    const { engines } = deployment;
    const uuid = stableUuid(`${declared.stack}/${declared.logicalId}`);
    const source = textOf(declared, 'EventSourceArn') ?? '';
    const service = source.split(':')[2];
    if (service === 'sqs') addQueueSource(declared, uuid, source, deployment);
    else if (service === 'dynamodb' && source.includes('/stream/')) addStreamSource(declared, uuid, source, deployment);
    else {
      const kinds = 'only SQS queues and DynamoDB streams are event sources here';
      deployment.notEmulated(declared, `${kinds}, not ${source || 'this one'}`);
    }
    const arn = `arn:aws:lambda:${engines.region}:${engines.accountId}:event-source-mapping:${uuid}`;
    return { ref: uuid, getAtt: attributes({ Id: uuid, EventSourceMappingArn: arn }) };
  },
};

function addQueueSource(declared: Declared, uuid: string, queueArn: string, { engines, resources }: Deployment): void {
  const { ScalingConfig: scaling } = declared.properties;
  const maximumConcurrency = isRecord(scaling) ? scaling.MaximumConcurrency : undefined;
  const queueName = queueArn.split(':').at(-1) ?? '';
  resources.eventSources.push({
    kind: 'queue',
    ...mappingOf(declared, uuid, 10),
    queueArn,
    queueUrl: engines.queueUrl(queueName),
    ...(maximumConcurrency !== undefined && { maximumConcurrency: Number(maximumConcurrency) }),
    fifo: queueName.endsWith('.fifo'),
  });
}

function addStreamSource(declared: Declared, uuid: string, streamArn: string, { resources }: Deployment): void {
  resources.eventSources.push({
    kind: 'stream',
    ...mappingOf(declared, uuid, STREAM_BATCH_SIZE),
    streamArn,
    startingPosition: textOf(declared, 'StartingPosition') === 'LATEST' ? 'LATEST' : 'TRIM_HORIZON',
    bisectOnError: flagOf(declared, 'BisectBatchOnFunctionError'),
    maximumRetryAttempts: numberOf(declared, 'MaximumRetryAttempts') ?? -1,
    maximumRecordAgeSeconds: numberOf(declared, 'MaximumRecordAgeInSeconds') ?? -1,
  });
}

function mappingOf(declared: Declared, uuid: string, batchSize: number) {
  const { FilterCriteria: criteria } = declared.properties;
  const filters = isRecord(criteria) && Array.isArray(criteria.Filters) ? criteria.Filters : [];
  return {
    ...originOf(declared),
    uuid,
    functionName: functionNameOf(requiredText(declared, 'FunctionName')),
    batchSize: numberOf(declared, 'BatchSize') ?? batchSize,
    windowSeconds: numberOf(declared, 'MaximumBatchingWindowInSeconds') ?? 0,
    reportBatchItemFailures: textsOf(declared, 'FunctionResponseTypes').includes('ReportBatchItemFailures'),
    filters: filters.flatMap((filter) => (isRecord(filter) ? [String(filter.Pattern)] : [])),
    enabled: flagOf(declared, 'Enabled', true),
  };
}

/** Takes out the event sources that lead nowhere: their queue, table or function is in none of the templates. */
export function dropLooseEventSources({ resources, notEmulated }: Deployment): void {
  const queues = new Set(resources.queues.map(({ arn }) => arn));
  const tables = new Set(resources.tables.map(({ name }) => name));
  const functions = new Set(resources.functions.map(({ name }) => name));
  resources.eventSources = resources.eventSources.filter((source) => {
    const missing =
      source.kind === 'queue'
        ? !queues.has(source.queueArn) && `its queue (${source.queueArn}) is in no template`
        : !tables.has(source.streamArn.split('/')[1] ?? '') && `its table (${source.streamArn}) is in no template`;
    const reason = missing || (!functions.has(source.functionName) && 'its function does not run here');
    if (reason === false) return true;
    const { stack, logicalId, path } = source;
    notEmulated({ stack, logicalId, path, type: 'AWS::Lambda::EventSourceMapping', properties: {} }, reason);
    return false;
  });
}
