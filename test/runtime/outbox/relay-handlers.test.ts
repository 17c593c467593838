import type { DynamoDBRecord } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AwsError } from '../../../lib/runtime/aws/aws-error.ts';
import type { Clients } from '../../../lib/runtime/aws/clients.ts';
import { createPollingRelay } from '../../../lib/runtime/outbox/relay-handler.ts';
import { createStreamRelay } from '../../../lib/runtime/outbox/stream-handler.ts';
import { type Engines, lambdaContext, startEngines } from '../engines.ts';
import {
  arrived,
  byKey,
  commit,
  event,
  items,
  type OutboxUnderTest,
  outboxUnderTest,
  pending,
} from './outbox-fixture.ts';

let engines: Engines;

beforeAll(async () => {
  engines = await startEngines();
});

afterAll(async () => {
  await engines.stop();
});

/** Options of a relay function that writes and logs into lists. */
function observed(under: OutboxUnderTest, clients: Clients = engines.clients) {
  const lines: string[] = [];
  const logged: string[] = [];
  const log = (message: string) => {
    logged.push(message);
  };
  return {
    logged,
    /** Of all lines together. */
    total: (name: string) =>
      lines.map((line) => JSON.parse(line)[name] as number).reduce((sum, value) => sum + value, 0),
    lines,
    options: {
      environment: under.environment,
      clients,
      random: () => 0,
      output: (line: string) => lines.push(line),
      logger: { warn: log, error: log },
    },
  };
}

/** The topic fails, or is there again. */
function failingSns(code: string): { clients: Clients; mend(): void } {
  let broken = true;
  const sns: Clients['sns'] = {
    async call(operation, input) {
      if (broken) throw new AwsError(code, 'not now', { status: code === 'InvalidParameter' ? 400 : 500 });
      return await engines.clients.sns.call(operation, input);
    },
  };
  return {
    clients: { ...engines.clients, sns },
    mend: () => {
      broken = false;
    },
  };
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('a relay function without its settings', () => {
  it('says what is missing', async () => {
    const environment = { BATON_OUTBOX_SHARDS: 'many', BATON_OUTBOX_TABLE: 'outbox' };
    const wrong = {
      name: 'ConfigurationError',
      message: expect.stringMatching(
        /BATON_OUTBOX_SHARDS is 'many', not a whole number above 0; BATON_TOPIC_ARN is not set; POWERTOOLS_SERVICE_NAME is not set/,
      ),
    };
    await expect(createPollingRelay({ environment })({}, lambdaContext())).rejects.toMatchObject(wrong);
    await expect(createStreamRelay({ environment })({}, lambdaContext())).rejects.toMatchObject(wrong);
  });
});

describe('a polling relay', () => {
  it('publishes what is there and what comes, from all shards, and ends by itself with nothing left in the table but fences', async () => {
    const under = await outboxUnderTest(engines, { shards: 3 });
    const early = Array.from({ length: 10 }, (_, n) => event(`early${n}`, 1));
    await commit(engines.clients, under.outbox, early);
    const { options, lines, total } = observed(under);
    const running = createPollingRelay(options)({}, lambdaContext(2_000));
    await until(() => arrived(engines, under).length === 10);
    await commit(engines.clients, under.outbox, [event('late', 1), event('early0', 2)]);
    await running;
    expect(byKey(arrived(engines, under))).toMatchObject({ early0: ['early0-1', 'early0-2'], late: ['late-1'] });
    expect((await items(engines, under)).filter(({ sk }) => sk!.S !== 'fence')).toEqual([]);
    expect([total('Relayed'), total('RelayFailed')]).toEqual([12, 0]);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      service: 'orders-outbox',
      OutboxLag: expect.any(Number),
      _aws: { CloudWatchMetrics: [{ Namespace: 'Baton', Dimensions: [['service']] }] },
    });
  });

  it('does nothing while another one has the lease, and takes over when that one ends', async () => {
    const under = await outboxUnderTest(engines);
    const [first, second] = [observed(under), observed(under)];
    const running = createPollingRelay(first.options)({}, lambdaContext(1_000));
    await until(async () => (await items(engines, under)).length > 0);
    const standby = createPollingRelay(second.options)({}, lambdaContext(3_000));
    await commit(engines.clients, under.outbox, [event('a', 1)]);
    await running;
    await commit(engines.clients, under.outbox, [event('a', 2)]);
    await standby;
    expect([first.total('Relayed'), second.total('Relayed')]).toEqual([1, 1]);
    expect(arrived(engines, under)).toEqual(['a-1', 'a-2']);
  });

  it('goes on when the topic is there again', async () => {
    const under = await outboxUnderTest(engines);
    await commit(engines.clients, under.outbox, [event('a', 1), event('a', 2)]);
    const { clients, mend } = failingSns('InternalError');
    const { options, logged, total } = observed(under, clients);
    const running = createPollingRelay(options)({}, lambdaContext(3_000));
    await until(() => logged.length > 0);
    mend();
    await running;
    expect(logged[0]).toBe('An event was not accepted; it and later ones of its key wait for the next try.');
    expect(arrived(engines, under)).toEqual(['a-1', 'a-2']);
    expect(total('RelayFailed')).toBeGreaterThan(0);
  });

  it('fails in the end when a shard cannot be read, having relayed the others', async () => {
    const under = await outboxUnderTest(engines, { shards: 2 });
    const keys = Array.from({ length: 8 }, (_, n) => event(`k${n}`, 1));
    await commit(engines.clients, under.outbox, keys);
    const dynamodb: Clients['dynamodb'] = {
      async call(operation, input) {
        if (operation === 'Query' && JSON.stringify(input).includes('shard#1')) throw new Error('no access');
        return await engines.clients.dynamodb.call(operation, input);
      },
    };
    const { options } = observed(under, { ...engines.clients, dynamodb });
    await expect(createPollingRelay(options)({}, lambdaContext(1_000))).rejects.toThrow('no access');
    expect(await pending(engines, under, 0)).toEqual([]);
    expect((await pending(engines, under, 1)).length).toBeGreaterThan(0);
  });
});

describe('a relay behind the stream', () => {
  /** What the stream says of the entries that are in the table. */
  async function rings(under: OutboxUnderTest): Promise<DynamoDBRecord[]> {
    const found = [];
    for (let shard = 0; shard < under.shards; shard++) {
      for (const sk of await pending(engines, under, shard)) found.push({ shard, sk });
    }
    return found.map(({ shard, sk }, position) => ({
      eventName: 'INSERT',
      dynamodb: { SequenceNumber: `seq-${position}`, Keys: { pk: { S: `shard#${shard}` }, sk: { S: sk } } },
    }));
  }

  it('publishes and retires what a batch announces, and older entries before it', async () => {
    const under = await outboxUnderTest(engines, { shards: 2 });
    for (let n = 1; n <= 3; n++) await commit(engines.clients, under.outbox, [event('a', n), event('b', n)]);
    const Records = (await rings(under)).filter(({ dynamodb }) => /-3$/.test(dynamodb!.Keys!.sk!.S!));
    const { options, lines, total } = observed(under);
    expect(await createStreamRelay(options)({ Records }, lambdaContext())).toEqual({ batchItemFailures: [] });
    expect(byKey(arrived(engines, under))).toEqual({ a: ['a-1', 'a-2', 'a-3'], b: ['b-1', 'b-2', 'b-3'] });
    expect(await rings(under)).toEqual([]);
    expect([lines.length, total('Relayed')]).toEqual([1, 6]);
  });

  it('acknowledges what is gone already, and what is no entry', async () => {
    const under = await outboxUnderTest(engines);
    await commit(engines.clients, under.outbox, [event('a', 1)]);
    const Records = await rings(under);
    Records.push({
      eventName: 'INSERT',
      dynamodb: { SequenceNumber: '9', Keys: { pk: { S: 'key#a' }, sk: { S: 'fence' } } },
    });
    const relay = createStreamRelay(observed(under).options);
    for (let time = 1; time <= 2; time++) {
      expect(await relay({ Records }, lambdaContext())).toEqual({ batchItemFailures: [] });
    }
    expect(arrived(engines, under)).toEqual(['a-1']);
  });

  it('has the stream begin again at the first entry that the topic failed', async () => {
    const under = await outboxUnderTest(engines);
    for (const id of [1, 2]) await commit(engines.clients, under.outbox, [event('a', id)]);
    const Records = await rings(under);
    const { clients, mend } = failingSns('InternalError');
    const relay = createStreamRelay(observed(under, clients).options);
    expect(await relay({ Records }, lambdaContext())).toEqual({ batchItemFailures: [{ itemIdentifier: 'seq-0' }] });
    mend();
    expect(await relay({ Records }, lambdaContext())).toEqual({ batchItemFailures: [] });
    expect(arrived(engines, under)).toEqual(['a-1', 'a-2']);
  });

  it('has the stream begin again when the table cannot be read, or time is up', async () => {
    const under = await outboxUnderTest(engines);
    await commit(engines.clients, under.outbox, [event('a', 1)]);
    const Records = await rings(under);
    const dynamodb: Clients['dynamodb'] = { call: () => Promise.reject(new Error('no access')) };
    const broken = createStreamRelay(observed(under, { ...engines.clients, dynamodb }).options);
    const again = { batchItemFailures: [{ itemIdentifier: 'seq-0' }] };
    expect(await broken({ Records }, lambdaContext())).toEqual(again);
    expect(await createStreamRelay(observed(under).options)({ Records }, lambdaContext(200))).toEqual(again);
  });

  it('does not hold up the stream for an event that is refused for good; the sweep finds it when it can go', async () => {
    const under = await outboxUnderTest(engines, { shards: 2 });
    await commit(engines.clients, under.outbox, [event('a', 1)]);
    const { clients, mend } = failingSns('InvalidParameter');
    const { options, logged } = observed(under, clients);
    const refused = createStreamRelay(options);
    expect(await refused({ Records: await rings(under) }, lambdaContext())).toEqual({ batchItemFailures: [] });
    expect(logged).toEqual(['The topic refuses an event; it and later ones of its key wait.']);
    mend();
    await createStreamRelay(observed(under, clients).options)({}, lambdaContext());
    expect(arrived(engines, under)).toEqual(['a-1']);
    expect(await rings(under)).toEqual([]);
  });

  it('fails a sweep that cannot read a shard', async () => {
    const under = await outboxUnderTest(engines);
    const dynamodb: Clients['dynamodb'] = { call: () => Promise.reject(new Error('no access')) };
    const { options } = observed(under, { ...engines.clients, dynamodb });
    await expect(createStreamRelay(options)({}, lambdaContext())).rejects.toThrow('no access');
  });
});
