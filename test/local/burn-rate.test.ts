import { SNSClient } from '@aws-sdk/client-sns';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Flow } from '../../lib/constructs/flow.ts';
import { EventTopic } from '../../lib/constructs/index.ts';
import { type SeparatedAlarms, separateEmulated } from '../../lib/local/alarms/emulation.ts';
import { readAssembly } from '../../lib/local/assembly.ts';
import { type Engines, startEngines } from '../../lib/local/engines.ts';
import { startAlarmClock } from '../../lib/local/metrics/alarm-clock.ts';
import { createEmfReader } from '../../lib/local/metrics/emf.ts';
import { provision } from '../../lib/local/provision/provision.ts';
import type { AlarmResource, Resources } from '../../lib/local/resources.ts';
import { batchMetrics, type Settlement } from '../../lib/runtime/telemetry/batch-metrics.ts';
import { writeEmf } from '../../lib/runtime/telemetry/emf.ts';
import { SeatFreed, wiring } from '../constructs/fixtures/wiring.ts';
import { seeded } from '../runtime/seed.ts';
import { FLOW, type Minute, minutesOf, type Replay, type Run, recorded, recordedRuns, replay } from './burn-rates.ts';

const CHECKOUT = 'Theatre/Checkout';
const PAGE = `${CHECKOUT}/Page`;
const ESCALATION = `${CHECKOUT}/Escalation`;
const BURNING = `${CHECKOUT}/Success/Burning`;
const SUSTAINED = `${CHECKOUT}/Success/Sustained`;

let engines: Engines;
let resources: Resources;
let alarms: SeparatedAlarms;

beforeAll(async () => {
  const { app, stack, consumer, onCall } = wiring();
  const halls = new EventTopic(stack, 'Halls', { events: [SeatFreed], owner: 'sales', onCall });
  new Flow(stack, 'Checkout', {
    owner: 'sales',
    onCall,
    parts: [consumer({}, 'SeatPlan'), consumer({}, 'Tickets'), halls],
    objectives: { success: 99, latency: 95, delivery: 99.9 },
  });
  const assembly = readAssembly(app.synth().directory);
  engines = await startEngines({ region: 'eu-central-1' });
  resources = await provision(assembly, engines);
  alarms = separateEmulated(resources.alarms, { topicsSeen: true });
});

afterAll(() => engines?.stop());

/** What the people on call heard of the flow and its parts: whom, of what, in which minute. */
async function heardIn(series: string) {
  const { heard, ...rest } = await replay(recorded(series), alarms, engines.clients.sns);
  const topics = new Map(resources.topics.map(({ arn, path }) => [arn, path.replace('Theatre/OnCall/', '')]));
  const told = heard
    .filter(({ alarm, to }) => !alarm.startsWith('Theatre/OnCall') && to === 'ALARM')
    .map(({ alarm, topic, minute }) => ({ topic: topics.get(topic), alarm: alarm.replace('Theatre/', ''), minute }));
  return { told, ...rest };
}

/** The minutes in which an alarm was raised and ended. */
function raised({ changes }: Pick<Replay, 'changes'>, path: string): [from: number, to: number | undefined][] {
  const own = changes.filter(({ alarm }) => alarm === path);
  return own.flatMap(({ to, minute }, n) => (to === 'ALARM' ? [[minute, own[n + 1]?.minute] as [number, number]] : []));
}

describe('a flow that promises 99% success', () => {
  it('has all of its alarms evaluated here', () => {
    const own = (list: readonly AlarmResource[]) =>
      list.map(({ path }) => path).filter((path) => path.startsWith(CHECKOUT));
    expect(own(alarms.emulated)).toEqual(own(resources.alarms));
    expect(own(alarms.emulated)).toHaveLength(3 * 6 + 3);
  });

  it('pages once for a burst, within minutes, and is well again 5 minutes after it', async () => {
    const { told, ...rest } = await heardIn('burst');
    // 2% of the hour's 12,000 events are bad after 2 minutes; a suppressor may be waited for one more
    expect(raised(rest, BURNING)).toEqual([[122, 135]]);
    expect(told).toEqual([{ topic: 'Page', alarm: 'Checkout/Page', minute: expect.any(Number) }]);
    expect(told[0]!.minute).toBeLessThanOrEqual(123);
    expect(raised(rest, SUSTAINED)).toEqual([]);
  });

  it('pages for a slow burn once it is worth an hour, and escalates when it lasts six', async () => {
    const { told, ...rest } = await heardIn('slow-burn');
    // 3% of 40 minutes are 2% of an hour; the oldest of six hours is over that 5 hours later
    expect(raised(rest, BURNING)).toEqual([[100, 542]]);
    expect(raised(rest, SUSTAINED)).toEqual([[400, 551]]);
    expect(told.map(({ topic, alarm }) => [topic, alarm])).toEqual([
      ['Page', 'Checkout/Page'],
      ['Page', 'Checkout/Escalation'],
    ]);
  });

  it.each(['blip', 'no-traffic', 'low-traffic'])('says nothing about: %s', async (series) => {
    const { told, changes } = await heardIn(series);
    expect(told).toEqual([]);
    expect(raised({ changes }, PAGE)).toEqual([]);
  });

  it('does not stand in alarm when the traffic stops', async () => {
    const { told, ...rest } = await heardIn('traffic-stops');
    expect(told).toHaveLength(1);
    expect(raised(rest, PAGE)).toEqual([[122, 135]]);
  });

  it('keeps what it knows over gaps in the metrics: they are no good minutes', async () => {
    const { told, ...rest } = await heardIn('gaps');
    const pages = raised(rest, BURNING);
    // in the long gap nothing can be said about now; the failures after it are news
    expect(pages).toHaveLength(2);
    expect(told.filter(({ alarm }) => alarm === 'Checkout/Page')).toHaveLength(2);
    expect(told.filter(({ alarm }) => alarm === 'Checkout/Escalation')).toHaveLength(1);
    // 5% of 24 minutes are 2% of an hour; it ends when less than 12 of the last 30 minutes were bad
    expect(raised(rest, ESCALATION)).toMatchObject([[60 + 24 + 5 * 60, 604]]);
  });

  it('pages for what is late, though nothing fails', async () => {
    const { told, ...rest } = await heardIn('late');
    expect(raised(rest, `${CHECKOUT}/Latency/Burning`)).toHaveLength(1);
    expect(raised(rest, BURNING)).toEqual([]);
    expect(told).toEqual([{ topic: 'Page', alarm: 'Checkout/Page', minute: expect.any(Number) }]);
  });

  it('pages for what its topics cannot hand over', async () => {
    const { topics } = resources;
    const TopicName = topics.find(({ path }) => path.startsWith('Theatre/Halls'))!.name;
    const { changes } = await replay(recorded('burst'), alarms, engines.clients.sns, (store, minute, at) => {
      const put = (name: string, value: number) =>
        store.put({ namespace: 'AWS/SNS', name, dimensions: { TopicName } }, value, at);
      // SNS writes what there was, and no zeros
      if (minute.handled > 0) put('NumberOfNotificationsDelivered', minute.handled);
      if (minute.deadLettered > 0) put('NumberOfNotificationsFailed', minute.deadLettered);
    });
    // 0.2% of an hour is bad after its first minute
    expect(raised({ changes }, `${CHECKOUT}/Delivery/Burning`)).toEqual([[121, 135]]);
    expect(raised({ changes }, BURNING)).toEqual([]);
  });

  it('counts what the runtime of its consumers writes', async () => {
    const settlement = (minute: number, outcome: Settlement['outcome']): Settlement => ({
      outcome,
      type: minute % 2 ? 'seat.booked' : undefined,
      latencyMs: 1,
    });
    const series = recorded('burst');
    const { changes } = await replay(series, alarms, engines.clients.sns, (store, { handled, deadLettered }, at) => {
      const read = createEmfReader({ store, clock: startAlarmClock({ realNow: () => at }) });
      // one consumer handles, the other one gives up
      const write = (service: string, count: number, outcome: Settlement['outcome']) => {
        const settlements = Array.from({ length: count }, (_, n) => settlement(n, outcome));
        const promises = { flow: FLOW, lateAfterMs: 300_000 };
        for (const line of batchMetrics(service, settlements, undefined, promises)) {
          writeEmf(line, at, (text) => expect(read(text)).toBe(true));
        }
      };
      write('seat-plan', handled, { kind: 'handled' });
      write('tickets', deadLettered, { kind: 'deadLettered', error: 'down' });
    });
    expect(raised({ changes }, BURNING)).toEqual([[122, 135]]);
  });
});

describe('the burn-rate alarms, whatever happens', () => {
  /** Of 1,000 events the promise allows 10 bad ones, and the alarms 19. */
  const run = fc
    .record({
      minutes: fc.integer({ min: 1, max: 150 }),
      events: fc.constantFrom(null, 0, 1, 3, 100, 1_000),
      bad: fc.constantFrom(0, 0.01, 0.019, 0.02, 0.02, 0.03, 1),
    })
    .map(({ minutes, events, bad }): Run => {
      const deadLettered = Math.floor((events ?? 0) * bad);
      return [minutes, events && events - deadLettered, events && deadLettered, events && 0];
    });
  const series = fc.array(run, { minLength: 1, maxLength: 8 });

  /** Bad and all events of the `length` minutes that end with `end`, exclusive. */
  function count(minutes: readonly Minute[], end: number, length: number): { bad: number; total: number } {
    const window = minutes.slice(Math.max(end - length, 0), Math.max(end, 0));
    const bad = window.reduce((sum, minute) => sum + (minute?.deadLettered ?? 0), 0);
    return { bad, total: bad + window.reduce((sum, minute) => sum + (minute?.handled ?? 0), 0) };
  }
  /** Twice as fast as 1% allows: in whole numbers. */
  const tooFast = ({ bad, total }: { bad: number; total: number }) => total > 0 && 100 * bad >= 2 * total;

  it('fire exactly when the budget goes twice too fast over both windows', async () => {
    const emulated = alarms.emulated.filter(({ path }) => path.startsWith(`${CHECKOUT}/Success`));
    const sns = new SNSClient({ region: 'eu-central-1' });
    await fc.assert(
      fc.asyncProperty(series, async (runs) => {
        const minutes = minutesOf(runs);
        const { states } = await replay(minutes, { emulated, refused: [], absent: new Set() }, sns);
        for (let end = 1; end <= minutes.length; end++) {
          const hour = count(minutes, end, 60);
          const burning = hour.total >= 10 && tooFast(hour) && tooFast(count(minutes, end, 5));
          // the evaluator looks back over 8 hours for 6 that say something
          const hours = Array.from({ length: 8 }, (_, n) => count(minutes, end - 60 * n, 60));
          const six = hours.filter(({ total }) => total >= 10).slice(0, 6);
          const sustained = six.length === 6 && six.every(tooFast) && tooFast(count(minutes, end, 30));
          expect([end, states(BURNING)[end - 1] === 'ALARM', states(SUSTAINED)[end - 1] === 'ALARM']).toEqual([
            end,
            burning,
            sustained,
          ]);
        }
      }),
      seeded({
        numRuns: 40,
        examples: ['slow-burn', 'gaps', 'silent-hour', 'burst'].map((name): [Run[]] => [recordedRuns(name)]),
      }),
    );
  }, 120_000);
});
