import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type EventSourceMappingConfiguration,
  GetEventSourceMappingCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalCloud, startLocalCloud } from '../../lib/local/cloud.ts';
import { readDeadLetters } from '../../lib/superstore/dead-letters.ts';
import { readOrders } from '../../lib/superstore/orders.ts';
import { type PaymentProvider, startPaymentProvider } from '../../lib/superstore/payment-provider.ts';
import { placeOrders } from '../../lib/superstore/placing.ts';
import { eventually } from './eventually.ts';
import { consumerQueue } from './shop.ts';

const orders = readOrders(40);
const OPENED = 'The circuit of a dependency opened.';
const HALF_OPEN = 'The circuit of a dependency is half-open: probes go through.';
const CLOSED = 'The circuit of a dependency closed.';
const PAUSED_OR_RESUMED = 'An event source was changed.';
const FULL_SIZE = 'A consumer is back at its full size.';

/** A line of the functions' logs. */
interface Line {
  message: string;
  dependency?: string;
  failed_rounds?: number;
  aim?: { kind: string; concurrency?: number };
}

describe('a consumer whose payment provider is down, and comes back', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'baton-circuit-')));
  const lines: Line[] = [];
  /** Calls that reached the provider. */
  const calls = { refused: 0, charged: 0 };
  let isWell = false;
  let provider: PaymentProvider;
  let cloud: LocalCloud;
  let lambda: LambdaClient;
  let before: EventSourceMappingConfiguration;
  let paused: EventSourceMappingConfiguration;
  /** How often each message was received, at moments at which the event source was paused. */
  const receives: Map<string, number>[] = [];

  const said = (message: string) => lines.filter((line) => line.message === message);
  const billing = () => cloud.consumers().find(({ name }) => name === 'billing')!;
  const mapping = async () => await lambda.send(new GetEventSourceMappingCommand({ UUID: before.UUID }));

  beforeAll(async () => {
    provider = await startPaymentProvider({
      failureRate: 1,
      // below the failure rate: refused before anything is charged
      random() {
        calls[isWell ? 'charged' : 'refused']++;
        return isWell ? 1 : 0;
      },
    });
    writeFileSync(
      join(folder, 'cdk.json'),
      JSON.stringify({ app: `node ${join(import.meta.dirname, 'circuit/app.ts')}` }),
    );
    cloud = await startLocalCloud({
      projectDirectory: folder,
      env: 'dev',
      environment: { PAYMENT_PROVIDER_URL: provider.url },
      concurrency: 2,
      // alarms look at what came in every second
      speed: 60,
      onLog(line) {
        if (line.startsWith('{')) lines.push(JSON.parse(line) as Line);
      },
    });
    lambda = new LambdaClient({
      endpoint: cloud.lambdaEndpoint,
      region: cloud.engines.region,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    const { queueUrl } = consumerQueue(cloud, 'billing');
    const { EventSourceMappings } = await lambda.send(
      new ListEventSourceMappingsCommand({ EventSourceArn: queueArn(cloud, queueUrl) }),
    );
    before = EventSourceMappings![0]!;

    await placeOrders({ sqs: cloud.engines.clients.sqs, queueUrl, orders });
    // The first probes meet a provider that is still down, so the second pause is twice as long.
    await eventually(() => said(OPENED).length >= 2);
    paused = await eventually(async () => {
      const found = await mapping();
      return found.State === 'Disabled' && found;
    });
    isWell = true;
    await eventually(async () => {
      const counts = await receiveCounts(cloud, queueUrl);
      if ((await mapping()).State !== 'Disabled') return true;
      receives.push(counts);
      return false;
    });
    await eventually(() => said(FULL_SIZE).length > 0 && billing().handled === orders.length);
    for (const alarm of ['CircuitState', 'CircuitClosed']) {
      await eventually(() => states(cloud, alarm).includes('ALARM') && states(cloud, alarm).at(-1) === 'OK');
    }
  }, 60_000);
  afterAll(async () => {
    lambda?.destroy();
    await cloud?.stop();
    await provider?.stop();
    rmSync(folder, { recursive: true });
  });

  it('opens the circuit, probes, opens it for longer, probes again and closes it, each time in one place', () => {
    const changes = lines.filter(({ message }) => [OPENED, HALF_OPEN, CLOSED].includes(message));
    const rounds = said(OPENED).length;
    expect(rounds).toBeGreaterThanOrEqual(2);
    expect(changes.map(({ message, failed_rounds }) => [message, failed_rounds])).toEqual([
      ...Array.from({ length: rounds }, (_, failed) => [
        [OPENED, failed],
        [HALF_OPEN, undefined],
      ]).flat(),
      [CLOSED, undefined],
    ]);
  });

  it('pauses the event source while the circuit is open, and takes it back to its full size', async () => {
    expect(before).toMatchObject({ State: 'Enabled', BatchSize: 10, ScalingConfig: { MaximumConcurrency: 5 } });
    expect(paused).toMatchObject({ State: 'Disabled' });
    const aims = said(PAUSED_OR_RESUMED).map(({ aim }) => [aim!.kind, aim!.concurrency]);
    // Two keepers that look at the same moment may both say so.
    expect(aims.filter((aim, n) => String(aim) !== String(aims[n - 1]))).toEqual([
      ...said(OPENED).flatMap(() => [
        ['paused', undefined],
        ['gentle', 2],
      ]),
      ['restored', undefined],
    ]);
    const { State, BatchSize, ScalingConfig } = before;
    expect(await mapping()).toMatchObject({ State, BatchSize, ScalingConfig });
    expect(billing().enabled).toBe(true);
  });

  it('uses up no receives meanwhile', () => {
    expect(receives.length).toBeGreaterThan(1);
    expect(receives[0]!.size).toBe(orders.length);
    for (const counts of receives) expect(counts).toEqual(receives[0]);
  });

  it('takes every payment once in the end, and dead-letters nothing', async () => {
    expect(calls.refused).toBeGreaterThanOrEqual(5);
    expect(calls.charged).toBe(orders.length);
    expect([...provider.ledger.values()].map(({ orderId }) => orderId).sort()).toEqual(
      orders.map(({ orderId }) => orderId).sort(),
    );
    expect(billing()).toMatchObject({ handled: orders.length, deadLettered: 0 });
    const { sqs } = cloud.engines.clients;
    const deadLetters = await Promise.all(cloud.deadLetterQueues().map(({ url }) => readDeadLetters(sqs, url)));
    expect(deadLetters.length).toBeGreaterThanOrEqual(2);
    expect(deadLetters.flat()).toEqual([]);
    expect((await receiveCounts(cloud, consumerQueue(cloud, 'billing').queueUrl)).size).toBe(0);
  });

  it.each(['CircuitState', 'CircuitOpened', 'CircuitHalfOpened', 'CircuitClosed'])('has told %s', (metric) => {
    expect(states(cloud, metric)).toContain('ALARM');
  });
});

function states(cloud: LocalCloud, alarm: string): string[] {
  return cloud
    .alarmHistory()
    .find(({ name }) => name === alarm)!
    .states.map(({ state }) => state);
}

function queueArn({ resources }: LocalCloud, queueUrl: string): string {
  return resources.queues.find(({ url }) => url === queueUrl)!.arn;
}

/** How often each message of a queue was received, wherever in the queue it is; a look that is no receive itself. */
async function receiveCounts({ engines }: LocalCloud, queueUrl: string): Promise<Map<string, number>> {
  interface Seen {
    messageId: string;
    approximateReceiveCount: number;
  }
  const answer = await fetch(`${engines.endpoints.sqs}/_fauxqs/queues/${queueUrl.split('/').at(-1)}`);
  const { messages } = (await answer.json()) as {
    messages: { ready: Seen[]; delayed: Seen[]; inflight: { message: Seen }[] };
  };
  const all = [...messages.ready, ...messages.delayed, ...messages.inflight.map(({ message }) => message)];
  return new Map(all.map(({ messageId, approximateReceiveCount }) => [messageId, approximateReceiveCount]));
}
