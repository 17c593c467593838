import { describe, expect, it } from 'vitest';
import { placeOf, unfinishedLooks } from '../../lib/cli/contracts-in-flight.ts';
import { checkText } from '../../lib/cli/contracts-report.ts';
import { UsageError } from '../../lib/cli/failure.ts';
import type { InFlight, InFlightRow, QueueReport } from '../../lib/operations/contracts/in-flight.ts';

const queue = (more: Partial<QueueReport> = {}): QueueReport => ({
  consumer: 'billing',
  owner: 'payments',
  queue: 'queue',
  name: 'billing-queue',
  status: 'sampled',
  visible: 3,
  notVisible: 0,
  delayed: 0,
  sampled: 3,
  notGivenBack: 0,
  ...more,
});
const row = (more: Partial<InFlightRow> = {}): InFlightRow => ({
  consumer: 'billing',
  owner: 'payments',
  queue: 'queue',
  type: 'order.placed',
  version: 2,
  sampled: 3,
  unreadable: 0,
  unjudged: 0,
  verdicts: { readable: 3 },
  examples: [],
  ...more,
});
const seen = (queues: QueueReport[], rows: InFlightRow[] = []): InFlight => {
  return { queues, rows, sampled: 0, unreadable: 0, unjudged: 0, notGivenBack: 0 };
};
const none = { strict: false, allowUnjudged: false, told: new Set<string>() };

describe('what leaves a check unfinished', () => {
  it('is nothing when all that is there was judged, or nothing is there', () => {
    const empty = { visible: 0, sampled: 0 };
    const queues = [queue(), queue({ status: 'missing', ...empty }), queue({ status: 'spared', ...empty })];
    expect(unfinishedLooks(seen(queues, [row(), row({ unreadable: 1 })]), none)).toEqual([]);
  });

  it('is what was not given back, whatever may stay unjudged', () => {
    const queues = [
      queue({ notGivenBack: 1 }),
      queue({ status: 'failed', note: 'AccessDenied: no.', notGivenBack: 12 }),
    ];
    expect(unfinishedLooks(seen(queues), { ...none, allowUnjudged: true })).toEqual([
      'billing-queue could not be read. AccessDenied: no.',
      'billing-queue: 1 message could not be given back: hidden for up to a minute.',
      'billing-queue: 12 messages could not be given back: hidden for up to a minute.',
    ]);
  });

  it('is told once of queues that fail for the same reason', () => {
    const failed = { status: 'failed', note: 'Error: Region is missing' } as const;
    const queues = [queue(failed), queue({ ...failed, queue: 'dlq', name: 'billing-dlq' })];
    expect(unfinishedLooks(seen(queues), none)).toEqual([
      'billing-queue, billing-dlq could not be read. Error: Region is missing',
    ]);
  });

  it.each(['spared', 'counted'] as const)('is a queue with messages that is %s', (status) => {
    const found = seen([queue({ status, note: 'That is why.' })]);
    expect(unfinishedLooks(found, none)).toEqual([
      'billing-queue: about 3 messages not judged. That is why. If that is acceptable, say --allow-unjudged.',
    ]);
    expect(unfinishedLooks(found, { ...none, allowUnjudged: true })).toEqual([]);
    expect(unfinishedLooks(found, { ...none, told: new Set(['billing']) })).toEqual([]);
  });

  it('is a message that was not judged, in a DLQ with --strict only', () => {
    const examples = [
      { messageId: 'n', verdict: 'malformed' as const, message: 'It is odd.' },
      { messageId: 'm', verdict: 'unjudged' as const, message: 'It hangs.' },
    ];
    const found = seen([queue()], [row({ queue: 'dlq', unjudged: 2, unreadable: 1, examples })]);
    expect(unfinishedLooks(found, none)).toEqual([]);
    expect(unfinishedLooks(found, { ...none, strict: true })).toEqual([
      '2 messages of order.placed v2 in the DLQ of billing not judged. It hangs. If that is acceptable, say --allow-unjudged.',
    ]);
  });
});

describe('what a person is told of messages in flight', () => {
  const text = (rows: InFlightRow[], queues = [queue({ visible: 352, note: 'The sample ended early.' })]) =>
    checkText({
      holds: true,
      registry: 'registry',
      types: 1,
      versions: 1,
      consumers: [],
      findings: [],
      unfinished: [],
      notes: [],
      inFlight: {
        ...seen(queues, rows),
        unjudged: rows.reduce((sum, one) => sum + one.unjudged, 0),
        readable: true,
        strict: false,
      },
    });

  it('is an example of each verdict, and how many there are of it; the number of all and the note once for the queue', () => {
    const examples = [
      { messageId: 'm-1', verdict: 'upcastFailed' as const, message: 'No.' },
      { messageId: 'm-2', verdict: 'unjudged' as const, message: 'It hangs.' },
    ];
    const verdicts = { readable: 1, upcastFailed: 2, unjudged: 1 };
    const { type: _, version: __, ...nothing } = row({ queue: 'queue', sampled: 1 });
    const odd = [{ messageId: 'm-3', verdict: 'malformed' as const, message: 'No JSON.' }];
    const told = text([
      row({ sampled: 4, unreadable: 2, unjudged: 1, verdicts, examples }),
      { ...nothing, unreadable: 1, verdicts: { malformed: 1 }, examples: odd },
    ]);
    expect(told.split('\n').slice(0, 8)).toEqual([
      'In flight',
      '  consumer            in     event                sampled  unreadable  unjudged  in all',
      '  billing (payments)  queue  order.placed v2            4           2         1    ~352',
      '    The sample ended early.',
      '    2 upcastFailed, for example message m-1: No.',
      '    1 unjudged, message m-2: It hangs.',
      '  billing (payments)  queue  (not a valid event)        1           1         0',
      '    1 malformed, message m-3: No JSON.',
    ]);
  });

  it('is that messages were not judged, also where that is acceptable', () => {
    const said = text([row({ unjudged: 2 })]);
    expect(said).toMatch(/The contracts hold: .* 2 messages in flight not judged\.\n$/);
    expect(text([row()])).not.toContain('not judged');
  });
});

describe('where consumers are', () => {
  it('is one place, or an assembly has to be named that has one', () => {
    const deployment = { environments: ['prod'], accounts: ['111111111111'], regions: ['eu-central-1'] };
    expect(placeOf(deployment)).toEqual({ account: '111111111111', region: 'eu-central-1' });
    expect(placeOf({ ...deployment, accounts: [], regions: [] })).toEqual({});
    const several = { ...deployment, regions: ['eu-central-1', 'us-east-1'] };
    expect(() => placeOf(several)).toThrow(UsageError);
    expect(() => placeOf(several)).toThrow(/111111111111, eu-central-1, us-east-1/);
  });
});
