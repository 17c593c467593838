import { DeleteMessageBatchCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../lib/local/cloud.ts';
import { readOrders } from '../../lib/superstore/orders.ts';
import { eventually } from './eventually.ts';
import { subscribePager } from './pager.ts';
import { openShop, type Shop } from './shop.ts';

/** More than the depth alarm of `dev` tolerates. */
const orders = readOrders(520);
const AGE = 'Baton-dev-Orders-Analytics-age';
const DEPTH = 'Baton-dev-Orders-Analytics-depth';
/** The flow that analytics is part of speaks for it. */
const PAGE = 'Baton-dev-Operations-Aftercare-health';
const TICKET = 'Baton-dev-Operations-Aftercare-degraded';

/** What somebody on call was told of one alarm. */
interface Told {
  AlarmName: string;
  AlarmDescription: string;
  OldStateValue: string;
  NewStateValue: string;
  NewStateReason: string;
}

describe('a consumer that is stopped, and started again', () => {
  let shop: Shop;
  let page: Told[];
  let ticket: Told[];
  const listening = new AbortController();

  beforeAll(async () => {
    // A minute of alarm time is a second: five minutes of age, ten of depth.
    shop = await openShop({ speed: 60 });
    page = await listen(shop.cloud, 'OnCall/Page', listening.signal);
    ticket = await listen(shop.cloud, 'OnCall/Ticket', listening.signal);
  });
  afterAll(async () => {
    listening.abort();
    await shop.close();
  });

  const of = (told: readonly Told[], name: string) =>
    told
      .filter((one) => one.AlarmName === name && [one.OldStateValue, one.NewStateValue].includes('ALARM'))
      .map((one) => one.NewStateValue);

  it('fires its age alarm, then its depth alarm, and clears both, and those on call hear of it once, from its flow', async () => {
    const { cloud } = shop;
    await cloud.setEnabled('analytics', false);
    await shop.place(orders);

    await eventually(() => of(page, PAGE).includes('ALARM'));
    await eventually(() => stateOf(cloud, DEPTH) === 'ALARM');
    await eventually(() => of(ticket, TICKET).includes('ALARM'));
    expect(since(cloud, AGE, 'ALARM')).toBeLessThanOrEqual(since(cloud, DEPTH, 'ALARM'));
    // the alarms themselves tell nobody
    for (const alarm of [AGE, DEPTH]) expect([...of(page, alarm), ...of(ticket, alarm)]).toEqual([]);
    expect(cloud.alarms().find(({ name }) => name === PAGE)?.notified).toContain('Page');
    const [alarm] = page.filter((one) => one.AlarmName === PAGE && one.NewStateValue === 'ALARM');
    expect(alarm!.AlarmDescription).toContain('customer-care');
    expect(alarm!.NewStateReason).toContain('Baton-dev-Orders-Analytics-health');

    await cloud.setEnabled('analytics', true);
    await eventually(() => of(page, PAGE).at(-1) === 'OK');
    await eventually(() => of(ticket, TICKET).at(-1) === 'OK');
    expect(of(page, PAGE)).toEqual(['ALARM', 'OK']);
    expect([...of(page, TICKET), ...of(ticket, PAGE)]).toEqual([]);

    // What had waited is handled, all of it, once.
    await cloud.untilIdle();
    expect((await shop.effects()).byConsumer.get('analytics')?.size).toBe(orders.length);
    expect(cloud.consumers().find(({ name }) => name === 'analytics')).toMatchObject({ handled: orders.length });
  }, 120_000);
});

function stateOf(cloud: LocalCloud, name: string): string | undefined {
  return cloud.alarms().find((alarm) => alarm.name === name)?.state;
}

/** When an alarm came into a state for the first time. */
function since(cloud: LocalCloud, name: string, state: string): number {
  const { states } = cloud.alarmHistory().find((alarm) => alarm.name === name)!;
  return states.find((one) => one.state === state)!.at;
}

/** Gives what a pager on an on-call topic is told, as it arrives. */
async function listen(cloud: LocalCloud, path: string, signal: AbortSignal): Promise<Told[]> {
  const { sqs } = cloud.engines.clients;
  const QueueUrl = await subscribePager(cloud, path);
  const told: Told[] = [];
  const receive = async () => {
    while (!signal.aborted) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
        { abortSignal: signal },
      );
      if (Messages.length === 0) continue;
      told.push(...Messages.map(({ Body }) => JSON.parse(Body!) as Told));
      await sqs.send(
        new DeleteMessageBatchCommand({
          QueueUrl,
          Entries: Messages.map(({ ReceiptHandle }, n) => ({ Id: String(n), ReceiptHandle: ReceiptHandle! })),
        }),
      );
    }
  };
  receive().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return told;
}
