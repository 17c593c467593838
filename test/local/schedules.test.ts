import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startEngines } from '../../lib/local/engines.ts';
import type { InvokeResult } from '../../lib/local/functions/invocation.ts';
import type { ScheduleResource, ScheduleTarget } from '../../lib/local/resources.ts';
import { type Schedules, type SchedulesProps, startSchedules } from '../../lib/local/schedules/schedules.ts';

const START = Date.parse('2026-03-01T10:00:00Z');
const MINUTE = 60_000;
const ok: InvokeResult = { status: 'succeeded', requestId: 'r', payload: null, durationMs: 1 };
const failed: InvokeResult = {
  status: 'failed',
  requestId: 'r',
  kind: 'Unhandled',
  error: { errorType: 'Error', errorMessage: 'no', trace: [] },
  durationMs: 1,
};

let started: Schedules | undefined;
let errors: string[];

function schedule(overrides: Partial<ScheduleResource> = {}, target: Partial<ScheduleTarget> = {}): ScheduleResource {
  return {
    kind: 'schedule',
    stack: 'shop',
    logicalId: 'Relay',
    path: 'shop/Relay',
    name: 'relay',
    arn: 'arn:aws:scheduler:eu-central-1:000000000000:schedule/default/relay',
    expression: 'rate(1 minute)',
    timezone: 'UTC',
    enabled: true,
    targets: [
      {
        to: { kind: 'function', functionName: 'relay' },
        maximumRetryAttempts: 2,
        maximumEventAgeSeconds: 3_600,
        ...target,
      },
    ],
    ...overrides,
  };
}

/** A function whose invocations end when the test says so. */
function relay(concurrency = 1, answer: () => InvokeResult | Promise<InvokeResult> = () => ok) {
  const events: unknown[] = [];
  return {
    events,
    concurrency,
    async invoke(event: unknown) {
      events.push(event);
      return await answer();
    },
  };
}

function start(one: ScheduleResource, fn: ReturnType<typeof relay>, sqs?: SchedulesProps['sqs']): Schedules {
  let ids = 0;
  started = startSchedules({
    schedules: [one],
    functions: new Map([['relay', fn]]),
    sqs: sqs as SchedulesProps['sqs'],
    id: () => `id-${++ids}`,
    onError: (error) => errors.push(error.message),
  });
  return started;
}

beforeEach(() => {
  errors = [];
});
afterEach(() => {
  started?.stop();
  vi.useRealTimers();
});

describe('a schedule', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: START });
  });

  it('with a rate fires at once and then by its beat, with the default event', async () => {
    const fn = relay();
    start(schedule(), fn);
    await vi.advanceTimersByTimeAsync(0);
    expect(fn.events).toEqual([
      {
        version: '0',
        id: 'id-1',
        'detail-type': 'Scheduled Event',
        source: 'aws.scheduler',
        account: '000000000000',
        time: '2026-03-01T10:00:00Z',
        region: 'eu-central-1',
        resources: ['arn:aws:scheduler:eu-central-1:000000000000:schedule/default/relay'],
        detail: '{}',
      },
    ]);
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    expect(fn.events).toMatchObject([{}, { time: '2026-03-01T10:01:00Z' }, { time: '2026-03-01T10:02:00Z' }]);
  });

  it('with a cron expression fires when it says, and not before', async () => {
    const fn = relay();
    start(schedule({ expression: 'cron(2 10 * * ? *)', kind: 'rule' }), fn);
    await vi.advanceTimersByTimeAsync(2 * MINUTE - 1);
    expect(fn.events).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(fn.events).toMatchObject([{ source: 'aws.events', detail: {}, time: '2026-03-01T10:02:00Z' }]);
  });

  it('hands over its input, with the context attributes filled in', async () => {
    const fn = relay();
    const input =
      '{"at":"<aws.scheduler.scheduled-time>","try":"<aws.scheduler.attempt-number>","x":"<aws.scheduler.y>"}';
    start(schedule({}, { input }), fn);
    await vi.advanceTimersByTimeAsync(0);
    expect(fn.events).toEqual([{ at: '2026-03-01T10:00:00Z', try: '1', x: '<aws.scheduler.y>' }]);
  });

  it('fires between its dates only, and not at all when it is disabled', async () => {
    const fn = relay();
    start(schedule({ startAt: START + MINUTE, endAt: START + 3 * MINUTE }), fn);
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(fn.events).toHaveLength(3);
    const other = relay();
    start(schedule({ enabled: false }), other);
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(other.events).toEqual([]);
  });

  it('tries a failed firing again as often as its retry policy says', async () => {
    const fn = relay(1, () => failed);
    start(schedule({ expression: 'rate(1 hour)' }), fn);
    await vi.advanceTimersByTimeAsync(30 * MINUTE);
    expect(fn.events).toHaveLength(3);
    expect(errors).toEqual([
      'shop/Relay: attempt 1 failed (Error: no), tried again in 1 s',
      'shop/Relay: attempt 2 failed (Error: no), tried again in 2 s',
      'shop/Relay: attempt 3 failed (Error: no), given up',
    ]);
  });

  it('does not try an event again that has become too old', async () => {
    const fn = relay(1, () => failed);
    start(schedule({ expression: 'rate(1 hour)' }, { maximumRetryAttempts: 185, maximumEventAgeSeconds: 4 }), fn);
    await vi.advanceTimersByTimeAsync(30 * MINUTE);
    expect(fn.events).toHaveLength(3);
  });

  it.each([
    ['one environment: one firing waits for its end, and stands for all that come meanwhile', 1, 1, 2],
    ['two environments: two run side by side', 2, 2, 3],
  ])('of a function that outlasts its rate, with %s', async (_what, concurrency, atOnce, later) => {
    const ends: (() => void)[] = [];
    const fn = relay(concurrency, () => new Promise((resolve) => ends.push(() => resolve(ok))));
    start(schedule(), fn);
    await vi.advanceTimersByTimeAsync(5 * MINUTE);
    expect(fn.events).toHaveLength(atOnce);
    ends.shift()!();
    await vi.advanceTimersByTimeAsync(0);
    expect(fn.events).toHaveLength(later);
    ends.shift()!();
    await vi.advanceTimersByTimeAsync(0);
    expect(fn.events).toHaveLength(later);
  });

  it('is restless while its function runs, and just before it fires', async () => {
    let end = () => {};
    const fn = relay(1, () => new Promise((resolve) => (end = () => resolve(ok))));
    const schedules = start(schedule(), fn);
    await vi.advanceTimersByTimeAsync(0);
    expect(schedules.restless(3_000)).toBe(true);
    end();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(schedules.restless(3_000)).toBe(false);
    await vi.advanceTimersByTimeAsync(56_500);
    expect(schedules.restless(3_000)).toBe(true);
  });

  it('that is stopped fires no more, tries nothing again and leaves no timer', async () => {
    const fn = relay(1, () => failed);
    const schedules = start(schedule(), fn);
    await vi.advanceTimersByTimeAsync(500);
    schedules.stop();
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(fn.events).toHaveLength(1);
    expect(schedules.restless(MINUTE)).toBe(false);
  });

  it('far in the future waits for it', async () => {
    const fn = relay();
    start(schedule({ expression: 'at(2026-05-01T10:00:00)' }), fn);
    await vi.advanceTimersByTimeAsync(Date.parse('2026-05-01T09:59:59Z') - START);
    expect(fn.events).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(fn.events).toHaveLength(1);
  });
});

it('a schedule sends its input to a queue', async () => {
  const engines = await startEngines({ region: 'eu-central-1' });
  try {
    const { sqs } = engines.clients;
    const { QueueUrl } = await sqs.send(
      new CreateQueueCommand({
        QueueName: 'reports.fifo',
        Attributes: { FifoQueue: 'true', ContentBasedDeduplication: 'true' },
      }),
    );
    const to = { kind: 'queue' as const, queueUrl: QueueUrl!, messageGroupId: 'night' };
    start(schedule({}, { to, input: 'go' }), relay(), sqs);
    const { Messages } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5, MessageSystemAttributeNames: ['All'] }),
    );
    expect(Messages).toMatchObject([{ Body: 'go', Attributes: { MessageGroupId: 'night' } }]);
    const attributes = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] });
    expect((await sqs.send(attributes)).Attributes).toEqual({ ApproximateNumberOfMessages: '0' });
    expect(errors).toEqual([]);
  } finally {
    await engines.stop();
  }
});
