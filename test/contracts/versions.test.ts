import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import {
  accepted,
  createEnvelope,
  type DataOf,
  defineCommand,
  defineEvent,
  type Envelope,
  envelopeText,
  InvalidContractError,
  InvalidDataError,
  MissingUpcasterError,
  needs,
  parseEnvelope,
  parseEvent,
  readableFrom,
  UnsupportedVersionError,
  UpcastError,
} from '../../lib/contracts/index.ts';
import { seeded } from '../runtime/seed.ts';

const props = {
  type: 'parcel.sent',
  description: 'A parcel left.',
  key: (p: { parcelId: string }) => p.parcelId,
} as const;

const SentV1 = defineEvent({ ...props, version: 1, schema: z.object({ parcelId: z.string(), grams: z.number() }) });
const SentV2 = defineEvent({
  ...props,
  version: 2,
  major: 2,
  schema: z.object({ parcelId: z.string(), kilograms: z.number() }),
  previous: { contract: SentV1, upcast: ({ parcelId, grams }) => ({ parcelId, kilograms: grams / 1000 }) },
});
const Sent = defineEvent({
  ...props,
  version: 3,
  schema: z.object({ parcelId: z.string(), kilograms: z.number(), carrier: z.string() }),
  previous: { contract: SentV2, upcast: (parcel) => ({ ...parcel, carrier: 'unknown' }) },
});

const source = { source: '/depot' };
const first = createEnvelope(SentV1, { parcelId: 'p-1', grams: 250 }, source);

describe('a handler that is written against one version', () => {
  it('receives every accepted version as its own', () => {
    const [one, two, three] = [
      first,
      createEnvelope(SentV2, { parcelId: 'p-1', kilograms: 0.25 }, source),
      createEnvelope(Sent, { parcelId: 'p-1', kilograms: 0.25, carrier: 'post' }, source),
    ].map((envelope) => parseEvent(parseEnvelope(JSON.stringify(envelope)), [Sent]));
    expect(one).toEqual({
      ...first,
      dataschema: 'urn:baton:parcel.sent:3',
      data: { parcelId: 'p-1', kilograms: 0.25, carrier: 'unknown' },
    });
    expect(two?.data).toEqual(one?.data);
    expect(three?.data.carrier).toBe('post');
  });

  it('keeps the identity of the event', () => {
    const { id, subject, time, correlationid } = parseEvent(first, [Sent]);
    expect({ id, subject, time, correlationid }).toEqual({
      id: first.id,
      subject: first.subject,
      time: first.time,
      correlationid: first.correlationid,
    });
  });

  it('lists what it accepts, newest first', () => {
    expect(accepted(Sent).map(({ version }) => version)).toEqual([3, 2, 1]);
    expect(accepted(SentV1)).toEqual([SentV1]);
  });

  it('takes a version as it is where several are listed, and the shortest way to one otherwise', () => {
    expect(parseEvent(first, [Sent, SentV1]).data).toEqual({ parcelId: 'p-1', grams: 250 });
    expect(parseEvent(first, [Sent, SentV2]).data).toEqual({ parcelId: 'p-1', kilograms: 0.25 });
  });

  it('never upcasts what does not fit its own version', () => {
    expect(() => parseEvent({ ...first, data: { parcelId: 'p-1' } } as Envelope, [Sent])).toThrow(InvalidDataError);
    expect(() => parseEvent({ ...first, data: { parcelId: 'p-1' } } as Envelope, [Sent])).toThrow(
      /version 1 does not fit/,
    );
  });

  it('reads whatever version was written, with the same answer as the upcasters by hand', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.integer({ min: 0, max: 1e6 }), (parcelId, grams) => {
        const envelope = createEnvelope(SentV1, { parcelId, grams }, source);
        const { data } = parseEvent(parseEnvelope(JSON.stringify(envelope)), [Sent]);
        expect(data).toEqual({ parcelId, kilograms: grams / 1000, carrier: 'unknown' });
      }),
      seeded(),
    );
  });
});

describe('a version that cannot be read', () => {
  const tooNew = { ...first, dataschema: 'urn:baton:parcel.sent:4' };

  it('is unknown when it is newer, and says to deploy the reader first', () => {
    expect(() => parseEvent(tooNew, [Sent])).toThrow(UnsupportedVersionError);
    expect(() => parseEvent(tooNew, [Sent])).toThrow(/urn:baton:parcel.sent:4'.*accepts.*:3', .*:2', .*:1'.*Deploy/);
  });

  it('lacks an upcaster when it is older', () => {
    const Alone = defineEvent({ ...props, version: 3, schema: Sent.schema as z.ZodType<DataOf<typeof Sent>> });
    expect(() => parseEvent(first, [Alone])).toThrow(MissingUpcasterError);
    expect(() => parseEvent(first, [Alone])).toThrow(/No upcaster leads from version 1 to 3/);
  });

  it.each([
    ['urn:baton:parcel.sent:0', UnsupportedVersionError],
    ['urn:baton:parcel.sent:01', UnsupportedVersionError],
    ['urn:baton:other.type:1', UnsupportedVersionError],
    ['https://example.com/schema', UnsupportedVersionError],
  ])('is unknown as %s', (dataschema, error) => {
    expect(() => parseEvent({ ...first, dataschema }, [Sent])).toThrow(error);
  });
});

describe('an upcaster', () => {
  function upcastBy(upcast: (data: { parcelId: string; grams: number }) => unknown, sensitive: string[] = []) {
    const Before = defineEvent({
      ...props,
      version: 1,
      sensitive,
      schema: z.object({ parcelId: z.string(), grams: z.number() }),
    });
    const After = defineEvent({
      ...props,
      version: 2,
      sensitive: sensitive.length > 0 ? ['kilograms'] : [],
      schema: z.object({ parcelId: z.string(), kilograms: z.number() }),
      previous: { contract: Before, upcast: upcast as () => { parcelId: string; kilograms: number } },
    });
    return () => parseEvent({ ...first, data: { parcelId: 'p-1', grams: 987654 } } as Envelope, [After]);
  }

  it('that fails is a contract violation that names the versions and keeps the cause', () => {
    const cause = new Error('no scales');
    const read = upcastBy(() => {
      throw cause;
    });
    expect(read).toThrow(UpcastError);
    expect(read).toThrow('parcel.sent: the upcaster from version 1 to 2 failed: no scales');
    try {
      read();
    } catch (error) {
      expect(error).toMatchObject({ from: 1, to: 2, cause });
    }
  });

  it('that returns what does not fit the next version is one, too', () => {
    expect(upcastBy(() => ({ parcelId: 'p-1' }))).toThrow(
      /from version 1 to 2 returned what does not fit: .*data\.kilograms/,
    );
  });

  it('is no async function', () => {
    expect(upcastBy(async () => ({ parcelId: 'p-1', kilograms: 1 }))).toThrow(/returned a promise/);
  });

  it('says nothing sensitive', () => {
    const read = upcastBy(
      ({ grams }) => {
        throw new Error(`${grams} is too much`);
      },
      ['grams'],
    );
    expect(read).toThrow('failed: *** is too much');
  });

  it.each([
    ['skips a version', { ...props, version: 3 }],
    ['leads from another type', { ...props, version: 2, type: 'parcel.lost' }],
  ])('is refused when it %s', (_, wrong) => {
    const declare = () =>
      defineEvent({
        ...wrong,
        schema: Sent.schema,
        previous: { contract: SentV1 as never, upcast: (data) => data as never },
      });
    expect(declare).toThrow(InvalidContractError);
    expect(declare).toThrow(/'previous' is the event 'parcel.sent' version 1/);
  });

  it('is refused when it leads from an event to a command', () => {
    const declare = () =>
      defineCommand({
        ...props,
        version: 2,
        schema: SentV2.schema,
        previous: { contract: SentV1, upcast: () => ({}) as never },
      });
    expect(declare).toThrow(InvalidContractError);
  });

  it('is typed by both versions', () => {
    defineEvent({
      ...props,
      version: 2,
      schema: z.object({ parcelId: z.string(), kilograms: z.number() }),
      previous: {
        contract: SentV1,
        upcast: (before) => {
          expectTypeOf(before).toEqualTypeOf<{ parcelId: string; grams: number }>();
          return { parcelId: before.parcelId, kilograms: 1 };
        },
      },
    });
    defineEvent({
      ...props,
      version: 2,
      schema: z.object({ parcelId: z.string(), kilograms: z.number() }),
      // @ts-expect-error what it returns does not fit the schema
      previous: { contract: SentV1, upcast: (before) => ({ parcelId: before.parcelId }) },
    });
  });
});

describe('a reader that does not know a version yet', () => {
  const Later = defineEvent({
    ...props,
    version: 4,
    schema: z.object({
      parcelId: z.string(),
      kilograms: z.number(),
      carrier: z.string(),
      insured: z.boolean().optional(),
    }),
    previous: { contract: Sent, upcast: (parcel) => parcel },
  });
  const later = createEnvelope(Later, { parcelId: 'p-1', kilograms: 1, carrier: 'post', insured: true }, source);

  it('reads it as the newest that it knows, where its producer promises that', () => {
    expect(later.readablefrom).toBe('2');
    expect(parseEvent(later, [Sent]).data).toEqual({ parcelId: 'p-1', kilograms: 1, carrier: 'post' });
    expect(parseEvent(later, [Sent]).dataschema).toBe(Sent.dataschema);
  });

  it('refuses it where the promise does not reach back so far', () => {
    expect(() => parseEvent(later, [SentV1])).toThrow(UnsupportedVersionError);
  });

  it.each([
    ['NONE', 4],
    ['BACKWARD', 4],
    ['BACKWARD_TRANSITIVE', 4],
    ['FORWARD', 3],
    ['FULL', 3],
    ['FORWARD_TRANSITIVE', 2],
    ['FULL_TRANSITIVE', 2],
  ] as const)('is promised by %s what versions from %i can read', (compatibility, from) => {
    expect(
      readableFrom(
        defineEvent({
          ...props,
          version: 4,
          compatibility,
          schema: Sent.schema,
          previous: { contract: Sent, upcast: (data) => data as never },
        }),
      ),
    ).toBe(from);
  });

  it('is promised nothing by a new major', () => {
    const Broken = defineEvent({
      ...props,
      version: 4,
      major: 3,
      schema: Sent.schema,
      previous: { contract: Sent, upcast: (data) => data as never },
    });
    expect(readableFrom(Broken)).toBe(4);
  });
});

describe('what a version promises', () => {
  it('follows the version before unless it says otherwise', () => {
    expect(Sent).toMatchObject({ major: 2, compatibility: 'FULL_TRANSITIVE' });
    expect(SentV1).toMatchObject({ major: 1, compatibility: 'FULL_TRANSITIVE' });
  });

  it.each([
    [{ major: 1 }, /major is 1.*below that of the version before \(2\)/],
    [{ major: 2.5 }, /major is 2.5/],
    [{ compatibility: 'SIDEWAYS' as never }, /compatibility is 'SIDEWAYS'/],
  ])('is refused as %o', (wrong, message) => {
    expect(() =>
      defineEvent({
        ...props,
        version: 3,
        schema: Sent.schema,
        previous: { contract: SentV2, upcast: (data) => data as never },
        ...wrong,
      }),
    ).toThrow(message);
  });
});

describe('what a consumer needs of an event', () => {
  const Weight = needs(Sent, z.object({ kilograms: z.number() }));

  it('is all that it sees, and all that is checked', () => {
    const read = parseEvent(createEnvelope(Sent, { parcelId: 'p-1', kilograms: 1, carrier: 'post' }, source), [Weight]);
    expect(read.data).toEqual({ kilograms: 1 });
    expectTypeOf(read.data).toEqualTypeOf<{ kilograms: number }>();
    const broken = { ...first, dataschema: Sent.dataschema, data: { kilograms: 1, carrier: 7 } } as Envelope;
    expect(parseEvent(broken, [Weight]).data).toEqual({ kilograms: 1 });
    expect(() => parseEvent({ ...broken, data: {} } as Envelope, [Weight])).toThrow(InvalidDataError);
  });

  it('is read of earlier versions as well', () => {
    expect(parseEvent(first, [Weight]).data).toEqual({ kilograms: 0.25 });
  });

  it('is read of versions that the consumer does not know yet, as long as they have it', () => {
    const Broken = defineEvent({
      ...props,
      version: 4,
      major: 3,
      schema: z.object({ parcelId: z.string(), kilograms: z.number(), colour: z.string() }),
    });
    const broken = createEnvelope(Broken, { parcelId: 'p-1', kilograms: 1, colour: 'red' }, source);
    expect(parseEvent(broken, [Weight]).data).toEqual({ kilograms: 1 });
    expect(() => parseEvent(broken, [Sent])).toThrow(UnsupportedVersionError);
    expect(() => parseEvent({ ...broken, data: { grams: 1 } } as Envelope, [Weight])).toThrow(InvalidDataError);
  });

  it('cannot be more than the event has', () => {
    // @ts-expect-error nobody says what colour it is
    needs(Sent, z.object({ colour: z.string() }));
    // @ts-expect-error it is a number
    needs(Sent, z.object({ kilograms: z.string() }));
    const Priced = defineEvent({
      type: 'parcel.priced',
      version: 1,
      description: 'A parcel has a price.',
      key: ({ parcelId }) => parcelId,
      schema: z.object({ parcelId: z.string(), currency: z.string().default('USD'), at: z.coerce.date() }),
    });
    // @ts-expect-error who publishes may leave it to the default
    needs(Priced, z.object({ currency: z.string() }));
    const Price = needs(Priced, z.object({ currency: z.string().default('USD'), at: z.coerce.date() }));
    const priced = createEnvelope(Priced, { parcelId: 'p', currency: 'EUR', at: new Date(0) }, source);
    expect(parseEvent(parseEnvelope(envelopeText(priced)), [Price]).data).toEqual({ currency: 'EUR', at: new Date(0) });
  });

  it('is not to be published', () => {
    expect(() => createEnvelope(Weight, { kilograms: 1 }, source)).toThrow(InvalidContractError);
  });
});
