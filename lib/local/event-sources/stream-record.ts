import type { AttributeValue, _Record as StreamRecord } from '@aws-sdk/client-dynamodb-streams';
import type { DynamoDBRecord, AttributeValue as EventAttributeValue } from 'aws-lambda';

/** A stream record as Lambda hands it to a function: moments are seconds, bytes are base64. */
export function streamRecordOf(record: StreamRecord, streamArn: string, region: string): DynamoDBRecord {
  const { dynamodb = {} } = record;
  const { ApproximateCreationDateTime: createdAt, Keys, NewImage, OldImage, ...others } = dynamodb;
  return {
    eventID: record.eventID ?? '',
    eventName: record.eventName ?? 'MODIFY',
    eventVersion: record.eventVersion ?? '1.1',
    eventSource: record.eventSource ?? 'aws:dynamodb',
    // The engine has a region of its own.
    awsRegion: region,
    dynamodb: {
      ...(createdAt !== undefined && { ApproximateCreationDateTime: Math.floor(createdAt.getTime() / 1000) }),
      ...(Keys !== undefined && { Keys: imageOf(Keys) }),
      ...(NewImage !== undefined && { NewImage: imageOf(NewImage) }),
      ...(OldImage !== undefined && { OldImage: imageOf(OldImage) }),
      ...others,
    },
    ...(record.userIdentity !== undefined && {
      userIdentity: { principalId: record.userIdentity.PrincipalId, type: record.userIdentity.Type },
    }),
    eventSourceARN: streamArn,
  } as DynamoDBRecord;
}

function imageOf(image: Record<string, AttributeValue>): Record<string, EventAttributeValue> {
  return Object.fromEntries(Object.entries(image).map(([name, value]) => [name, plainValue(value)]));
}

function plainValue(value: AttributeValue): EventAttributeValue {
  if (value.B !== undefined) return { B: base64(value.B) };
  if (value.BS !== undefined) return { BS: value.BS.map(base64) };
  if (value.L !== undefined) return { L: value.L.map(plainValue) };
  if (value.M !== undefined) return { M: imageOf(value.M) };
  return value as EventAttributeValue;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
