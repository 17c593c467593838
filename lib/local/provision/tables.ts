import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  type GlobalSecondaryIndex,
  ResourceInUseException,
  type StreamSpecification,
  type TableDescription,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { isRecord } from '../intrinsics.ts';
import { NAME_LIMITS, physicalName } from './physical-name.ts';
import {
  attributes,
  type Declared,
  type Deployment,
  originOf,
  ProvisionError,
  type Provisioned,
  type ResourceType,
  recordsOf,
  textOf,
} from './resource-type.ts';

const NO_LIMIT = 'there is no throughput limit here';
const NOT_ENCRYPTED = 'nothing is encrypted on the laptop';
const NO_RECOVERY = 'there is no point-in-time recovery here';
const SHARED = {
  honoured: [
    'TableName',
    'KeySchema',
    'AttributeDefinitions',
    'GlobalSecondaryIndexes',
    'LocalSecondaryIndexes',
    'StreamSpecification',
    'TimeToLiveSpecification',
    'BillingMode',
  ],
  notHonoured: {
    PointInTimeRecoverySpecification: NO_RECOVERY,
    SSESpecification: NOT_ENCRYPTED,
    DeletionProtectionEnabled: 'nothing deletes tables here',
    ProvisionedThroughput: NO_LIMIT,
    OnDemandThroughput: NO_LIMIT,
    WarmThroughput: NO_LIMIT,
    ContributorInsightsSpecification: 'there are no contributor insights here',
    KinesisStreamSpecification: 'there is no Kinesis here',
    ResourcePolicy: 'permissions are not enforced on the laptop',
    TableClass: 'storage costs nothing here',
    Tags: 'tables have no tags here',
    ImportSourceSpecification: 'nothing is imported from S3 here',
  },
};

/** AWS::DynamoDB::Table */
export const table: ResourceType = { ...SHARED, provision: provisionTable };

/** AWS::DynamoDB::GlobalTable: its replica of this region. */
export const globalTable: ResourceType = {
  honoured: [...SHARED.honoured, 'Replicas'],
  notHonoured: {
    ...SHARED.notHonoured,
    WriteProvisionedThroughputSettings: NO_LIMIT,
    WriteOnDemandThroughputSettings: NO_LIMIT,
    MultiRegionConsistency: 'there is one region here',
  },
  provision(declared, deployment) {
    const replicas = recordsOf(declared, 'Replicas');
    if (replicas.length > 1) deployment.notEmulated(declared, 'there is one region here', 'Replicas');
    for (const property of new Set(replicas.flatMap(Object.keys))) {
      if (property === 'Region') continue;
      const reasons: Record<string, string> = globalTable.notHonoured!;
      deployment.notEmulated(declared, reasons[property] ?? 'has no effect here', `Replicas.${property}`);
    }
    return provisionTable(declared, deployment);
  },
};

async function provisionTable(declared: Declared, deployment: Deployment): Promise<Provisioned> {
  const { engines, resources } = deployment;
  const name = textOf(declared, 'TableName') ?? physicalName(declared.stack, declared.logicalId, NAME_LIMITS.table);
  const description = await createOrUpdate(name, declared, deployment);
  await setTimeToLive(name, declared, deployment);
  // The engine has a region of its own in its ARNs; only a stream is found by the ARN that the engine gave it.
  const arn = `arn:aws:dynamodb:${engines.region}:${engines.accountId}:table/${name}`;
  resources.tables.push({ ...originOf(declared), name, arn });
  return {
    ref: name,
    getAtt: attributes({ Arn: arn, TableId: description.TableId ?? name, StreamArn: description.LatestStreamArn }),
  };
}

async function createOrUpdate(name: string, declared: Declared, { engines }: Deployment): Promise<TableDescription> {
  const { dynamodb } = engines.clients;
  const wanted = tableInput(name, declared);
  let there = false;
  try {
    await dynamodb.send(new CreateTableCommand(wanted));
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
    there = true;
  }
  const description = await untilActive(name, engines.clients.dynamodb);
  if (!there) return description;
  if (keys(description.KeySchema) !== keys(wanted.KeySchema)) {
    throw new ProvisionError(
      `${declared.path}: the table ${name} is there with the key ${keys(description.KeySchema)}, and the template wants ${keys(wanted.KeySchema)}. A key cannot change: delete ${engines.dataDir ?? 'the table'}, or give the table another name.`,
    );
  }
  const present = new Set(description.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName));
  for (const index of wanted.GlobalSecondaryIndexes ?? []) {
    if (present.has(index.IndexName)) continue;
    await dynamodb.send(
      new UpdateTableCommand({
        TableName: name,
        AttributeDefinitions: wanted.AttributeDefinitions,
        GlobalSecondaryIndexUpdates: [{ Create: index }],
      }),
    );
    await untilActive(name, dynamodb);
  }
  if (wanted.StreamSpecification === undefined || description.StreamSpecification?.StreamEnabled) return description;
  // A table of an earlier run that has got a stream since.
  await dynamodb.send(new UpdateTableCommand({ TableName: name, StreamSpecification: wanted.StreamSpecification }));
  return await untilActive(name, dynamodb);
}

function tableInput(name: string, { properties }: Declared): CreateTableCommandInput {
  // Capacity has no meaning here, and an index with a capacity does not go with a table without.
  const globalIndexes = properties.GlobalSecondaryIndexes as Record<string, unknown>[] | undefined;
  const indexes = globalIndexes?.map(({ IndexName, KeySchema, Projection }) => ({ IndexName, KeySchema, Projection }));
  const stream = properties.StreamSpecification as
    | { StreamViewType?: StreamSpecification['StreamViewType'] }
    | undefined;
  return {
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: properties.KeySchema as CreateTableCommandInput['KeySchema'],
    AttributeDefinitions: properties.AttributeDefinitions as CreateTableCommandInput['AttributeDefinitions'],
    ...(indexes?.length && { GlobalSecondaryIndexes: indexes as GlobalSecondaryIndex[] }),
    ...(Array.isArray(properties.LocalSecondaryIndexes) && {
      LocalSecondaryIndexes: properties.LocalSecondaryIndexes as CreateTableCommandInput['LocalSecondaryIndexes'],
    }),
    ...(stream && { StreamSpecification: { StreamEnabled: true, StreamViewType: stream.StreamViewType } }),
  };
}

async function untilActive(name: string, dynamodb: Deployment['engines']['clients']['dynamodb']) {
  for (;;) {
    const { Table = {} } = await dynamodb.send(new DescribeTableCommand({ TableName: name }));
    const building = Table.GlobalSecondaryIndexes?.some(({ IndexStatus }) => IndexStatus === 'CREATING');
    if (Table.TableStatus === 'ACTIVE' && !building) return Table;
    await sleep(20);
  }
}

async function setTimeToLive(name: string, { properties }: Declared, { engines }: Deployment): Promise<void> {
  const ttl = properties.TimeToLiveSpecification;
  if (!isRecord(ttl) || ttl.AttributeName === undefined) return;
  try {
    await engines.clients.dynamodb.send(
      new UpdateTimeToLiveCommand({
        TableName: name,
        TimeToLiveSpecification: {
          AttributeName: String(ttl.AttributeName),
          Enabled: String(ttl.Enabled ?? true) === 'true',
        },
      }),
    );
  } catch (error) {
    // What the table says already is refused by some engines, as by AWS.
    if (!(error instanceof Error && /already (enabled|disabled)/i.test(error.message))) throw error;
  }
}

function keys(schema: TableDescription['KeySchema']): string {
  return (schema ?? []).map(({ AttributeName, KeyType }) => `${AttributeName} (${KeyType})`).join(', ');
}
