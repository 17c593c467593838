import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataGoneError, DataMismatchError, ForeignDataError } from '../../../lib/operations/contracts/errors.ts';
import { openReaders, type ReaderOptions } from '../../../lib/operations/contracts/readers.ts';
import { BILLING, bundle, CONTRACTS, consumerOf, envelopeOf } from './bundles.ts';

const order = { orderId: 'O-1', total: 5, currency: 'EUR' };

async function openOne(contents: string | undefined, options: ReaderOptions = {}, facts: object = {}) {
  const [reader] = await openReaders([consumerOf(contents, facts)], options);
  return reader!;
}

describe('what a bundle reads', () => {
  it('is said for each contract of its handler, with the versions it accepts and the schema it looks through', async () => {
    const { state, views, problems } = await openOne(BILLING);
    expect({ state, problems }).toEqual({ state: 'open', problems: [] });
    expect(views.map(({ schema: _, ...view }) => view)).toEqual([
      {
        consumer: 'billing',
        owner: 'payments',
        kind: 'consumer',
        pinned: false,
        type: 'order.placed',
        version: 2,
        accepts: [2, 1],
        partial: false,
      },
      {
        consumer: 'billing',
        owner: 'payments',
        kind: 'consumer',
        pinned: false,
        type: 'order.pay',
        version: 5,
        accepts: [5],
        partial: false,
      },
    ]);
    expect(views[0]!.schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'urn:baton:order.placed:2',
      type: 'object',
      properties: { currency: { type: 'string', minLength: 3, maxLength: 3 } },
      required: ['orderId', 'total', 'currency'],
    });
  });

  it('is what the consumer needs, where it declares no more than that', async () => {
    const { views } = await openOne(`${CONTRACTS}
      export const handler = consume(needs(OrderPlaced, z.object({ orderId: z.string() })), async () => undefined);`);
    expect(views).toMatchObject([{ version: 2, accepts: [2, 1], partial: true, schema: { required: ['orderId'] } }]);
    expect(Object.keys((views[0]!.schema as { properties: object }).properties)).toEqual(['orderId']);
  });

  it('is not known of a handler that consume did not make', async () => {
    const { state, views, problems, judge } = await openOne('export const handler = async () => undefined;');
    expect({ state, views }).toEqual({ state: 'foreign', views: [] });
    expect(problems).toEqual([expect.stringMatching(/^billing: its handler is not what `consume` returned/)]);
    expect(await judge(['{}'])).toEqual([{ verdict: 'unjudged', message: problems[0] }]);
  });

  it('is not known of a consumer whose code is not in the assembly', async () => {
    const { state, problems } = await openOne(undefined);
    expect(state).toBe('failed');
    expect(problems[0]).toMatch(/^billing: its code is no folder of the assembly/);
  });

  it('leaves out a contract that has no JSON Schema, says so, and still judges by it', async () => {
    const { state, views, problems, judge } = await openOne(`${CONTRACTS}
      const Odd = defineEvent({ type: 'odd.done', version: 1, description: 'Odd.', key: (odd) => odd.id,
        schema: z.object({ id: z.string(), big: z.bigint().optional() }) });
      export const handler = consume([Odd, OrderPlaced], async () => undefined);`);
    expect(state).toBe('open');
    expect(views.map(({ type }) => type)).toEqual(['order.placed']);
    expect(problems).toEqual([expect.stringMatching(/^billing: .*odd\.done v1/)]);
    expect(await judge([envelopeOf('odd.done', 1, { id: '1' })])).toMatchObject([{ verdict: 'readable' }]);
  });
});

describe('a bundle that does not load', () => {
  it.each([
    ['throws', "throw new TypeError('no such table');", /TypeError: no such table/],
    ['throws what is no error', "throw 'nothing';", /nothing/],
    ['ends the process', 'process.exit(3);', /ended by itself, with exit code 3/],
    [
      'never ends loading',
      'await new Promise((resolve) => setTimeout(resolve, 100_000));',
      /more than 0\.5 seconds to load/,
    ],
    ['loops', 'for (;;);', /more than 0\.5 seconds to load/],
    ['waits for nothing', 'await new Promise(() => undefined);', /ended by itself/],
    ['exports no handler', 'export const other = 1;', /does not export 'handler'/],
    [
      'takes all memory',
      'const all = []; for (;;) all.push(new Array(1e5).fill({}).map((_, i) => ({ i })));',
      /memory/i,
    ],
  ])('because it %s is named with its consumer and the reason', async (_, contents, reason) => {
    const timeoutMs = reason.source.includes('seconds') ? 500 : 20_000;
    const { state, problems } = await openOne(contents, { timeoutMs, memoryMb: 64 });
    expect(state).toBe('failed');
    expect(problems).toEqual([expect.stringMatching(/^billing: its code \(handler\.handler\) could not be loaded: /)]);
    expect(problems[0]).toMatch(reason);
  });

  it('is named with the place in the sources, and without the folder of the assembly', async () => {
    const directory = join(bundle('export const handler = 1;'), 'assembly', 'asset.1');
    mkdirSync(directory, { recursive: true });
    const map = { version: 3, sources: ['../../../functions/billing/handler.ts'], names: [], mappings: 'AAGA' };
    writeFileSync(join(directory, 'handler.mjs.map'), JSON.stringify(map));
    const code = "throw new Error('no STRIPE key');\n//# sourceMappingURL=handler.mjs.map\n";
    writeFileSync(join(directory, 'handler.mjs'), code);
    const consumer = {
      ...consumerOf(undefined),
      code: { directory, handler: 'handler.handler', environment: {}, unknown: [] },
    };
    const [reader] = await openReaders([consumer]);
    expect(reader!.problems).toEqual([
      'billing: its code (handler.handler) could not be loaded: Error: no STRIPE key at functions/billing/handler.ts:4:1.',
    ]);
  });

  it('does not keep the others from being read', async () => {
    const readers = await openReaders([
      consumerOf("throw new Error('broken');", { name: 'broken' }),
      consumerOf(BILLING, { name: 'sound' }),
    ]);
    expect(readers.map(({ consumer, state }) => [consumer.name, state])).toEqual([
      ['broken', 'failed'],
      ['sound', 'open'],
    ]);
  });
});

describe('the environment of a bundle', () => {
  const telling = `throw new Error(JSON.stringify(process.env));`;

  it('is what the template says, with a stand-in for what only a deployment knows', async () => {
    const { problems } = await openOne(telling, {}, { environment: { REGION_NAME: 'here' }, unknown: ['SHOP_TABLE'] });
    expect(problems[0]).toContain('"REGION_NAME":"here"');
    expect(problems[0]).toContain('"SHOP_TABLE":"unknown-until-deployed"');
  });

  it('has none of this process: no credentials, no profile', async () => {
    const { problems } = await openOne(telling, {}, { environment: { AWS_ACCESS_KEY_ID: 'given' } });
    expect(problems[0]).toContain('"AWS_ACCESS_KEY_ID":"none"');
    expect(problems[0]).not.toContain('"PATH"');
    expect(problems[0]).not.toContain('"HOME"');
  });

  it('has no options that a thread cannot take', async () => {
    const { state } = await openOne(
      BILLING,
      {},
      { environment: { NODE_OPTIONS: '--max-http-header-size=9000 --title=it' } },
    );
    expect(state).toBe('open');
  });

  it('hears nothing of what the bundle prints', async () => {
    const { state } = await openOne(`${BILLING} console.log('loud'); process.stdout.write('louder');`);
    expect(state).toBe('open');
  });
});

describe('a reader', () => {
  const name = 'Ada Lovelace, with a name that is too long';

  const messages: readonly (readonly [string, string])[] = [
    ['readable', envelopeOf('order.placed', 2, order)],
    ['readable', envelopeOf('order.placed', 1, { orderId: 'O-1', total: 5 })],
    ['readable', envelopeOf('order.pay', 5, { orderId: 'O-1' })],
    ['readable', envelopeOf('order.placed', 3, order, { readablefrom: '2' })],
    ['malformed', 'no json'],
    ['malformed', '"text"'],
    ['malformed', '{"specversion":"1.0"}'],
    ['unknownType', envelopeOf('order.lost', 1, order)],
    ['unknownVersion', envelopeOf('order.placed', 3, order)],
    ['missingUpcaster', envelopeOf('order.pay', 4, { orderId: 'O-1' })],
    ['upcastFailed', envelopeOf('order.placed', 1, { orderId: 'O-1', total: 666, customerName: 'Lovelace' })],
    ['upcastFailed', envelopeOf('order.placed', 1, { orderId: 'O-1', total: -1 })],
    ['invalidData', envelopeOf('order.placed', 1, { total: 5 })],
    ['invalidData', envelopeOf('order.placed', 2, { ...order, customerName: name })],
    ['malformed', envelopeOf('order.placed', 2, undefined)],
    ['unknownVersion', envelopeOf('order.placed', 9, undefined, { dataref: 's3://bucket/key' })],
  ];

  it('says of each message what would become of it', async () => {
    const judgements = await (await openOne(BILLING)).judge(messages.map(([, body]) => body));
    expect(judgements.map(({ verdict }) => verdict)).toEqual(messages.map(([verdict]) => verdict));
    for (const [at, [verdict, body]] of messages.entries()) {
      const judgement = judgements[at]!;
      expect(judgement).not.toHaveProperty('reference');
      if (verdict === 'readable') expect(judgement.message).toBeUndefined();
      else expect(judgement.message).toMatch(/\w/);
      if (verdict === 'malformed') {
        expect(judgement).not.toHaveProperty('type');
        continue;
      }
      const { type, dataschema } = JSON.parse(body);
      expect(judgement).toMatchObject({ type, version: Number(dataschema.split(':').at(-1)) });
    }
  });

  it('shows nothing of what is sensitive, or of what no contract speaks for', async () => {
    const { judge } = await openOne(BILLING);
    const judgements = await judge([
      envelopeOf('order.placed', 2, { ...order, customerName: name }),
      envelopeOf('order.placed', 1, { orderId: 'O-1', total: 666, customerName: 'Lovelace' }),
      'Ada Lovelace',
      '"Ada Lovelace"',
      '["Ada Lovelace"]',
      '{"specversion":"1.0","id":{"name":"Ada; Lovelace"}}',
      '{"specversion":"Ada"}',
      envelopeOf('order.placed', 2, order, { subject: ['Ada; Lovelace'] }),
      '{"Ada":1,"Ada":2}',
      '{"Ada":1e999}',
      envelopeOf('order.placed', 2, order, { time: 'Ada' }),
    ]);
    for (const judgement of judgements) {
      expect(judgement.verdict).not.toBe('readable');
      expect(JSON.stringify(judgement)).not.toMatch(/Ada|Lovelace/);
    }
    expect(judgements.at(-1)!.message).toMatch(/^time is missing, or not what it has to be: CloudEvents wants/);
  });

  it('does not say what is sensitive, whatever a schema of its own code throws', async () => {
    const { judge } = await openOne(`${CONTRACTS}
      const Odd = defineEvent({ type: 'odd.done', version: 1, description: 'Odd.', key: (odd) => odd.id,
        sensitive: ['id'], schema: z.object({ id: z.string().refine((id) => { throw new RangeError(id); }) }) });
      export const handler = consume(Odd, async () => undefined);`);
    const [judgement] = await judge([envelopeOf('odd.done', 1, { id: 'Ada Lovelace' })]);
    expect(judgement).toMatchObject({ verdict: 'invalidData', message: expect.stringContaining('could not check it') });
    expect(judgement!.message).not.toContain('Ada');
  });

  it('takes what operators send to release a key for readable where the order is strict', async () => {
    const body = envelopeOf('baton.key.released', 1, { key: 'O-1' }, { source: '/baton' });
    const strict = await openOne(BILLING, {}, { environment: { BATON_ORDERING: 'strict' } });
    expect(await strict.judge([body])).toMatchObject([{ verdict: 'readable' }]);
    expect(await (await openOne(BILLING)).judge([body])).toMatchObject([{ verdict: 'unknownType' }]);
  });

  it('answers for more messages than are sent to a thread at once, in their order', async () => {
    const bodies = Array.from({ length: 250 }, (_, n) => envelopeOf('order.placed', n % 2 === 0 ? 2 : 7, order));
    const judgements = await (await openOne(BILLING)).judge(bodies);
    expect(judgements.map(({ verdict }) => verdict)).toEqual(
      bodies.map((_, n) => (n % 2 === 0 ? 'readable' : 'unknownVersion')),
    );
  });

  it('does not wait for an upcaster that never ends', async () => {
    const { judge } = await openOne(
      `${CONTRACTS}
      const Old = defineEvent({ type: 'loop.ran', version: 1, description: 'Loop.', key: (one) => one.id, schema: z.object({ id: z.string() }) });
      const New = defineEvent({ type: 'loop.ran', version: 2, description: 'Loop.', key: (one) => one.id, schema: z.object({ id: z.string() }),
        previous: { contract: Old, upcast: () => { for (;;); } } });
      export const handler = consume(New, async () => undefined);`,
      { messageMs: 500 },
    );
    expect(await judge([envelopeOf('loop.ran', 1, { id: '1' })])).toEqual([
      {
        verdict: 'unjudged',
        type: 'loop.ran',
        version: 1,
        message: expect.stringMatching(/billing did not judge it: .*more than 0\.5 seconds to judge it/),
      },
    ]);
  });

  /** `wait.ran` says what its data does to the code that judges it. */
  const WAITING = `${CONTRACTS}
    const Ran = defineEvent({ type: 'wait.ran', version: 1, description: 'Ran.', key: (one) => one.id,
      schema: z.object({ id: z.string().refine((id) => {
        if (id === 'hangs') for (;;);
        if (id === 'exits') process.exit(7);
        if (id === 'fills') { const all = []; for (;;) all.push(new Array(1e5).fill({}).map((_, i) => ({ i }))); }
        return id !== 'refused';
      }) }) });
    export const handler = consume(Ran, async () => undefined);`;
  const ran = (id: string) => envelopeOf('wait.ran', 1, { id });

  it('judges the others when one message hangs, ends or fills the thread', async () => {
    const ids = ['fine', 'refused', 'hangs', 'refused', 'exits', 'fine', 'fills', 'refused', 'fine', 'hangs'];
    const judgements = await (await openOne(WAITING, { messageMs: 700, memoryMb: 64 })).judge(ids.map(ran));
    expect(judgements.map(({ verdict }, n) => [ids[n], verdict])).toEqual(
      ids.map((id) => [id, { fine: 'readable', refused: 'invalidData' }[id] ?? 'unjudged']),
    );
    const [hangs, exits] = [judgements[2]!, judgements[4]!].map(({ message }) => message);
    expect(hangs).toMatch(/more than 0\.7 seconds to judge it/);
    expect(exits).toMatch(/exit code 7/);
  }, 30_000);

  it('begins no message any more when its time is over, and says so of each', async () => {
    let now = 0;
    const { judge } = await openOne(WAITING, { judgingMs: 10_000, clock: () => (now += 1_000) });
    const judgements = await judge(Array.from({ length: 20 }, () => ran('fine')));
    const left = judgements.filter(({ verdict }) => verdict === 'unjudged');
    expect(left).toHaveLength(11);
    expect(judgements.slice(9)).toEqual(left);
    expect(left[0]!.message).toMatch(/did not come to it within 10 seconds/);
  });

  it('judges no more when it is called off, and keeps what it has', async () => {
    const controller = new AbortController();
    const { judge } = await openOne(WAITING, { signal: controller.signal });
    const judging = judge([ran('hangs'), ran('fine')]);
    controller.abort(new Error('enough'));
    expect(await judging).toMatchObject([{ verdict: 'unjudged' }, { verdict: 'unjudged' }]);
  });

  it('ends when it is called off', async () => {
    const controller = new AbortController();
    const opening = openReaders([consumerOf('for (;;);')], { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(opening).rejects.toThrow('enough');
  });
});

describe('an event whose data is elsewhere', () => {
  const json = JSON.stringify(order);
  const hashOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;
  const refer = (version: number, datahash: unknown = hashOf(json), dataref = 's3://claims/key') =>
    envelopeOf('order.placed', version, undefined, { dataref, datahash });
  const claims = { environment: { BATON_CLAIM_CHECK_BUCKET: 'claims' } };

  it('is judged by what is there', async () => {
    const asked: string[] = [];
    const fetchData = async (dataref: string) => {
      asked.push(dataref);
      return json;
    };
    const { judge } = await openOne(BILLING, { fetchData }, claims);
    const both = envelopeOf('order.placed', 2, order, { dataref: 's3://claims/both' });
    expect(await judge([both, refer(2), refer(9, undefined, 's3://claims/other')])).toEqual([
      { verdict: 'readable', type: 'order.placed', version: 2 },
      { verdict: 'readable', type: 'order.placed', version: 2 },
      expect.objectContaining({ verdict: 'unknownVersion' }),
    ]);
    // what cannot be read anyway is not fetched
    expect(asked).toEqual(['s3://claims/key']);
  });

  it.each([
    ['invalidData', '{"orderId":"O-1"}', '{"orderId":"O-1"}', /does not fit its contract/],
    ['invalidData', '{"orderId"', '{"orderId"', /not JSON/],
    ['invalidData', json.replace('5', '6'), json, /not what the event was published with/],
    ['invalidData', '', json, /not what the event was published with/],
  ])('is %s when it does not fit (%#)', async (verdict, there, published, message) => {
    const { judge } = await openOne(BILLING, { fetchData: async () => there }, claims);
    const [judgement] = await judge([refer(2, hashOf(published))]);
    expect(judgement).toEqual({ verdict, type: 'order.placed', version: 2, message: expect.stringMatching(message) });
  });

  it('is unreadable when its consumer can never fetch it, and unjudged when only nobody here can', async () => {
    let failure: Error = new Error('no connection');
    const { judge } = await openOne(BILLING, { fetchData: () => Promise.reject(failure) }, claims);
    expect(await judge([refer(2)])).toMatchObject([
      { verdict: 'unjudged', message: expect.stringContaining('"s3://claims/key" (no connection)') },
    ]);
    const settled = [
      [new DataGoneError('there is nothing'), 'invalidData', /gone: there is nothing/],
      [new DataMismatchError('it is too large'), 'invalidData', /not what the event was published with: it is too/],
      [new ForeignDataError('it reads elsewhere'), 'malformed', /Its data is in "s3:.*; it reads elsewhere/],
    ] as const;
    for (const [error, verdict, message] of settled) {
      failure = error;
      expect(await judge([refer(2)])).toMatchObject([{ verdict, message: expect.stringMatching(message) }]);
    }
  });

  it.each([
    [
      'fetches from another bucket',
      { environment: { BATON_CLAIM_CHECK_BUCKET: 'own' } },
      refer(2),
      /fetches from 'own' alone/,
    ],
    [
      'finds no hash with it',
      claims,
      refer(2, undefined as never).replace(/,"datahash":"[^"]*"/, ''),
      /datahash is missing/,
    ],
    [
      'cannot follow it',
      claims,
      refer(2, hashOf(json), 'https://example.org/data'),
      /dataref is not what it has to be/,
    ],
    [
      'would be led out of its bucket',
      claims,
      refer(2, hashOf(json), 's3://claims/../others/key'),
      /dataref is not what it has to be/,
    ],
  ])('is refused when its consumer %s, as its runtime would', async (_, facts, body, message) => {
    const fetchData = () => Promise.reject(new Error('not to be asked'));
    const [judgement] = await (await openOne(BILLING, { fetchData }, facts)).judge([body]);
    expect(judgement).toMatchObject({ verdict: 'malformed', message: expect.stringMatching(message) });
  });

  it('is unreadable by a consumer without a claim check: it comes back until it is dead-lettered', async () => {
    const fetchData = () => Promise.reject(new Error('not to be asked'));
    const [judgement] = await (await openOne(BILLING, { fetchData })).judge([refer(2)]);
    const message = expect.stringMatching(/has no claim check: the event goes back until .* dead-lettered then\.$/);
    expect(judgement).toEqual({ verdict: 'unfetchable', type: 'order.placed', version: 2, message });
  });

  it('is fetched where only a deployment knows the name of the bucket', async () => {
    const { judge } = await openOne(
      BILLING,
      { fetchData: async () => json },
      { unknown: ['BATON_CLAIM_CHECK_BUCKET'] },
    );
    expect(await judge([refer(2)])).toMatchObject([{ verdict: 'readable' }]);
  });

  it('is not looked at when nobody fetches', async () => {
    expect(await (await openOne(BILLING, {}, claims)).judge([refer(2)])).toMatchObject([
      { verdict: 'unjudged', type: 'order.placed', version: 2 },
    ]);
  });
});
