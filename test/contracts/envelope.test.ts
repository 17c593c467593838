import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import {
  createEnvelope,
  defineEvent,
  type EventOf,
  InvalidDataError,
  MalformedEnvelopeError,
  parseEnvelope,
  parseEvent,
  routingAttributes,
  UnknownEventTypeError,
  UnsupportedVersionError,
} from '../../lib/contracts/index.ts';

const schema = z.object({ parcelId: z.string(), grams: z.number() });
const Sent = defineEvent({
  type: 'parcel.sent',
  version: 1,
  description: 'A parcel left.',
  key: (p) => p.parcelId,
  schema,
});
const Arrived = defineEvent({
  type: 'parcel.arrived',
  version: 3,
  description: 'A parcel is there.',
  key: (p) => p.parcelId,
  schema,
});
const data = { parcelId: 'p-1', grams: 250 };

describe('an envelope', () => {
  it('is a CloudEvents 1.0 envelope that starts a journey of its own', () => {
    const envelope = createEnvelope(Sent, data, { source: '/depot', id: 'e-1', time: new Date(0) });
    expect(envelope).toEqual({
      specversion: '1.0',
      id: 'e-1',
      source: '/depot',
      type: 'parcel.sent',
      time: '1970-01-01T00:00:00.000Z',
      datacontenttype: 'application/json',
      dataschema: 'urn:baton:parcel.sent:1',
      subject: 'p-1',
      correlationid: 'e-1',
      data,
    });
  });

  it('carries the journey of its cause on', () => {
    const first = createEnvelope(Sent, data, { source: '/depot', id: 'e-1', traceparent: '00-a-b-01' });
    const second = createEnvelope(Arrived, data, { source: '/door', id: 'e-2', cause: first });
    const third = createEnvelope(Arrived, data, { source: '/door', id: 'e-3', cause: second });
    expect(third).toMatchObject({ correlationid: 'e-1', causationid: 'e-2', traceparent: '00-a-b-01' });
  });

  it('is refused when the data does not fit, or has no key', () => {
    const wrong = { parcelId: 'p-1', grams: 'heavy' } as unknown as typeof data;
    expect(() => createEnvelope(Sent, wrong, { source: '/depot' })).toThrow(InvalidDataError);
    expect(() => createEnvelope(Sent, { ...data, parcelId: '' }, { source: '/depot' })).toThrow(/key is empty/);
  });

  it('tells SNS its type, version and key', () => {
    const envelope = createEnvelope(Arrived, data, { source: '/door' });
    expect(routingAttributes(envelope)).toEqual({ type: 'parcel.arrived', version: '3', key: 'p-1' });
  });

  it('comes back from its text as it was', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        (parcelId, grams) => {
          fc.pre(!Object.is(grams, -0));
          const envelope = createEnvelope(Sent, { parcelId, grams }, { source: '/depot' });
          expect(parseEvent(parseEnvelope(JSON.stringify(envelope)), [Sent, Arrived])).toEqual(envelope);
        },
      ),
    );
  });
});

describe('reading an envelope', () => {
  const sound = createEnvelope(Sent, data, { source: '/depot' });

  it.each([
    ['not JSON', '{', /not JSON/],
    ['a list', '[]', /JSON object/],
    ['null', 'null', /JSON object/],
    ['another version', JSON.stringify({ ...sound, specversion: '0.3' }), /specversion is "0\.3"/],
    ['no id', JSON.stringify({ ...sound, id: undefined }), /id is undefined/],
    ['a number for a source', JSON.stringify({ ...sound, source: 5 }), /source is 5/],
    ['no time', JSON.stringify({ ...sound, time: 'yesterday' }), /time is "yesterday"/],
    ['no data', JSON.stringify({ ...sound, data: undefined }), /data is missing/],
    ['a number for a trace', JSON.stringify({ ...sound, traceparent: 1 }), /traceparent is 1/],
  ])('refuses %s', (_, text, message) => {
    expect(() => parseEnvelope(text)).toThrow(MalformedEnvelopeError);
    expect(() => parseEnvelope(text)).toThrow(message);
  });

  it('never fails on any text but by saying what is malformed', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parseEnvelope(text);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedEnvelopeError);
        }
      }),
    );
  });

  it('tells an unknown type, an unknown version and wrong data apart', () => {
    expect(() => parseEvent(sound, [Arrived])).toThrow(UnknownEventTypeError);
    expect(() => parseEvent({ ...sound, dataschema: 'urn:baton:parcel.sent:2' }, [Sent])).toThrow(
      UnsupportedVersionError,
    );
    expect(() => parseEvent({ ...sound, dataschema: 'urn:baton:parcel.arrived:1' }, [Sent])).toThrow(
      UnsupportedVersionError,
    );
    expect(() => parseEvent({ ...sound, data: {} }, [Sent])).toThrow(InvalidDataError);
  });

  it('narrows the data by the type of the event', () => {
    const event = parseEvent(sound, [Sent, Arrived]);
    expectTypeOf(event).toEqualTypeOf<EventOf<typeof Sent> | EventOf<typeof Arrived>>();
    if (event.type === 'parcel.sent') expectTypeOf(event).toEqualTypeOf<EventOf<typeof Sent>>();
  });
});
