import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import {
  createEnvelope,
  defineEvent,
  envelopeText,
  InvalidDataError,
  parseEnvelope,
  parseEvent,
} from '../../lib/contracts/index.ts';
import { Publisher } from '../../lib/runtime/publish/publisher.ts';
import { type Engines, startEngines } from '../runtime/engines.ts';

const Noted = defineEvent({
  type: 'note.taken',
  version: 1,
  description: 'Somebody took a note.',
  key: (note) => note.noteId,
  schema: z.object({ noteId: z.string(), text: z.string() }),
});

let engines: Engines;
beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});

test('a queue takes every text that an event may hold, which it would not as plain JSON', async () => {
  const queue = engines.createQueue();
  const text = `half a pair \ud800, \udfff, noncharacters \ufffe\uffff, controls \u0000\u001f\u007f, lines \u2028\n`;
  const event = createEnvelope(Noted, { noteId: 'n-1', text }, { source: '/desk' });
  const send = (MessageBody: string) => engines.sqs.send(new SendMessageCommand({ QueueUrl: queue.url, MessageBody }));
  await expect(send(JSON.stringify(event))).rejects.toThrow(/Invalid characters/);
  await send(envelopeText(event));
  const [message] = await engines.receive(queue);
  expect(parseEvent(parseEnvelope(message!.Body!), [Noted])).toEqual(event);
});

test('an event whose key no attribute can hold is refused before anything is sent', async () => {
  const topicArn = await engines.createTopic();
  const publisher = new Publisher({ topicArn, source: '/desk', client: engines.clients.sns });
  engines.calls.length = 0;
  await expect(publisher.publish(Noted, { noteId: 'n\u0000', text: '' })).rejects.toThrow(InvalidDataError);
  expect(engines.calls).toEqual([]);
});
