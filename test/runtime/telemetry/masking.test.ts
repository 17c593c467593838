import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { createEnvelope, defineEvent } from '../../../lib/contracts/index.ts';
import { consume, type Handler, PermanentError } from '../../../lib/runtime/index.ts';
import { EventLogger } from '../../../lib/runtime/telemetry/event-logger.ts';
import { batchOf, type Engines, lambdaContext, startEngines } from '../engines.ts';
import { captureOutput, type Output } from '../output.ts';
import { type Surroundings, send, surround } from '../pipeline.ts';

const CardCharged = defineEvent({
  type: 'card.charged',
  version: 1,
  description: 'A card was charged.',
  key: (charge) => charge.orderId,
  schema: z.object({
    orderId: z.string(),
    holder: z.string().trim(),
    card: z.object({ number: z.string(), pin: z.string().max(4) }),
  }),
  sensitive: ['holder', 'card.number', 'card.pin'],
});

const data = { orderId: 'o-1', holder: ' Ann Lee', card: { number: '4111111111111111', pin: '07' } };
const own = new EventLogger({ serviceName: 'payments' });

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

async function handle(handler: Handler<typeof CardCharged>, sent: object = data): Promise<void> {
  const envelope = { ...createEnvelope(CardCharged, data, { source: '/shop', id: 'e-1' }), data: sent as typeof data };
  await send(engines, around.queue, [envelope]);
  const batch = batchOf(around.queue, await engines.receive(around.queue));
  await consume(CardCharged, handler, { environment: around.environment, clients: engines.clients })(
    batch,
    lambdaContext(),
  );
}

const SECRETS = /4111111111111111|Ann Lee|"07"/;

test('no line that a handler logs shows a sensitive field of its event', async () => {
  await handle((event, { logger }) => {
    logger.info(`charging ${event.data.card.number}`, { event, card: { ...event.data.card }, at: '07:30' });
    logger.createChild().error('refused', new Error(`${event.data.holder} is unknown`));
    own.warn({ message: 'slow', pin: event.data.card.pin });
  });
  expect(output.text).toContain('"message":"charging ***"');
  expect(output.text).toContain('"card":{"number":"***","pin":"***"}');
  expect(output.text).toContain('*** is unknown');
  expect(output.text).toContain('"at":"07:30"');
  expect(output.text).toContain('"event_id":"e-1"');
  expect(output.text).not.toMatch(SECRETS);
});

test('no failure context does, whatever the error says and whatever the handler did to the event', async () => {
  await handle((event) => {
    const { number } = event.data.card;
    event.data.card.number = 'none';
    throw new PermanentError(`The bank refused ${number}.`, { cause: new Error('No card of "Ann Lee".') });
  });
  const [letter] = await engines.receive(around.deadLetters);
  const { errorMessage, errorStack } = letter!.MessageAttributes!;
  expect(errorMessage!.StringValue).toBe('The bank refused ***.');
  expect(errorStack!.StringValue).toContain('No card of "***".');
  expect(errorStack!.StringValue).toContain('masking.test.ts');
  expect(JSON.stringify(letter!.MessageAttributes)).not.toMatch(SECRETS);
  expect(letter!.Body).toContain(data.card.number);
  expect(output.text).toContain('The bank refused ***.');
  expect(output.text).not.toMatch(SECRETS);
});

test('no violation of a contract does', async () => {
  await handle(() => undefined, { ...data, card: { number: 4111111111111111, pin: '07070' } });
  const [letter] = await engines.receive(around.deadLetters);
  const { errorClass, errorMessage } = letter!.MessageAttributes!;
  expect(errorClass!.StringValue).toBe('InvalidDataError');
  expect(errorMessage!.StringValue).toMatch(/data\.card\.number is \*\*\*.*data\.card\.pin is \*\*\*/);
  expect(output.text + JSON.stringify(letter!.MessageAttributes)).not.toMatch(/4111111111111111|07070/);
});

test('an event without sensitive fields is shown as it is', async () => {
  await handle((event, { logger }) => {
    logger.info('charging', { order: event.data.orderId });
  });
  expect(output.text).toContain('"order":"o-1"');
});
