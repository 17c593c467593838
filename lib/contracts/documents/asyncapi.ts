import type { JsonSchema } from '../compatibility/index.ts';
import type { ConsumerFacts, PipelineFacts } from '../pipeline.ts';
import { type Channel, channelsOf, plainId, receivedBy, sentBy } from './asyncapi-channels.ts';
import { canBeShown, schemaComponents } from './asyncapi-schema.ts';
import {
  type DescribedPipeline,
  type DescribedType,
  type DescribedVersion,
  describedTypes,
  namedBy,
} from './described.ts';
import { exampleEvent } from './example-event.ts';
import { list } from './markdown.ts';
import { order, sorted } from './sorting.ts';
import { type DescribedTopic, isFifo } from './topics.ts';

/** How the document introduces itself. */
export interface AsyncApiProps {
  readonly title: string;
  /** The version of the API, not of the specification. */
  readonly version: string;
  readonly description?: string;
  /** An SPDX name. @default none is given */
  readonly license?: string;
  /** The version of the specification. 3.1.0 differs in nothing that is used here. @default '3.0.0' */
  readonly asyncapi?: '3.0.0' | '3.1.0';
}

/** An AsyncAPI document, ready for `JSON.stringify`. */
export type AsyncApiDocument = Readonly<Record<string, unknown>>;

/** The mark by which a document is known again as ours. */
export const GENERATED_BY = 'x-generated-by';

type Json = Readonly<Record<string, unknown>>;

/**
 * The pipeline as an AsyncAPI 3 document: a channel for each topic and each command queue, a message for each version that travels,
 * an operation for whoever receives or sends. Owners are tags.
 * Source: AsyncAPI Specification 3.0.0; AsyncAPI bindings for SNS 0.1.0 and SQS 0.2.0.
 */
export function asyncApi(pipeline: DescribedPipeline, props: AsyncApiProps): AsyncApiDocument {
  const types = describedTypes(pipeline);
  const versions = new Map(
    types.flatMap((type) => type.versions.map((one) => [one.dataschema, { type, one }] as const)),
  );
  const channels = channelsOf(pipeline.facts, versions);
  const travelling = new Set(channels.flatMap(({ events }) => events));
  const used = [...versions.values()].filter(({ one }) => travelling.has(one.dataschema));
  const schemas = new Map<string, JsonSchema>([['CloudEvent', CLOUD_EVENT]]);
  for (const { type, one } of used) {
    for (const [name, schema] of schemaComponents(idOf(type.type, one.version), one.schema)) schemas.set(name, schema);
  }
  const { asyncapi = '3.0.0', title, version, description, license } = props;
  const owners = [...channels, ...pipeline.facts.consumers].flatMap(({ owner }) =>
    owner === undefined ? [] : [owner],
  );
  const tags = [...new Set(owners)].toSorted(order).map((name) => ({ name, description: `Owned by ${name}.` }));
  const protocols = (['sns', 'sqs'] as const).filter((one) => channels.some(({ protocol }) => protocol === one));
  return {
    asyncapi,
    info: {
      title,
      version,
      ...(description !== undefined && { description }),
      ...(license !== undefined && { license: { name: license } }),
      ...(tags.length > 0 && { tags }),
    },
    [GENERATED_BY]: 'baton contracts docs',
    defaultContentType: 'application/json',
    ...(protocols.length > 0 && { servers: Object.fromEntries(protocols.map((one) => [one, server(one)])) }),
    channels: Object.fromEntries(channels.map((channel) => [channel.id, channelObject(channel, versions)])),
    operations: Object.fromEntries(operations(channels, pipeline.facts)),
    components: {
      messages: Object.fromEntries(used.map(({ type, one }) => [idOf(type.type, one.version), message(type, one)])),
      schemas: Object.fromEntries(schemas),
    },
  };
}

/** The id of a version in the document: `order.placed.v1`. */
function idOf(type: string, version: number): string {
  return `${type}.v${version}`;
}

function idOfNamed(dataschema: string): string {
  const named = namedBy(dataschema)!;
  return idOf(named.type, named.version);
}

function server(protocol: Channel['protocol']): Json {
  const name = protocol === 'sns' ? 'Amazon SNS' : 'Amazon SQS';
  return {
    host: `${protocol}.{region}.amazonaws.com`,
    protocol,
    description: `${name}, where the pipeline is deployed.`,
    variables: { region: { description: 'The AWS region.' } },
  };
}

function channelObject(channel: Channel, known: ReadonlyMap<string, { type: DescribedType }>): Json {
  const { protocol, address, title, owner, ordered, topic, handler, events } = channel;
  const types = [...new Set(events.map((one) => known.get(one)!.type.type))];
  const kind = `${ordered ? 'FIFO' : 'standard'} ${protocol === 'sns' ? 'topic' : 'queue'}`;
  const what = topic?.own === false ? `of which this pipeline knows ${list(types)}` : `that carries ${list(types)}`;
  const bindings = handler === undefined ? topicBinding(topic!) : { sqs: queueBinding(handler) };
  return {
    // in AsyncAPI, null is an address that nobody knows yet
    address: address ?? null,
    title,
    summary: `A ${kind}${topic?.own === false ? ', made elsewhere,' : ''} ${what}.`,
    servers: [{ $ref: `#/servers/${protocol}` }],
    messages: Object.fromEntries(events.map(idOfNamed).map((id) => [id, { $ref: `#/components/messages/${id}` }])),
    ...ownedBy(owner),
    ...(bindings !== undefined && { bindings }),
  };
}

/** The binding asks for a name: without one there is none. */
function topicBinding({ name, ordered }: DescribedTopic): Json | undefined {
  if (name === undefined) return undefined;
  return { sns: { name, ordering: { type: ordered ? 'FIFO' : 'standard' }, bindingVersion: '0.1.0' } };
}

function queueBinding(handler: ConsumerFacts): Json {
  const [queue, deadLetterQueue] = queuesOf(handler);
  return { queue, deadLetterQueue, bindingVersion: '0.2.0' };
}

/** The queue, and the one of its dead letters, which its redrive policy names. */
function queuesOf({ queue, deadLetterQueue, maxReceives, ordered }: ConsumerFacts): [Json, Json] {
  const redrivePolicy = {
    deadLetterQueue: { name: deadLetterQueue },
    ...(maxReceives !== undefined && { maxReceiveCount: maxReceives }),
  };
  return [
    { name: queue, fifoQueue: ordered || isFifo(queue), redrivePolicy },
    { name: deadLetterQueue, fifoQueue: ordered || isFifo(deadLetterQueue) },
  ];
}

function ownedBy(owner: string | undefined): Json {
  return owner === undefined ? {} : { tags: [{ name: owner }], 'x-owner': owner };
}

function operations(channels: readonly Channel[], { consumers }: PipelineFacts): [string, Json][] {
  const made = new Map<string, Json>();
  const add = (id: string, operation: Json) => {
    let free = id;
    for (let count = 2; made.has(free); count++) free = `${id}.${count}`;
    made.set(free, operation);
  };
  for (const consumer of sorted(consumers)) {
    const { name, owner } = consumer;
    const received = receivedBy(consumer, channels);
    if (received !== undefined) {
      const { channel, events } = received;
      const bindings = receiveBindings(channel, consumer);
      add(`${plainId(name)}.receive`, {
        ...operation('receive', channel, events),
        summary: `${name} handles ${typesOf(events)} from ${placeOf(channel)}.`,
        ...ownedBy(owner),
        ...(bindings !== undefined && { bindings }),
      });
    }
    for (const { channel, events } of sentBy(consumer, channels)) {
      add(`${plainId(name)}.send.${channel.id.slice(channel.protocol.length + 1)}`, {
        ...operation('send', channel, events),
        summary: `${name} ${channel.protocol === 'sns' ? 'publishes' : 'sends'} ${typesOf(events)} to ${placeOf(channel)}.`,
        ...ownedBy(owner),
      });
    }
  }
  return [...made];
}

function placeOf({ topic, title }: Channel): string {
  if (topic === undefined) return `the queue ${title}`;
  return topic.name === undefined ? title : `the topic ${title}`;
}

function operation(action: 'receive' | 'send', { id }: Channel, events: readonly string[]): Json {
  return {
    action,
    channel: { $ref: `#/channels/${id}` },
    messages: events.map((one) => ({ $ref: `#/channels/${id}/messages/${idOfNamed(one)}` })),
  };
}

/** Of a queue that is a channel itself, the channel has said everything. */
function receiveBindings({ topic }: Channel, consumer: ConsumerFacts): Json | undefined {
  if (topic === undefined) return undefined;
  const { name, arn } = topic;
  return {
    sns: {
      ...((arn ?? name) !== undefined && { topic: arn === undefined ? { name } : { arn } }),
      consumers: [{ protocol: 'sqs', endpoint: { name: consumer.queue }, rawMessageDelivery: true }],
      bindingVersion: '0.1.0',
    },
    sqs: { queues: queuesOf(consumer), bindingVersion: '0.2.0' },
  };
}

function typesOf(events: readonly string[]): string {
  return list([...new Set(events.map((one) => namedBy(one)!.type))]);
}

function message(type: DescribedType, { version, dataschema, schema, contract }: DescribedVersion): Json {
  const id = idOf(type.type, version);
  const { description } = contract ?? type.current;
  const example = contract && exampleEvent(contract, schema);
  const envelope = example?.envelope;
  const shown = envelope !== undefined && canBeShown(envelope.data);
  const attributes = { type: type.type, version: String(version) };
  const headers = envelope?.headers === undefined ? {} : (JSON.parse(envelope.headers) as Json);
  return {
    name: type.type,
    title: `${type.type} version ${version}`,
    summary: description,
    contentType: 'application/cloudevents+json',
    correlationId: { description: 'What the event belongs to.', location: '$message.payload#/correlationid' },
    headers: {
      type: 'object',
      description: 'Message attributes.',
      required: ['type', 'version', 'key'],
      properties: {
        type: { const: type.type },
        version: { const: String(version) },
        key: { type: 'string', description: 'What the messages are ordered by.' },
        ...Object.fromEntries(Object.keys(contract?.headers ?? {}).map((name) => [name, headerSchema(headers[name])])),
      },
    },
    payload: {
      allOf: [
        { $ref: '#/components/schemas/CloudEvent' },
        {
          type: 'object',
          properties: {
            type: { const: type.type },
            dataschema: { const: dataschema },
            data: { $ref: `#/components/schemas/${id}` },
          },
        },
      ],
    },
    ...(shown && {
      examples: [
        { name: `${id}.example`, headers: { ...headers, ...attributes, key: envelope.subject }, payload: envelope },
      ],
    }),
    'x-version': version,
    ...(contract !== undefined && { 'x-major': contract.major, 'x-compatibility': contract.compatibility }),
  };
}

/** What a header is, a function knows; the example shows it. */
function headerSchema(shown: unknown): Json {
  return shown === undefined ? { type: ['string', 'number'] } : { type: typeof shown };
}

/** Source: CloudEvents 1.0.2, JSON event format; the extensions are those of the envelope. */
const CLOUD_EVENT = {
  type: 'object',
  title: 'CloudEvent',
  description: 'A CloudEvents 1.0 envelope in structured JSON mode.',
  required: ['specversion', 'id', 'source', 'type', 'time', 'dataschema', 'subject', 'correlationid'],
  anyOf: [{ required: ['data'] }, { required: ['dataref'] }],
  properties: {
    specversion: { const: '1.0' },
    id: { type: 'string', minLength: 1, description: 'With source, what makes the event unique.' },
    source: { type: 'string', minLength: 1, format: 'uri-reference', description: 'Who says it.' },
    type: { type: 'string', minLength: 1 },
    time: { type: 'string', format: 'date-time', description: 'When it happened.' },
    datacontenttype: { const: 'application/json' },
    dataschema: { type: 'string', format: 'uri', description: 'Type and version: urn:baton:<type>:<version>.' },
    subject: { type: 'string', minLength: 1, description: 'The key: what events are ordered by.' },
    data: { description: 'The data, by the schema of its version.' },
    dataref: {
      type: 'string',
      description: 'Where the data is instead, when it is too large to travel: s3://<bucket>/<key>.',
    },
    datahash: {
      type: 'string',
      pattern: '^sha256:[0-9a-f]{64}$',
      description: 'With dataref: the hash of the JSON of the data.',
    },
    datasize: {
      type: 'string',
      pattern: '^[0-9]{1,15}$',
      description: "With dataref: how many bytes the data's JSON has.",
    },
    readablefrom: {
      type: 'string',
      pattern: '^[1-9][0-9]*$',
      description: 'The oldest version whose readers can read the data.',
    },
    versions: {
      type: 'string',
      pattern: '^[1-9][0-9]*(,[1-9][0-9]*)*$',
      description: 'The versions that the event is published in side by side: `1,2`.',
    },
    correlationid: {
      type: 'string',
      minLength: 1,
      description: 'Made where a journey starts, carried by everything it causes.',
    },
    causationid: { type: 'string', description: 'The id of the event or command that caused this one.' },
    traceparent: { type: 'string', description: 'W3C Trace Context.' },
    headers: { type: 'string', description: 'The headers of the contract, as JSON.' },
    tenant: { type: 'string', description: 'Whose work it is.' },
  },
} as const;
