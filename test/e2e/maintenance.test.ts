import {
  CloudWatchClient,
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  type DescribeAlarmsCommandOutput,
} from '@aws-sdk/client-cloudwatch';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  closeWindow,
  heldBackBy,
  listWindows,
  type OpenWindowProps,
  openWindow,
} from '../../lib/operations/maintenance.ts';
import { readOrders } from '../../lib/superstore/orders.ts';
import { eventually } from './eventually.ts';
import { subscribePager } from './pager.ts';
import { openShop, type Shop } from './shop.ts';

const SUPPRESSOR = 'Baton-dev-Foundation-OnCall-Maintenance';
/** The flow that analytics is part of speaks for it. */
const PAGE = 'Baton-dev-Operations-Aftercare-health';
const HOUR = 3_600_000;
const orders = readOrders(20);

describe('a consumer that is stopped while a maintenance window is open', () => {
  let shop: Shop;
  let cloudwatch: CloudWatchClient;
  /** `ALARM` and `OK`, as whoever is on call was told of the flow. */
  let told: () => Promise<string[]>;

  beforeAll(async () => {
    // a minute of alarm time is a second: five of age, three of the extension period
    shop = await openShop({ speed: 60 });
    told = await pager(shop);
    cloudwatch = new CloudWatchClient({
      endpoint: shop.cloud.cloudwatchEndpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
  });
  afterAll(async () => {
    cloudwatch?.destroy();
    await shop?.close();
  });

  const window = (props: Partial<OpenWindowProps> = {}): OpenWindowProps => ({
    cloudwatch,
    alarm: SUPPRESSOR,
    by: 'jane',
    reason: 'a new index',
    lengthMs: HOUR,
    id: 'window',
    ...props,
  });

  it('pages nobody, and pages when the window has been closed and the extension period is over', async () => {
    await openWindow(window());
    await stopWith(orders.slice(0, 10));
    expect(await told()).toEqual([]);
    expect(await heldBackBy(window())).toContain(PAGE);

    await closeWindow(window());
    // the alarms that the window covered get time to recover before anybody is told
    expect((await composite()).ActionsSuppressedBy).toBe('ExtensionPeriod');
    expect(await told()).toEqual([]);

    await eventually(async () => (await told()).includes('ALARM'));
    await shop.cloud.setEnabled('analytics', true);
    await eventually(async () => (await told()).includes('OK'));
    expect(await told()).toEqual(['ALARM', 'OK']);
  }, 60_000);

  it('pages when the time of the window is over, because the heartbeat closes it', async () => {
    await openWindow(window());
    await stopWith(orders.slice(10));
    const before = await told();

    // the shortest window is a minute: all but a second of it has passed for whoever moves the end
    await openWindow(window({ extend: true, lengthMs: 60_000, clock: () => Date.now() - 59_000 }));
    await eventually(async () => (await listWindows(window())).length === 0);
    const { MetricAlarms: [suppressor] = [] } = await describeAlarm(SUPPRESSOR);
    expect(suppressor?.StateReason).toMatch(/^Closed by the heartbeat: its time was over/);

    await eventually(async () => (await told()).length > before.length);
    expect(await told()).toEqual([...before, 'ALARM']);
  }, 60_000);

  /** Stops the consumer, and waits until its flow would have paged. */
  async function stopWith(some: readonly (typeof orders)[number][]): Promise<void> {
    const earlier = await suppressions();
    await shop.cloud.setEnabled('analytics', false);
    await shop.place(some);
    await eventually(async () => (await suppressions()) > earlier);
    expect((await composite()).StateValue).toBe('ALARM');
  }

  /** How often the page was held back by the window. */
  async function suppressions(): Promise<number> {
    const { AlarmHistoryItems = [] } = await cloudwatch.send(
      new DescribeAlarmHistoryCommand({ AlarmName: PAGE, AlarmTypes: ['CompositeAlarm'], HistoryItemType: 'Action' }),
    );
    return AlarmHistoryItems.filter(({ HistorySummary }) => HistorySummary === 'Actions suppressed by Alarm').length;
  }

  async function composite() {
    const { CompositeAlarms: [found] = [] } = await describeAlarm(PAGE);
    return found!;
  }

  async function describeAlarm(name: string): Promise<DescribeAlarmsCommandOutput> {
    const AlarmTypes = ['MetricAlarm', 'CompositeAlarm'] as const;
    return await cloudwatch.send(new DescribeAlarmsCommand({ AlarmNames: [name], AlarmTypes: [...AlarmTypes] }));
  }
});

/** Subscribes to the pages, as a pager would; gives all states of the flow that have arrived, the oldest first. */
async function pager({ cloud }: Shop): Promise<() => Promise<string[]>> {
  const { sqs } = cloud.engines.clients;
  const QueueUrl = await subscribePager(cloud, 'OnCall/Page');
  const states: string[] = [];
  return async () => {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 3_600 }),
    );
    for (const { Body } of Messages) {
      const { AlarmName, NewStateValue } = JSON.parse(Body!) as { AlarmName: string; NewStateValue: string };
      if (AlarmName === PAGE) states.push(NewStateValue);
    }
    return [...states];
  };
}
