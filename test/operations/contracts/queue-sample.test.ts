import { describe, expect, it } from 'vitest';
import {
  createBench,
  createWorld,
  grantReceives,
  look,
  numbered,
  readerFor,
  receiveAll,
  send,
} from './in-flight-bench.ts';

const bench = createBench();

/** The receive counts of what a queue has, whoever leases it. */
function engineCounts(name: string): number[] {
  const { messages } = bench.engines.fauxqs.inspectQueue(name)!;
  const all = [...messages.ready, ...messages.delayed, ...messages.inflight.map(({ message }) => message)];
  return all.map(({ approximateReceiveCount }) => approximateReceiveCount);
}

describe('what a look costs', () => {
  it('is too much where a message is received a few times only', async () => {
    const world = createWorld(bench);
    await grantReceives(bench, world, 3);
    await send(bench, world.queue, numbered(2));
    const { queues } = await look(bench, world);
    expect(queues[0]).toMatchObject({
      status: 'spared',
      visible: 2,
      sampled: 0,
      note: expect.stringContaining('3 times'),
    });
    expect((await receiveAll(bench, world.queue))[0]!.Attributes!.ApproximateReceiveCount).toBe('1');
  });

  it('is one receive of each message, the first one included, which SQS has to take back before there is a second', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(12));
    const asked: unknown[] = [];
    bench.answer = async (command, input, next) => {
      const { QueueUrl, MaxNumberOfMessages, Entries } = input as Record<string, unknown>;
      if (String(QueueUrl).endsWith(world.queue.name)) {
        if (command === 'ReceiveMessage') asked.push(MaxNumberOfMessages);
        if (command.startsWith('Change')) asked.push(`${(Entries as object[]).length} back`);
      }
      return await next();
    };
    const { queues } = await look(bench, world, { sample: 12 });
    expect(queues[0]).toMatchObject({ sampled: 12, notGivenBack: 0 });
    expect(asked).toEqual([1, '1 back', 10, 1, '10 back', '2 back']);
    const receives = (await receiveAll(bench, world.queue)).map(
      ({ Attributes }) => Attributes!.ApproximateReceiveCount,
    );
    expect(receives).toEqual(Array(12).fill('2'));
  });

  it('leaves half of the receives to the consumer: then the sample ends at the first message', async () => {
    const world = createWorld(bench);
    await grantReceives(bench, world, 5);
    await send(bench, world.queue, numbered(30));
    expect((await look(bench, world)).queues[0]!.sampled).toBe(30);
    expect((await look(bench, world)).queues[0]).toMatchObject({
      status: 'sampled',
      sampled: 1,
      note: expect.stringContaining('half of their receives'),
    });
  });

  it.each([
    [5, 1, 5],
    [5, 5, 21],
    [13, 1, 13],
    [4, 3, 10],
  ])(
    'moves nothing to the DLQ, where %i receives are granted and nobody works on %i messages, in %i checks',
    async (receives, messages, checks) => {
      const world = createWorld(bench);
      await grantReceives(bench, world, receives);
      await send(bench, world.queue, numbered(messages));
      for (let check = 0; check < checks; check++) await look(bench, world);
      expect(engineCounts(world.dlq.name)).toEqual([]);
      expect(engineCounts(world.queue.name)).toHaveLength(messages);
    },
  );

  it.each([
    [5, 4],
    [13, 10],
  ])(
    'is two receives of the first message of a FIFO queue: where %i are granted, %i checks move nothing',
    async (receives, checks) => {
      const world = createWorld(bench, { fifo: true });
      await grantReceives(bench, world, receives);
      await send(bench, world.queue, numbered(4), 'group');
      await look(bench, world);
      expect(Math.max(...engineCounts(world.queue.name))).toBe(2);
      for (let check = 1; check < checks; check++) await look(bench, world);
      expect(engineCounts(world.dlq.name)).toEqual([]);
      expect(engineCounts(world.queue.name)).toHaveLength(4);
    },
  );

  it('does not end the sample of a DLQ, which counts nothing', async () => {
    const world = createWorld(bench);
    await grantReceives(bench, world, 5);
    await send(bench, world.dlq, numbered(12, 'malformed'));
    for (let time = 0; time < 6; time++) await look(bench, world);
    expect((await look(bench, world)).queues[1]).toMatchObject({ status: 'sampled', sampled: 12 });
  });
});

describe('everything is given back', () => {
  it('when the sampling is called off in the middle', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(25));
    await send(bench, world.dlq, numbered(5));
    const controller = new AbortController();
    bench.answer = async (command, _, next) => {
      const output = await next();
      if (command === 'ReceiveMessage') controller.abort(new Error('enough'));
      return output;
    };
    const { queues, rows, notGivenBack } = await look(bench, world, { signal: controller.signal });
    expect(queues.map(({ status, sampled }) => [status, sampled])).toEqual([
      ['interrupted', 0],
      ['interrupted', 0],
    ]);
    expect({ rows, notGivenBack }).toEqual({ rows: [], notGivenBack: 0 });
    expect(bench.sent).toContain('ChangeMessageVisibilityBatch');
    expect(await receiveAll(bench, world.queue)).toHaveLength(25);
    expect(await receiveAll(bench, world.dlq)).toHaveLength(5);
  });

  it('and nothing is taken when it is called off before', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(1));
    const { queues } = await look(bench, world, { signal: AbortSignal.abort(new Error('enough')) });
    expect(queues.map(({ status }) => status)).toEqual(['interrupted', 'interrupted']);
    expect(bench.sent).toEqual([]);
  });

  it('before anything is judged, so that a judge that fails or takes its time holds up nothing', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(12));
    const seen: number[] = [];
    const judge = async () => {
      seen.push((await receiveAll(bench, world.queue)).length);
      throw new Error('no judgement today');
    };
    const { rows, unreadable, unjudged } = await look(bench, world, { readers: [readerFor(world.consumer, judge)] });
    expect(seen).toEqual([12]);
    expect({ unreadable, unjudged }).toEqual({ unreadable: 0, unjudged: 12 });
    expect(rows).toMatchObject([
      {
        sampled: 12,
        unjudged: 12,
        verdicts: { unjudged: 12 },
        examples: [{ verdict: 'unjudged', message: 'It could not be judged: no judgement today' }],
      },
    ]);
  });

  it('when SQS stops answering in the middle; the queue is then reported, and the others are not held up by it', async () => {
    const [world, other] = [createWorld(bench), createWorld(bench, { name: 'analytics' })];
    await send(bench, world.queue, numbered(25));
    await send(bench, other.queue, numbered(2));
    let receives = 0;
    bench.answer = async (command, input, next) => {
      const hit = command === 'ReceiveMessage' && (input as { QueueUrl: string }).QueueUrl.endsWith(world.queue.name);
      if (hit && ++receives === 2) throw Object.assign(new Error('not now'), { name: 'ServiceUnavailable' });
      return await next();
    };
    const consumers = [world.consumer, other.consumer];
    const { queues } = await look(bench, world, { consumers, readers: consumers.map((one) => readerFor(one)) });
    expect(queues.map(({ consumer, queue, status, sampled }) => [consumer, queue, status, sampled])).toEqual([
      ['billing', 'queue', 'failed', 0],
      ['billing', 'dlq', 'sampled', 0],
      ['analytics', 'queue', 'sampled', 2],
      ['analytics', 'dlq', 'sampled', 0],
    ]);
    expect(queues[0]!.note).toBe('ServiceUnavailable: not now');
    expect(await receiveAll(bench, world.queue)).toHaveLength(25);
  });

  it('by asking again when SQS does not take some of it', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(20));
    const tries: number[] = [];
    const waits: number[] = [];
    bench.answer = async (command, input, next) => {
      if (command !== 'ChangeMessageVisibilityBatch') return await next();
      const { Entries } = input as { Entries: { Id: string }[] };
      if (Entries.length === 1) return await next();
      tries.push(Entries.length);
      if (tries.length === 1) throw new Error('connection reset');
      if (tries.length > 2) return await next();
      const kept = Entries.splice(3);
      await next();
      return { Failed: kept.map(({ Id }) => ({ Id, Code: 'InternalError', SenderFault: false })) };
    };
    const sleep = async (ms: number) => void waits.push(ms);
    const { queues } = await look(bench, world, { sleep });
    expect(tries).toEqual([10, 10, 7, 10]);
    expect(waits).toEqual([400, 800]);
    expect(queues[0]!.notGivenBack).toBe(0);
    expect(await receiveAll(bench, world.queue)).toHaveLength(20);
  });

  it('or it is counted how many stay hidden until their lease ends', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(12));
    const leases: unknown[] = [];
    let changes = 0;
    bench.answer = async (command, input, next) => {
      if (command === 'ReceiveMessage') leases.push((input as { VisibilityTimeout: number }).VisibilityTimeout);
      if (command !== 'ChangeMessageVisibilityBatch' || ++changes === 1) return await next();
      throw new Error('connection reset');
    };
    const { queues, rows, notGivenBack } = await look(bench, world);
    expect(queues[0]).toMatchObject({ sampled: 12, notGivenBack: 12 });
    expect(notGivenBack).toBe(12);
    expect(rows[0]!.sampled).toBe(12);
    expect(new Set(leases)).toEqual(new Set([60]));
  });

  it('or it is said of a queue that stopped answering in the middle', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(25));
    let calls = 0;
    bench.answer = async (command, input, next) => {
      const hit = (input as { QueueUrl?: string }).QueueUrl?.endsWith(world.queue.name);
      if (hit && /Receive|Change/.test(command) && ++calls > 3) throw new Error('connection reset');
      return await next();
    };
    const { queues } = await look(bench, world);
    expect(queues[0]).toMatchObject({
      status: 'failed',
      sampled: 0,
      notGivenBack: 11,
      note: 'Error: connection reset',
    });
  });

  it.each(['queue', 'dlq'] as const)(
    'or no more than one message is leased, where the credentials may not give back (%s)',
    async (which) => {
      const world = createWorld(bench);
      await send(bench, world[which], numbered(30));
      bench.answer = async (command, _, next) => {
        if (command !== 'ChangeMessageVisibilityBatch') return await next();
        throw Object.assign(new Error('User jane is not authorized'), { name: 'AccessDenied', $fault: 'client' });
      };
      const { queues, notGivenBack } = await look(bench, world);
      expect(queues.find(({ queue }) => queue === which)).toMatchObject({
        status: 'failed',
        sampled: 0,
        notGivenBack: 1,
        note: expect.stringMatching(/only one was leased \(AccessDenied: .*jane.*needs sqs:ChangeMessageVisibility/),
      });
      expect(notGivenBack).toBe(1);
      expect(await receiveAll(bench, world[which])).toHaveLength(29);
      // nor is it asked a second time
      expect(bench.sent.filter((command) => command === 'ChangeMessageVisibilityBatch')).toHaveLength(1);
    },
  );

  it('or left alone when its lease is about to end: somebody else may have it by then', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(12));
    let now = 0;
    bench.answer = async (command, input, next) => {
      const hit = (input as { QueueUrl?: string }).QueueUrl?.endsWith(world.queue.name);
      if (hit && command === 'ReceiveMessage') now += 14_000;
      if (hit && command.startsWith('Change')) now += 21_000;
      return await next();
    };
    const { queues } = await look(bench, world, { clock: () => now });
    // a receive at 0, its rehearsal at 14 s; at 35 s no more are leased, and the one is given back
    expect(queues[0]).toMatchObject({ sampled: 1, notGivenBack: 0, note: 'The sample ended after 15 seconds.' });
    now = 0;
    let back = 0;
    bench.answer = async (command, input, next) => {
      const hit = (input as { QueueUrl?: string }).QueueUrl?.endsWith(world.queue.name);
      if (hit && command.startsWith('Change')) {
        now += 56_000;
        back++;
      }
      return await next();
    };
    expect((await look(bench, world, { clock: () => now })).queues[0]).toMatchObject({ sampled: 1, notGivenBack: 1 });
    // the rehearsal alone
    expect(back).toBe(1);
  });

  it('apart from what somebody has taken over meanwhile', async () => {
    const world = createWorld(bench);
    await send(bench, world.queue, numbered(2));
    bench.answer = async (command, input, next) => {
      if (command !== 'ChangeMessageVisibilityBatch') return await next();
      const { Entries } = input as { Entries: { Id: string }[] };
      const Code = 'AWS.SimpleQueueService.MessageNotInflight';
      return { Failed: Entries.map(({ Id }) => ({ Id, Code, SenderFault: true })) };
    };
    const { queues } = await look(bench, world);
    expect(queues[0]!.notGivenBack).toBe(0);
    // the first one, and both
    expect(bench.sent.filter((command) => command === 'ChangeMessageVisibilityBatch')).toHaveLength(2);
  });
});
