import type { EventSource, EventSourceSettings } from '../event-sources/event-source.ts';
import { functionNameOf } from '../function-name.ts';
import { isRecord } from '../intrinsics.ts';
import type { EventSourceResource } from '../resources.ts';
import { inUse, invalidParameter, notFound } from './lambda-api-error.ts';

/** Where the mappings are said to be. */
export interface MappingsPlace {
  region: string;
  accountId: string;
}

/** Event source mappings as the API of Lambda shows and changes them. */
export interface EventSourceMappings {
  get(uuid: string): object;
  /** @param query `FunctionName`, `EventSourceArn`, `MaxItems`, `Marker` */
  list(query: URLSearchParams): object;
  /** Answers before the change is through, as Lambda does. */
  update(uuid: string, body: unknown): object;
}

/** What can be changed here. */
const CHANGEABLE = ['Enabled', 'BatchSize', 'MaximumBatchingWindowInSeconds', 'ScalingConfig'];
/** Mappings in an answer, at most (ListEventSourceMappings). */
const PAGE = 100;

/**
 * Sources: GetEventSourceMapping, ListEventSourceMappings and UpdateEventSourceMapping, AWS Lambda API reference.
 * @param now milliseconds since the epoch
 */
export function eventSourceMappings(
  sources: readonly EventSource[],
  place: MappingsPlace,
  now: () => number,
): EventSourceMappings {
  const startedAt = now();
  const changedAt = new Map<EventSource, number>();
  const named = (uuid: string): EventSource => {
    const found = sources.find(({ resource }) => resource.uuid === uuid);
    if (found === undefined) throw notFound();
    return found;
  };
  const show = (source: EventSource, state: string = source.state): object =>
    configurationOf(source.resource, state, (changedAt.get(source) ?? startedAt) / 1000, place);

  return {
    get: (uuid) => show(named(uuid)),
    list(query) {
      const functionName = query.get('FunctionName');
      const arn = query.get('EventSourceArn');
      const matching = sources.filter(
        ({ resource }) =>
          (functionName === null || resource.functionName === functionNameOf(functionName)) &&
          (arn === null || sourceArnOf(resource) === arn),
      );
      const from = Number(query.get('Marker') ?? 0);
      const size = Math.min(PAGE, Number(query.get('MaxItems') ?? PAGE));
      if (!(from >= 0) || !(size >= 1)) throw invalidParameter('Marker or MaxItems is not one of this list.');
      const rest = matching.length > from + size ? { NextMarker: String(from + size) } : {};
      return { EventSourceMappings: matching.slice(from, from + size).map((source) => show(source)), ...rest };
    },
    update(uuid, body) {
      const source = named(uuid);
      if (!isRecord(body)) throw invalidParameter('The body of the request is not a JSON object.');
      const { enabled, settings } = changeOf(body, source.resource);
      if (source.state === 'Disabling') throw inUse();
      const was = source.state;
      source.configure(settings);
      if (enabled === true && was === 'Disabled') source.resume();
      if (enabled === false && was === 'Enabled') source.pause();
      changedAt.set(source, now());
      if (enabled === undefined || enabled === (was === 'Enabled')) return show(source, 'Updating');
      return show(source, enabled ? 'Enabling' : 'Disabling');
    },
  };
}

function configurationOf(
  resource: EventSourceResource,
  state: string,
  lastModified: number,
  { region, accountId }: MappingsPlace,
): object {
  const { uuid, functionName } = resource;
  return {
    UUID: uuid,
    EventSourceMappingArn: `arn:aws:lambda:${region}:${accountId}:event-source-mapping:${uuid}`,
    EventSourceArn: sourceArnOf(resource),
    FunctionArn: `arn:aws:lambda:${region}:${accountId}:function:${functionName}`,
    BatchSize: resource.batchSize,
    MaximumBatchingWindowInSeconds: resource.windowSeconds,
    FunctionResponseTypes: resource.reportBatchItemFailures ? ['ReportBatchItemFailures'] : [],
    ...(resource.filters.length > 0 && {
      FilterCriteria: { Filters: resource.filters.map((Pattern) => ({ Pattern })) },
    }),
    LastModified: lastModified,
    State: state,
    StateTransitionReason: 'USER_INITIATED',
    ...(resource.kind === 'queue'
      ? resource.maximumConcurrency !== undefined && {
          ScalingConfig: { MaximumConcurrency: resource.maximumConcurrency },
        }
      : {
          StartingPosition: resource.startingPosition,
          ParallelizationFactor: 1,
          BisectBatchOnFunctionError: resource.bisectOnError,
          MaximumRetryAttempts: resource.maximumRetryAttempts,
          MaximumRecordAgeInSeconds: resource.maximumRecordAgeSeconds,
        }),
  };
}

function sourceArnOf(resource: EventSourceResource): string {
  return resource.kind === 'queue' ? resource.queueArn : resource.streamArn;
}

/** Reads what is to change, and refuses what Lambda would. */
function changeOf(
  body: Record<string, unknown>,
  resource: EventSourceResource,
): { enabled: boolean | undefined; settings: EventSourceSettings } {
  const { FunctionName: functionName, ...changes } = body;
  if (functionName !== undefined && functionNameOf(String(functionName)) !== resource.functionName) {
    throw invalidParameter('The function of an event source mapping cannot be changed in the local cloud.');
  }
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || CHANGEABLE.includes(name)) continue;
    throw invalidParameter(`${name} cannot be changed in the local cloud; ${CHANGEABLE.join(', ')} can.`);
  }
  const { Enabled: enabled, ScalingConfig: scaling } = changes;
  if (enabled !== undefined && enabled !== null && typeof enabled !== 'boolean') {
    throw invalidParameter(`Enabled has to be true or false, and is ${JSON.stringify(enabled)}.`);
  }
  const fifo = resource.kind === 'queue' && resource.fifo;
  const batchSize = numberIn(changes, 'BatchSize', 1, fifo ? 10 : 10_000);
  const windowSeconds = numberIn(changes, 'MaximumBatchingWindowInSeconds', 0, 300);
  if (fifo && (windowSeconds ?? 0) > 0) {
    throw invalidParameter('Batching window is not supported for FIFO queues.');
  }
  if (resource.kind === 'queue' && (batchSize ?? resource.batchSize) > 10) {
    if ((windowSeconds ?? resource.windowSeconds) === 0) {
      const rule = 'Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10';
      throw invalidParameter(rule);
    }
  }
  const settings: EventSourceSettings = {
    ...(batchSize !== undefined && { batchSize }),
    ...(windowSeconds !== undefined && { windowSeconds }),
  };
  if (isRecord(scaling)) {
    if (resource.kind !== 'queue')
      throw invalidParameter('ScalingConfig is only supported for Amazon SQS event sources.');
    // An empty ScalingConfig takes the limit away.
    settings.maximumConcurrency = numberIn(scaling, 'MaximumConcurrency', 2, 1_000) ?? null;
  }
  return { enabled: enabled === true ? true : enabled === false ? false : undefined, settings };
}

function numberIn(from: Record<string, unknown>, name: string, low: number, high: number): number | undefined {
  const value = from[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value;
  throw invalidParameter(`${name} has to be between ${low} and ${high}, and is ${JSON.stringify(value)}.`);
}
