import type { SQSEvent } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { createEnvelope, defineEvent, type Envelope, type EventOf } from '../../lib/contracts/index.ts';
import { consume, type Outcome, PermanentError } from '../../lib/runtime/index.ts';
import { batchOf, type Engines, lambdaContext, startEngines } from './engines.ts';
import { captureOutput, type Output } from './output.ts';
import { type Surroundings, send, surround } from './pipeline.ts';

const CardCharged1 = defineEvent({
  type: 'card.charged',
  version: 1,
  description: 'A card was charged.',
  key: (charge) => charge.orderId,
  schema: z.object({ orderId: z.string(), holder: z.string() }),
  sensitive: ['holder'],
});
/** The holder has become a person, and what was `holder` once is no path of this version. */
const CardCharged3 = defineEvent({
  type: 'card.charged',
  version: 3,
  description: 'A card was charged.',
  key: (charge) => charge.orderId,
  major: 2,
  schema: z.object({ orderId: z.string(), person: z.object({ name: z.string() }) }),
  sensitive: ['person.name'],
  previous: {
    contract: defineEvent({
      type: 'card.charged',
      version: 2,
      description: 'A card was charged.',
      key: (charge) => charge.orderId,
      schema: z.object({ orderId: z.string(), holder: z.string() }),
      sensitive: ['holder'],
    }),
    upcast: ({ orderId, holder }: { orderId: string; holder: string }) => {
      if (orderId === 'bad') throw new Error(`${holder} has no name`);
      return { orderId, person: { name: holder.toUpperCase() } };
    },
  },
});

let engines: Engines;
let around: Surroundings;
let output: Output;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(async () => {
  around = await surround(engines);
  output = captureOutput();
  return () => vi.restoreAllMocks();
});

const charged = (version: number, orderId = '1'): Envelope => ({
  ...createEnvelope(CardCharged1, { orderId, holder: 'Ann Lee' }, { source: '/shop', id: 'e-1' }),
  dataschema: `urn:baton:card.charged:${version}`,
});

async function deliver(...events: (Envelope | string)[]): Promise<SQSEvent> {
  await send(engines, around.queue, events);
  return batchOf(around.queue, await engines.receive(around.queue));
}

async function run(event: Envelope | string, handler = (_: EventOf<typeof CardCharged3>): void => undefined) {
  const outcomes: Outcome[] = [];
  const fn = consume(CardCharged3, handler, {
    environment: around.environment,
    clients: engines.clients,
    onSettled: (_, outcome) => outcomes.push(outcome),
  });
  await fn(await deliver(event), lambdaContext());
  const [letter] = await engines.receive(around.deadLetters);
  const { errorClass, errorMessage } = letter?.MessageAttributes ?? {};
  return {
    kind: outcomes[0]?.kind,
    errorClass: errorClass?.StringValue,
    errorMessage: errorMessage?.StringValue ?? '',
  };
}

describe('at the first delivery, a record is dead-lettered', () => {
  test('when no upcaster leads from its version', async () => {
    const { kind, errorClass, errorMessage } = await run(charged(1));
    expect([kind, errorClass]).toEqual(['deadLettered', 'MissingUpcasterError']);
    expect(errorMessage).toContain("'urn:baton:card.charged:1'");
    expect(output.text).toContain('"event_version":"1"');
  });

  test('when its upcaster fails, which does not show what it failed at', async () => {
    const { kind, errorClass, errorMessage } = await run(charged(2, 'bad'));
    expect([kind, errorClass]).toEqual(['deadLettered', 'UpcastError']);
    expect(errorMessage).toContain('from version 2 to 3 failed: *** has no name');
    expect(output.text).not.toContain('Ann Lee');
  });

  test('when its version is one that is yet to come', async () => {
    expect(await run(charged(4))).toMatchObject({ kind: 'deadLettered', errorClass: 'UnsupportedVersionError' });
  });

  test('when its data is nested too deep', async () => {
    const deep = 100_000;
    const data = `{"orderId":"1","person":{"name":${'['.repeat(deep)}${']'.repeat(deep)}}}`;
    const body = JSON.stringify({ ...charged(3), data: 0 }).replace('"data":0', `"data":${data}`);
    const { kind, errorClass } = await run(body);
    expect(kind).toBe('deadLettered');
    expect(errorClass).toMatch(/^(InvalidDataError|MalformedEnvelopeError)$/);
  });
});

test('what was sensitive in the version that was sent is masked, whatever has become of it', async () => {
  const { errorMessage } = await run(charged(2), (event) => {
    throw new PermanentError(`Ann Lee is ${event.data.person.name}`);
  });
  expect(errorMessage).toBe('*** is ***');
  expect(output.text).not.toMatch(/Ann Lee|ANN LEE/);
});
