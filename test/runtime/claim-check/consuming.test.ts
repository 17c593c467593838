import { createHash } from 'node:crypto';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { SQSEvent } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { defineEvent, type Envelope, type EventOf } from '../../../lib/contracts/index.ts';
import { AwsError } from '../../../lib/runtime/aws/aws-error.ts';
import type { Clients, S3 } from '../../../lib/runtime/aws/clients.ts';
import { createClaimCheck } from '../../../lib/runtime/claim-check/claim-check.ts';
import {
  type ConsumeOptions,
  consume,
  type Handler,
  type Outcome,
  PermanentError,
} from '../../../lib/runtime/index.ts';
import { batchOf, type Engines, lambdaContext, recordOf, startEngines } from '../engines.ts';
import { captureOutput, type Output } from '../output.ts';
import { failedIds, OrderPlaced, orderPlaced, type Surroundings, send, surround, visibleIn } from '../pipeline.ts';
import { DocumentSigned, documentOf, documentSigned, referring } from './documents.ts';

vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'INFO');

let engines: Engines;
let around: Surroundings;
let bucket: string;
let output: Output;

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(async () => {
  bucket = await engines.createBucket();
  around = await surround(engines, { environment: { BATON_CLAIM_CHECK_BUCKET: bucket } });
  output = captureOutput();
  return () => vi.restoreAllMocks();
});

async function checkIn(envelope: Envelope): Promise<Envelope> {
  const checkedIn = createClaimCheck({ bucket, client: engines.clients.s3 }).checkIn(envelope);
  await checkedIn.store();
  return checkedIn.envelope;
}

/** Sends what is given and receives it as Lambda would. */
async function deliver(...bodies: Parameters<typeof send>[2]): Promise<SQSEvent> {
  await send(engines, around.queue, bodies);
  const batch = batchOf(around.queue, await engines.receive(around.queue));
  engines.calls.length = 0;
  return batch;
}

function lawyer(handler: Handler<typeof DocumentSigned | typeof OrderPlaced>, options: ConsumeOptions = {}) {
  const outcomes: Outcome[] = [];
  const fn = consume([DocumentSigned, OrderPlaced], handler, {
    environment: around.environment,
    clients: engines.clients,
    random: () => 0.5,
    onSettled: (_, outcome) => outcomes.push(outcome),
    ...options,
  });
  return { fn, outcomes };
}

const failing = (error: AwsError, calls = { made: 0 }): S3 =>
  ({
    call: async () => {
      calls.made++;
      throw error;
    },
  }) as unknown as S3;

describe.each(['lease', 'transaction'] as const)('under a %s, a handler', (guard) => {
  test('notices nothing of a claim check', async () => {
    const event = documentSigned('d1', 300_000);
    const seen: Envelope[] = [];
    const { fn, outcomes } = lawyer((each) => void seen.push(each), { guard });
    await fn(await deliver(await checkIn(event), orderPlaced('1')), lambdaContext());
    expect(seen.find(({ type }) => type === 'document.signed')).toEqual(event);
    expect(seen).toHaveLength(2);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['handled', 'handled']);
    expect(engines.count('GetObject')).toBe(1);
  });

  test('handles an event once, however it comes', async () => {
    const event = documentSigned('d1', 100);
    const handler = vi.fn();
    const { fn, outcomes } = lawyer(handler, { guard });
    const reference = await checkIn(event);
    await fn(await deliver(reference, event, reference), lambdaContext());
    await fn(await deliver(reference), lambdaContext());
    // under a transaction it may run again: its effects are what happens once
    if (guard === 'lease') expect(handler).toHaveBeenCalledTimes(1);
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['duplicate', 'duplicate', 'duplicate', 'handled']);
  });
});

test.each(['lease', 'transaction'] as const)('what was handled needs its data no more (%s)', async (guard) => {
  const reference = await checkIn(documentSigned('d1', 100));
  const { fn, outcomes } = lawyer(() => undefined, { guard });
  await fn(await deliver(reference), lambdaContext());
  const Key = reference.dataref!.slice(`s3://${bucket}/`.length);
  await engines.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
  await fn(await deliver(reference), lambdaContext());
  expect(outcomes.map(({ kind }) => kind)).toEqual(['handled', 'duplicate']);
  expect(await engines.receive(around.deadLetters)).toEqual([]);
});

test('an event that has both data and a reference is read as it is', async () => {
  const event = documentSigned('d1', 100);
  const seen: Envelope[] = [];
  const { fn } = lawyer((each) => void seen.push(each));
  await fn(await deliver({ ...event, dataref: 'https://elsewhere.example/', datahash: 'x' }), lambdaContext());
  expect(seen).toEqual([event]);
  expect(engines.count('GetObject')).toBe(0);
});

describe('an event whose data', () => {
  async function deadLetterOf(envelope: Envelope, options?: ConsumeOptions) {
    const handler = vi.fn();
    const { fn, outcomes } = lawyer(handler, options);
    const response = await fn(await deliver(envelope), lambdaContext());
    expect(handler).not.toHaveBeenCalled();
    expect(failedIds(response)).toEqual([]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['deadLettered']);
    const [letter] = await engines.receive(around.deadLetters);
    expect(JSON.parse(letter!.Body!)).toEqual(envelope);
    const { errorClass, errorMessage, eventId, attempts } = letter!.MessageAttributes!;
    expect([eventId!.StringValue, attempts!.StringValue]).toEqual([envelope.id, '1']);
    return `${errorClass!.StringValue}: ${errorMessage!.StringValue}`;
  }

  test('is gone is dead-lettered at once', async () => {
    const reference = await checkIn(documentSigned('d1', 100));
    const Key = reference.dataref!.slice(`s3://${bucket}/`.length);
    await engines.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
    const said = await deadLetterOf(reference);
    expect(said).toMatch(/^ClaimLostError: /);
    expect(said).toContain(`'${bucket}' has no object '${Key}'`);
    expect(said).toContain('Restore the object, then redrive.');
  });

  test.each([
    ['is not what was put', 'something else', /^ClaimMismatchError: .* has the hash sha256:/],
    ['is empty', '', /^ClaimMismatchError: .* is empty/],
  ])('%s is dead-lettered at once', async (_, Body, expected) => {
    const reference = await checkIn(documentSigned('d1', 100));
    const Key = reference.dataref!.slice(`s3://${bucket}/`.length);
    await engines.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
    expect(await deadLetterOf(reference)).toMatch(expected);
  });

  test('is no JSON is dead-lettered, and what it is instead is not told', async () => {
    const Body = 'Ann Lee of Ely, 4 Main Street';
    await engines.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'k', Body }));
    const hash = `sha256:${createHash('sha256').update(Body).digest('hex')}`;
    const said = await deadLetterOf(referring(documentSigned('d1', 100), `s3://${bucket}/k`, hash));
    expect(said).toMatch(/^MalformedEnvelopeError: What dataref names \('k'\) is not JSON/);
    expect(output.text).not.toContain('Main Street');
  });

  test('breaks the contract is dead-lettered, with its sensitive fields masked', async () => {
    const event = { ...documentSigned('d1', 100), data: { documentId: 'd1', signer: ['Ann Lee of Ely'], text: 'x' } };
    const said = await deadLetterOf(await checkIn(event as unknown as Envelope));
    expect(said).toMatch(/^InvalidDataError: .*data\.signer is \*\*\*/);
    expect(output.text).not.toContain('Ann Lee');
  });

  test('has no hash, or one of another kind, is dead-lettered unread', async () => {
    const reference = await checkIn(documentSigned('d1', 100));
    for (const datahash of [undefined, 'md5:0', `sha256:${'A'.repeat(64)}`]) {
      const said = await deadLetterOf(referring(documentSigned('d1', 100), reference.dataref!, datahash));
      expect(said).toMatch(/^MalformedEnvelopeError: datahash is /);
      expect(engines.count('GetObject')).toBe(0);
    }
  });

  test.each([
    ['in another bucket', 's3://other-bucket/key', /reads from the bucket 'bucket-\d+' alone/],
    ['behind another protocol', 'https://169.254.169.254/latest/meta-data', /follows 's3:\/\/<bucket>\/<key>' alone/],
    ['out of its bucket', 's3://claims/../other/key', /follows 's3:/],
  ])('is %s is never asked for', async (_, dataref, expected) => {
    const envelope = referring(documentSigned('d1', 100), dataref, `sha256:${'0'.repeat(64)}`);
    expect(await deadLetterOf(envelope)).toMatch(expected);
    expect(engines.count('GetObject')).toBe(0);
  });

  test('is elsewhere comes back to a consumer that has no claim check yet, and says what to do', async () => {
    const { BATON_CLAIM_CHECK_BUCKET, ...environment } = around.environment;
    const { fn, outcomes } = lawyer(() => undefined, { environment });
    await fn(await deliver(await checkIn(documentSigned('d1', 100))), lambdaContext());
    expect(outcomes).toMatchObject([
      {
        kind: 'retry',
        error: { name: 'ClaimFetchError', message: expect.stringContaining('is not set. Give the topic') },
      },
    ]);
  });

  test('cannot be fetched until its queue would forget it is dead-lettered in time', async () => {
    const environment = { ...around.environment, BATON_RETENTION_SECONDS: '3600', BATON_VISIBILITY_SECONDS: '180' };
    const s3 = failing(new AwsError('KMS.DisabledException', 'disabled', { status: 400 }));
    const { fn, outcomes } = lawyer(() => undefined, {
      environment,
      random: () => 0.99,
      clients: { ...engines.clients, s3 },
    });
    const batch = await deliver(await checkIn(documentSigned('d1', 100)));
    const { attributes } = batch.Records[0]!;
    attributes.ApproximateReceiveCount = '12';
    attributes.SentTimestamp = String(Date.now() - 55 * 60_000);
    await fn(batch, lambdaContext());
    const [retry] = outcomes as { kind: string; delaySeconds: number }[];
    expect(retry).toMatchObject({ kind: 'retry' });
    // 3,600 s, of which 3,300 are over, and four minutes are kept free
    expect(retry!.delaySeconds).toBeLessThanOrEqual(60);
    attributes.SentTimestamp = String(Date.now() - 59 * 60_000);
    await fn(batch, lambdaContext());
    expect(outcomes.at(-1)).toMatchObject({ kind: 'deadLettered', error: { name: 'ClaimFetchError' } });
    const [letter] = await engines.receive(around.deadLetters);
    expect(letter!.MessageAttributes!.reason?.StringValue).toBe('retention');
  });

  test('is of a type that nobody here takes is not fetched', async () => {
    const reference = { ...(await checkIn(documentSigned('d1', 100))), type: 'document.burnt' };
    expect(await deadLetterOf(reference)).toMatch(/^UnknownEventTypeError/);
    expect(engines.count('GetObject')).toBe(0);
  });

  test.each([
    new AwsError('AccessDenied', 'no', { status: 403 }),
    new AwsError('NoSuchBucket', 'no', { status: 404 }),
    new AwsError('SlowDown', 'later', { status: 503 }),
    AwsError.ofNetwork('s3', new Error('socket hang up')),
  ])('cannot be fetched now ($name) comes back, with all its attempts', async (error) => {
    const reference = await checkIn(documentSigned('d1', 100));
    const handler = vi.fn();
    const { fn, outcomes } = lawyer(handler, { clients: { ...engines.clients, s3: failing(error) } });
    const batch = await deliver(reference);
    // more often than it would be tried
    batch.Records[0]!.attributes.ApproximateReceiveCount = '9';
    const response = await fn(batch, lambdaContext());
    expect(failedIds(response)).toHaveLength(1);
    expect(outcomes).toMatchObject([{ kind: 'retry', error: { name: 'ClaimFetchError', cause: error } }]);
    expect(visibleIn(engines, around.queue).get(batch.Records[0]!.messageId)).toBeGreaterThan(60);
    expect(handler).not.toHaveBeenCalled();
    const attempts: number[] = [];
    const { fn: mended } = lawyer((_, { attempt }) => void attempts.push(attempt));
    await mended(batch, lambdaContext());
    expect(attempts).toEqual([1]);
  });

  test('is denied is told about the permission that tells lost objects from forbidden ones', async () => {
    const denied = failing(new AwsError('AccessDenied', 'no', { status: 403 }));
    const { fn } = lawyer(() => undefined, { clients: { ...engines.clients, s3: denied } });
    await fn(await deliver(await checkIn(documentSigned('d1', 100))), lambdaContext());
    expect(output.text).toContain('s3:ListBucket');
  });
});

test('no line and no failure context shows a sensitive field of fetched data', async () => {
  const { fn } = lawyer((event, { logger }) => {
    const { signer } = (event as EventOf<typeof DocumentSigned>).data;
    logger.info(`signed by ${signer}`);
    throw new PermanentError(`${signer} is unknown`);
  });
  await fn(await deliver(await checkIn(documentSigned('d1', 100))), lambdaContext());
  const [letter] = await engines.receive(around.deadLetters);
  expect(letter!.MessageAttributes!.errorMessage!.StringValue).toBe('*** is unknown');
  expect(output.text).toContain('signed by ***');
  expect(output.text).toContain('"event_version":"1"');
  expect(output.text).not.toContain('Ann Lee');
});

test('what was fetched is masked as it was sent, too', async () => {
  const Loud = defineEvent({
    type: 'document.signed',
    version: 1,
    description: 'Everybody has signed a document.',
    key: (document) => document.documentId,
    sensitive: ['signer'],
    schema: z.object({ documentId: z.string(), signer: z.string().toUpperCase(), text: z.string() }),
  });
  const fn = consume(
    Loud,
    ({ data }) => {
      throw new PermanentError(`Ann Lee of Ely is ${data.signer}`);
    },
    { environment: around.environment, clients: engines.clients },
  );
  await fn(await deliver(await checkIn(documentSigned('d1', 100))), lambdaContext());
  const [letter] = await engines.receive(around.deadLetters);
  expect(letter!.MessageAttributes!.errorMessage!.StringValue).toBe('*** is ***');
});

test('an event that comes along is not held up by one that is being fetched, and none of its calls waits', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const s3 = {
    call: async (operation: 'GetObject', input: never) => {
      await promise;
      return engines.clients.s3.call(operation, input);
    },
  } as unknown as S3;
  const seen: string[] = [];
  const { fn } = lawyer(
    (event) => {
      seen.push(event.type);
      if (seen.length === 2) resolve();
    },
    { clients: { ...engines.clients, s3 } },
  );
  const batch = await deliver(await checkIn(documentSigned('d1', 100)), orderPlaced('1'), orderPlaced('2'));
  await fn(batch, lambdaContext());
  expect(seen).toEqual(['order.placed', 'order.placed', 'document.signed']);
  expect(engines.calls.map(({ operation }) => operation)).toEqual([
    'BatchExecuteStatement',
    // the handlers of the other two had run by then
    'GetObject',
    'BatchExecuteStatement',
    'BatchExecuteStatement',
    'BatchExecuteStatement',
  ]);
});

test('the order of a FIFO group holds, whatever is fetched how slowly', async () => {
  const fifo = await surround(engines, { fifo: true, environment: { BATON_CLAIM_CHECK_BUCKET: bucket } });
  const seen: string[] = [];
  const { fn, outcomes } = lawyer(({ id }) => void seen.push(id), { environment: fifo.environment });
  const events = ['1', '2', '3', '4', '5', '6', '7', '8'].map((n) => ({ ...documentSigned('d', 100), id: `e-${n}` }));
  const bodies = await Promise.all(events.map((event, n) => (n % 3 === 2 ? event : checkIn(event))));
  const records = bodies.map((body) =>
    recordOf(fifo.queue, { body: JSON.stringify(body), attributes: { MessageGroupId: 'd' } as never }),
  );
  await fn({ Records: records }, lambdaContext());
  expect(seen).toEqual(events.map(({ id }) => id));
  expect(outcomes.map(({ kind }) => kind)).toEqual(events.map(() => 'handled'));
});

describe.each(['lease', 'transaction'] as const)('copies of an event in one FIFO group, under a %s,', (guard) => {
  test.each([
    ['the first of which is fetched', [true, false]],
    ['both of which are fetched', [true, true]],
    ['behind another that is fetched', [true, false, false]],
  ])('%s, do not wait for each other', async (_, fetched) => {
    const fifo = await surround(engines, { fifo: true, environment: { BATON_CLAIM_CHECK_BUCKET: bucket } });
    const event = documentSigned('d', 100);
    const bodies = await Promise.all(
      fetched.map((reference, n) => {
        const copy = n === 0 && fetched.length === 3 ? { ...event, id: 'another' } : event;
        return reference ? checkIn(copy) : copy;
      }),
    );
    let first = true;
    const s3 = {
      async call(operation: 'GetObject', input: never) {
        const slow = first;
        first = false;
        const answer = await engines.clients.s3.call(operation, input);
        // the later one is there first
        if (slow) await engines.clients.s3.call(operation, input);
        return answer;
      },
    } as unknown as S3;
    const { fn, outcomes } = lawyer(() => undefined, {
      guard,
      environment: fifo.environment,
      clients: { ...engines.clients, s3 },
    });
    const Records = bodies.map((body) =>
      recordOf(fifo.queue, { body: JSON.stringify(body), attributes: { MessageGroupId: 'd' } as never }),
    );
    await fn({ Records }, lambdaContext());
    const kinds = outcomes.map(({ kind }) => kind).sort();
    expect(kinds).toEqual(
      ['duplicate', 'handled', 'handled'].slice(0, 1).concat(Array(fetched.length - 1).fill('handled')),
    );
  });
});

test('what a handler takes out of fetched data is masked all the same', async () => {
  const Free = defineEvent({
    type: 'document.signed',
    version: 1,
    description: 'Everybody has signed a document.',
    key: (document) => document.documentId,
    sensitive: ['signer'],
    schema: z.object({ documentId: z.string(), signer: z.unknown(), text: z.string() }),
  });
  const event = {
    ...documentSigned('d1', 100),
    data: { documentId: 'd1', signer: { name: 'Ann Lee of Ely' }, text: 'x' },
  };
  const fn = consume(
    Free,
    ({ data }) => {
      const signer = data.signer as { name?: string };
      const { name } = signer;
      delete signer.name;
      throw new PermanentError(`${name} is unknown`);
    },
    { environment: around.environment, clients: engines.clients },
  );
  await fn(await deliver(await checkIn(event as unknown as Envelope)), lambdaContext());
  const [letter] = await engines.receive(around.deadLetters);
  expect(letter!.MessageAttributes!.errorMessage!.StringValue).toBe('*** is unknown');
});

describe('memory', () => {
  /** An S3 that counts how much of what it gave is still being handled. */
  function countingWorld(bytes: number) {
    const world = { held: 0, most: 0 };
    const s3 = {
      async call(operation: 'GetObject', input: never) {
        const answer = await engines.clients.s3.call(operation, input);
        world.held += bytes;
        world.most = Math.max(world.most, world.held);
        return answer;
      },
    } as unknown as S3;
    const { fn, outcomes } = lawyer(
      async () => {
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
        world.held -= bytes;
      },
      { clients: { ...engines.clients, s3 } as Clients },
    );
    return { world, fn, outcomes };
  }

  test('holds a bounded part of a batch of large events, and all of it is handled', async () => {
    const bytes = 5 * 1_024 * 1_024;
    const reference = await checkIn(documentSigned('d', bytes));
    const bodies = Array.from({ length: 20 }, (_, n) => ({ ...reference, id: `e-${n}` }));
    const records = bodies.map((body) => recordOf(around.queue, { body: JSON.stringify(body) }));
    const { world, fn, outcomes } = countingWorld(bytes);
    // 38.4 MiB of JSON
    await fn({ Records: records }, { ...lambdaContext(), memoryLimitInMB: '512' });
    expect(outcomes.map(({ kind }) => kind)).toEqual(records.map(() => 'handled'));
    expect(world.most).toBeLessThanOrEqual(7 * bytes);
    expect(world.most).toBeGreaterThan(bytes);
  });

  test('is not waited for by events that wait for the batch', async () => {
    // claimed by somebody else, such a record waits for all others before it goes back
    const bytes = 5 * 1_024 * 1_024;
    const reference = await checkIn(documentSigned('d', bytes));
    const records = Array.from({ length: 12 }, (_, n) =>
      recordOf(around.queue, { body: JSON.stringify({ ...reference, id: `e-${n}` }) }),
    );
    const { promise, resolve } = Promise.withResolvers<void>();
    let started = 0;
    const { fn: holder } = lawyer(() => {
      started++;
      return promise;
    });
    const held = holder({ Records: records.slice(0, 6) }, { ...lambdaContext(), memoryLimitInMB: '512' });
    await vi.waitFor(() => expect(started).toBe(6), { timeout: 10_000 });
    const { fn, outcomes } = lawyer(() => undefined);
    await fn({ Records: records }, lambdaContext());
    resolve();
    await held;
    expect(outcomes.filter((outcome) => outcome.kind === 'returned')).toMatchObject(
      Array(6).fill({ reason: 'claimed-elsewhere' }),
    );
    expect(outcomes.filter(({ kind }) => kind === 'handled')).toHaveLength(6);
  });
});

test('near the deadline nothing is fetched, and what is being fetched is not waited for', async () => {
  const calls: string[] = [];
  const hanging = {
    call: (operation: string) => {
      calls.push(operation);
      return new Promise(() => undefined);
    },
  } as unknown as S3;
  const handler = vi.fn();
  const { fn, outcomes } = lawyer(handler, { clients: { ...engines.clients, s3: hanging } });
  const reference = await checkIn(documentSigned('d1', 100));
  await fn(await deliver(reference), lambdaContext(200));
  expect(calls).toEqual([]);
  const bodies = Array.from({ length: 6 }, (_, n) => ({ ...reference, id: `e-${n}` }));
  await fn(
    { Records: bodies.map((body) => recordOf(around.queue, { body: JSON.stringify(body) })) },
    lambdaContext(900),
  );
  expect(calls).toHaveLength(4);
  expect(outcomes).toEqual(Array(7).fill({ kind: 'returned', reason: 'deadline', delaySeconds: 0 }));
  expect(handler).not.toHaveBeenCalled();
});

test('the size of a document is what it says', () => {
  expect(Buffer.byteLength(documentOf('d', 1_000).text)).toBe(1_000);
});
