import * as z from 'zod';
import { type AnyContract, accepted, defineCommand, defineEvent, needs } from '../../../lib/contracts/index.ts';
import type { PipelineFacts } from '../../../lib/contracts/pipeline.ts';
import type { ReaderView } from '../../../lib/contracts/registry/reader-view.ts';
import { schemaDocument } from '../../../lib/contracts/registry/schema-document.ts';

const Id = z.object({ id: z.string().min(1) });

/** A type with three versions, a new major among them. */
const ParcelSentV1 = defineEvent({
  type: 'parcel.sent',
  version: 1,
  description: 'A parcel is on its way.',
  key: ({ id }) => id,
  schema: Id.extend({ weight: z.int().min(1).max(30_000), note: z.string().optional() }),
});
const ParcelSentV2 = defineEvent({
  type: 'parcel.sent',
  version: 2,
  description: 'A parcel is on its way.',
  key: ({ id }) => id,
  schema: Id.extend({
    weight: z.int().min(1).max(30_000),
    note: z.string().optional(),
    express: z.boolean().optional(),
  }),
  previous: { contract: ParcelSentV1, upcast: (v1) => ({ ...v1, express: false }) },
});
export const ParcelSent = defineEvent({
  type: 'parcel.sent',
  version: 3,
  major: 2,
  compatibility: 'BACKWARD',
  description: 'A parcel is on its way | with *stars*, `ticks` and <b>tags</b>.',
  key: ({ id }) => id,
  sensitive: ['receiver'],
  headers: { carrier: ({ carrier }) => carrier, grams: ({ grams }) => grams },
  tenant: ({ receiver }) => receiver.country,
  schema: Id.extend({
    grams: z.int().positive(),
    carrier: z.enum(['dhl', 'ups']),
    receiver: z.object({
      name: z.string(),
      country: z
        .string()
        .length(2)
        .regex(/^[A-Z]+$/),
    }),
  }),
  previous: {
    contract: ParcelSentV2,
    upcast: ({ id, weight }) => ({
      id,
      grams: weight,
      carrier: 'dhl' as const,
      receiver: { name: 'unknown', country: 'XX' },
    }),
  },
});

interface Folder {
  name: string;
  parent?: Folder | null | undefined;
  children: Folder[];
}
const Folder: z.ZodType<Folder> = z.lazy(() =>
  z.object({ name: z.string(), parent: Folder.nullish(), children: z.array(Folder) }),
);
export const FolderMoved = defineEvent({
  type: 'folder.moved',
  version: 1,
  description: 'A tree within a tree.',
  key: ({ folder }) => folder.name,
  schema: z.object({ folder: Folder, aside: Folder.optional() }),
});

export const EverythingHappened = defineEvent({
  type: 'everything.happened',
  version: 1,
  description: '1. Is this a list? # or a heading?',
  key: ({ 'größe|straße': size }) => `${size}`,
  schema: z.object({
    'größe|straße': z.number(),
    名前: z
      .string()
      .regex(/^[\p{L}]{2,4}$/u)
      .describe('A name | with pipes,\nlines and `ticks`.'),
    '`ticks` <b>': z.literal('<script>alert(1)</script>'),
    constructor: z.string(),
    hasOwnProperty: z.boolean(),
    $ref: z.string(),
    pay: z.discriminatedUnion('by', [
      z.object({ by: z.literal('card'), number: z.string().regex(/^\d{4}(?:-\d{4}){3}$/) }),
      z.object({ by: z.literal('cash'), coins: z.array(z.int().min(1)).min(2) }),
    ]),
    either: z.union([z.string().startsWith('AB').endsWith('YZ').min(12), z.number()]),
    pair: z.tuple([z.string(), z.int()]).rest(z.boolean()),
    prices: z.record(z.string().regex(/^[A-Z]{3}$/), z.number().multipleOf(0.01)),
    perDay: z.record(z.enum(['mon', 'tue']), z.int()),
    both: z.intersection(z.object({ left: z.string() }), z.object({ right: z.int().nullable() })),
    preset: z.string().default('as ever'),
    many: z.enum(Array.from({ length: 500 }, (_, index) => `value-${index}`)),
    at: z.iso.datetime(),
    who: z.email(),
    which: z.uuid(),
    where: z.url(),
    shown: z.string().meta({ examples: ['as declared'], description: 'Declared.' }),
    nothing: z.null(),
    any: z.unknown(),
  }),
});

export const RefuseAll = defineCommand({
  type: 'all.refuse',
  version: 1,
  description: 'No data fits what code checks.',
  key: () => 'never',
  schema: z.object({ id: z.string().refine(() => false, 'never good enough') }),
});

export const SendParcel = defineCommand({
  type: 'parcel.send',
  version: 1,
  description: 'Send it.',
  key: ({ id }) => id,
  schema: Id.strict(),
});

export const contracts: readonly AnyContract[] = [ParcelSent, FolderMoved, EverythingHappened, RefuseAll, SendParcel];

const all = (contract: AnyContract) => accepted(contract).map(({ dataschema }) => dataschema);
const consumer = { ordered: false, pinned: false, produces: [] };

export const facts: PipelineFacts = {
  topics: [
    { name: 'parcels.fifo', owner: 'logistics', ordered: true, events: all(ParcelSent) },
    { name: 'rest', ordered: false, events: [...all(FolderMoved), ...all(EverythingHappened)] },
  ],
  consumers: [
    {
      ...consumer,
      name: 'tracking',
      owner: 'care | and more',
      kind: 'consumer',
      queue: 'tracking',
      deadLetterQueue: 'tracking-dlq',
      topic: 'parcels.fifo',
      events: all(ParcelSent),
    },
    {
      ...consumer,
      name: 'pinned',
      owner: 'logistics',
      kind: 'consumer',
      queue: 'pinned.fifo',
      deadLetterQueue: 'pinned-dlq.fifo',
      topic: 'parcels.fifo',
      ordered: true,
      pinned: true,
      events: [ParcelSentV1.dataschema],
    },
    {
      ...consumer,
      name: 'elsewhere',
      owner: 'search',
      kind: 'consumer',
      queue: 'elsewhere',
      deadLetterQueue: 'elsewhere-dlq',
      topic: 'a-topic-of-others',
      events: all(FolderMoved),
    },
    {
      ...consumer,
      name: 'no topic known',
      owner: 'search',
      kind: 'consumer',
      queue: 'unnamed',
      deadLetterQueue: 'unnamed-dlq',
      events: [...all(FolderMoved), 'urn:baton:unknown.type:7', 'no urn'],
    },
    {
      ...consumer,
      name: 'sender',
      owner: 'logistics',
      kind: 'commandQueue',
      queue: 'sender',
      deadLetterQueue: 'sender-dlq',
      events: [...all(SendParcel), ...all(RefuseAll)],
      produces: [ParcelSent.dataschema, ParcelSentV2.dataschema],
    },
  ],
};

/** The fields that one consumer needs of a parcel. */
export const readers: readonly ReaderView[] = [
  {
    consumer: 'tracking',
    owner: 'care | and more',
    kind: 'consumer',
    type: 'parcel.sent',
    version: 3,
    accepts: [3, 2, 1],
    partial: true,
    pinned: false,
    schema: schemaDocument(
      needs(ParcelSent, z.object({ id: z.string(), receiver: z.object({ country: z.string() }) })),
    ),
  },
  {
    consumer: 'pinned',
    owner: 'logistics',
    kind: 'consumer',
    type: 'parcel.sent',
    version: 1,
    accepts: [1],
    partial: false,
    pinned: true,
    schema: schemaDocument(ParcelSentV1),
  },
];
