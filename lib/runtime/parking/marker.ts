import type { AttributeValue } from '@aws-sdk/client-dynamodb';

/** What is known about a parked key. */
export interface Marker {
  /** The message id of the dead letter that the others follow: the oldest event of the key that is not handled. */
  head: string;
  /** Its event id, for people. */
  headEvent: string;
  /**
   * Message groups of the DLQ in the order in which their messages were sent: all of one lane are older than all of the
   * next. The last lane is named after the key and takes what arrives; each one before it is named after a redrive
   * that failed, and has what came back from that.
   */
  lanes: readonly string[];
  /** The message id of the newest one in the last lane. */
  last: string;
  /** How often something was parked: what changes whenever the DLQ does. */
  count: number;
  /** The redrive that is under way: what carries its id may run. */
  redrive?: string;
}

/** The attributes of a marker; all of them are aliased, because some are reserved words of DynamoDB. */
export const NAMES = {
  '#head': 'head',
  '#headEvent': 'headEvent',
  '#lanes': 'lanes',
  '#last': 'last',
  '#count': 'count',
  '#redrive': 'redrive',
  '#met': 'met',
  '#metCount': 'metCount',
} as const;

/** Of a key of a consumer. Message groups have up to 128 characters, so that the id is always short enough. */
export function markerIdOf(consumer: string, key: string): string {
  return `parked#${consumer}#${key}`;
}

/** The lane that a record belongs into: that of the redrive which it came back from, or the last one. */
export function laneOf(marker: Marker, redriveId: string | undefined, key: string): string {
  return redriveId !== undefined && marker.lanes.includes(redriveId) ? redriveId : key;
}

/** A marker as DynamoDB has it. */
export function readMarker(item: Record<string, AttributeValue>): Marker {
  return {
    head: item.head?.S ?? '',
    headEvent: item.headEvent?.S ?? 'unknown',
    lanes: (item.lanes?.L ?? []).map(({ S = '' }) => S),
    last: item.last?.S ?? '',
    count: Number(item.count?.N ?? 0),
    ...(item.redrive?.S !== undefined && { redrive: item.redrive.S }),
  };
}
