import {
  CloudWatchClient,
  type CloudWatchServiceException,
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  type DescribeAlarmsCommandInput,
  GetDashboardCommand,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  ListMetricsCommand,
  PutMetricDataCommand,
  ResourceNotFound,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { SNSClient } from '@aws-sdk/client-sns';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Alarms, startAlarms } from '../../lib/local/alarms/alarm-evaluator.ts';
import { type CloudWatchApi, startCloudWatchApi } from '../../lib/local/cloudwatch-api/cloudwatch-api.ts';
import { startAlarmClock } from '../../lib/local/metrics/alarm-clock.ts';
import { MetricStore } from '../../lib/local/metrics/metric-store.ts';
import type { AlarmResource } from '../../lib/local/resources.ts';
import { alarmArn, compositeAlarm, metricAlarm } from './alarm-resources.ts';

const MINUTE = 60_000;
const START = 1_700_000_000_000 - (1_700_000_000_000 % MINUTE);
const TOPIC = 'arn:aws:sns:eu-central-1:000000000000:on-call';
const depth = { namespace: 'Shop', name: 'Depth', dimensions: { queue: 'q' } };
const Metric = { Namespace: 'Shop', MetricName: 'Depth', Dimensions: [{ Name: 'queue', Value: 'q' }] };

let api: CloudWatchApi;
let alarms: Alarms;
let client: CloudWatchClient;
afterEach(async () => {
  client.destroy();
  await api.stop();
  await alarms.stop();
});

interface Surroundings {
  speed?: number;
  notEvaluated?: AlarmResource[];
  /** Publishes to the topic of this ARN. */
  send?: (topicArn: string) => Promise<void>;
}

/** The API over alarms whose clock only `pass` moves. */
async function start(
  declared: AlarmResource[],
  { speed = 1, notEvaluated = [], send = async () => {} }: Surroundings = {},
) {
  let realMs = START;
  const clock = startAlarmClock({ realNow: () => realMs, speed });
  const store = new MetricStore();
  const sns = new SNSClient({ region: 'eu-central-1' });
  vi.spyOn(sns, 'send').mockImplementation(({ input }) => send((input as { TopicArn: string }).TopicArn));
  alarms = startAlarms({
    alarms: declared,
    notEvaluated,
    store,
    clock,
    sns,
    settleMs: 0,
    tickMs: 2 ** 30,
    retryDelaysMs: [],
  });
  api = await startCloudWatchApi({ store, clock });
  api.serve(alarms);
  client = new CloudWatchClient({
    endpoint: api.url,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
  return {
    store,
    clock,
    now: () => new Date(realMs),
    async pass(alarmMs: number) {
      realMs += alarmMs / speed;
      await alarms.evaluateNow();
    },
  };
}

async function refusal(promise: Promise<unknown>): Promise<CloudWatchServiceException> {
  const error = await promise.then(
    () => undefined,
    (reason: CloudWatchServiceException) => reason,
  );
  expect(error).toBeDefined();
  return error!;
}

describe('alarms', () => {
  it('are described as CloudWatch does', async () => {
    const { store, clock, pass } = await start([
      metricAlarm('deep', depth, { description: 'Too deep.', alarmActions: [TOPIC] }),
      metricAlarm('slow', depth, { statistic: 'p99' }),
      compositeAlarm('page', 'ALARM("deep")', {
        suppressor: { alarm: 'window', waitSeconds: 60, extensionSeconds: 180 },
      }),
      metricAlarm('window', { ...depth, name: 'Window' }, { treatMissingData: 'ignore' }),
    ]);
    store.put(depth, 99, clock.now());
    await pass(MINUTE);
    const all = await client.send(new DescribeAlarmsCommand({ AlarmTypes: ['MetricAlarm', 'CompositeAlarm'] }));
    expect(all.MetricAlarms?.map(({ AlarmName }) => AlarmName)).toEqual(['deep', 'slow', 'window']);
    expect(all.MetricAlarms?.[0]).toMatchObject({
      AlarmName: 'deep',
      AlarmArn: alarmArn('deep'),
      AlarmDescription: 'Too deep.',
      ActionsEnabled: true,
      AlarmActions: [TOPIC],
      StateValue: 'ALARM',
      StateUpdatedTimestamp: new Date(START + MINUTE),
      StateTransitionedTimestamp: new Date(START + MINUTE),
      MetricName: 'Depth',
      Namespace: 'Shop',
      Dimensions: [{ Name: 'queue', Value: 'q' }],
      Statistic: 'Maximum',
      Period: 60,
      EvaluationPeriods: 1,
      DatapointsToAlarm: 1,
      Threshold: 10,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'missing',
    });
    expect(all.MetricAlarms?.[0]?.StateReason).toMatch(/^Threshold Crossed: 1 out of the last 1 datapoint \[99\.0/);
    expect(JSON.parse(all.MetricAlarms![0]!.StateReasonData!)).toMatchObject({
      version: '1.0',
      statistic: 'Maximum',
      period: 60,
      recentDatapoints: [99],
      threshold: 10,
    });
    expect(all.MetricAlarms?.[1]).toMatchObject({ ExtendedStatistic: 'p99' });
    expect(all.CompositeAlarms).toMatchObject([
      {
        AlarmName: 'page',
        AlarmRule: 'ALARM("deep")',
        StateValue: 'ALARM',
        ActionsSuppressor: 'window',
        ActionsSuppressorWaitPeriod: 60,
        ActionsSuppressorExtensionPeriod: 180,
        ActionsSuppressedBy: 'WaitPeriod',
        ActionsSuppressedReason: 'Actions suppressed by WaitPeriod',
      },
    ]);
  });

  it('are found by name, prefix, state, action and family; composite ones only when asked for', async () => {
    await start([
      metricAlarm('a-1', depth, { alarmActions: [TOPIC] }),
      metricAlarm('a-2', depth),
      compositeAlarm('b', `ALARM("${alarmArn('a-1')}")`),
    ]);
    const types = ['MetricAlarm', 'CompositeAlarm'] as const;
    const named = async (input: DescribeAlarmsCommandInput) => {
      const { MetricAlarms = [], CompositeAlarms = [] } = await client.send(new DescribeAlarmsCommand(input));
      return [...MetricAlarms, ...CompositeAlarms].map(({ AlarmName }) => AlarmName);
    };
    expect(await named({})).toEqual(['a-1', 'a-2']);
    expect(await named({ AlarmNames: ['a-2', 'gone'] })).toEqual(['a-2']);
    expect(await named({ AlarmNamePrefix: 'a-' })).toEqual(['a-1', 'a-2']);
    expect(await named({ StateValue: 'OK' })).toEqual([]);
    expect(await named({ ActionPrefix: 'arn:aws:sns' })).toEqual(['a-1']);
    expect(await named({ ChildrenOfAlarmName: 'b', AlarmTypes: [...types] })).toEqual(['a-1']);
    expect(await named({ ParentsOfAlarmName: 'a-1', AlarmTypes: [...types] })).toEqual(['b']);
    expect((await refusal(named({ AlarmNames: ['b'], AlarmNamePrefix: 'a' }))).name).toBe(
      'InvalidParameterCombinationException',
    );
    expect((await refusal(named({ MaxRecords: 101 }))).name).toBe('ValidationException');
  });

  it('come in pages', async () => {
    await start(Array.from({ length: 120 }, (_, at) => metricAlarm(`alarm-${String(at).padStart(3, '0')}`, depth)));
    const names: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await client.send(new DescribeAlarmsCommand({ NextToken }));
      names.push(...page.MetricAlarms!.map(({ AlarmName }) => AlarmName!));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    expect(names).toHaveLength(120);
    expect(new Set(names).size).toBe(120);
    expect((await refusal(client.send(new DescribeAlarmsCommand({ NextToken: 'mine' })))).name).toBe(
      'InvalidNextToken',
    );
  });

  it('that nothing evaluates are there, and can be set', async () => {
    await start([compositeAlarm('page', 'ALARM("throttled")')], { notEvaluated: [metricAlarm('throttled', depth)] });
    const before = await client.send(new DescribeAlarmsCommand({ AlarmNames: ['throttled'] }));
    expect(before.MetricAlarms).toMatchObject([{ StateValue: 'INSUFFICIENT_DATA' }]);
    await client.send(new SetAlarmStateCommand({ AlarmName: 'throttled', StateValue: 'ALARM', StateReason: 'test' }));
    const after = await client.send(new DescribeAlarmsCommand({ AlarmTypes: ['CompositeAlarm'] }));
    expect(after.CompositeAlarms).toMatchObject([{ AlarmName: 'page', StateValue: 'ALARM' }]);
  });
});

describe('the state of an alarm', () => {
  it('can be set: its actions are taken, and the next evaluation takes over', async () => {
    const send = vi.fn(async () => {});
    const { store, clock, pass } = await start([metricAlarm('deep', depth, { alarmActions: [TOPIC] })], { send });
    store.put(depth, 0, clock.now());
    await pass(MINUTE);
    await client.send(
      new SetAlarmStateCommand({
        AlarmName: 'deep',
        StateValue: 'ALARM',
        StateReason: 'a rehearsal',
        StateReasonData: '{"by":"me"}',
      }),
    );
    await alarms.evaluateNow();
    expect(send).toHaveBeenCalledTimes(1);
    const set = await client.send(new DescribeAlarmsCommand({ AlarmNames: ['deep'] }));
    expect(set.MetricAlarms).toMatchObject([
      { StateValue: 'ALARM', StateReason: 'a rehearsal', StateReasonData: '{"by":"me"}' },
    ]);
    store.put(depth, 0, clock.now());
    await pass(MINUTE);
    const over = await client.send(new DescribeAlarmsCommand({ AlarmNames: ['deep'] }));
    expect(over.MetricAlarms).toMatchObject([{ StateValue: 'OK' }]);
  });

  it('cannot be set of an alarm that is not there, or to what is no state', async () => {
    await start([metricAlarm('deep', depth)]);
    const set = (input: object) =>
      refusal(
        client.send(new SetAlarmStateCommand({ AlarmName: 'deep', StateValue: 'OK', StateReason: 'test', ...input })),
      );
    const gone = await set({ AlarmName: 'gone' });
    expect(gone).toBeInstanceOf(ResourceNotFound);
    expect(gone.$metadata.httpStatusCode).toBe(404);
    expect((await set({ StateValue: 'BROKEN' })).message).toContain("Value 'BROKEN' at 'stateValue' failed to satisfy");
    expect((await set({ StateReasonData: 'no JSON' })).name).toBe('InvalidFormatFault');
    expect((await set({ AlarmName: undefined })).name).toBe('MissingRequiredParameterException');
  });

  it('has a history: of states and of actions, with what came of them', async () => {
    const { store, clock, pass } = await start(
      [
        metricAlarm('deep', depth, { alarmActions: [TOPIC], okActions: [`${TOPIC}-gone`] }),
        metricAlarm('other', depth),
      ],
      {
        send: async (topicArn) => {
          if (topicArn.endsWith('-gone')) throw new Error('Topic does not exist');
        },
      },
    );
    for (const value of [99, 0]) {
      store.put(depth, value, clock.now());
      await pass(MINUTE);
    }
    const history = async (input: object) =>
      (await client.send(new DescribeAlarmHistoryCommand({ AlarmName: 'deep', ...input }))).AlarmHistoryItems!;
    const items = await history({ ScanBy: 'TimestampAscending' });
    expect(items.map(({ HistoryItemType, HistorySummary }) => `${HistoryItemType}: ${HistorySummary}`)).toEqual([
      'ConfigurationUpdate: Alarm "deep" created',
      'StateUpdate: Alarm updated from INSUFFICIENT_DATA to ALARM',
      `Action: Successfully executed action ${TOPIC}`,
      'StateUpdate: Alarm updated from ALARM to OK',
      `Action: Failed to execute action ${TOPIC}-gone. Received error: "Topic does not exist"`,
    ]);
    expect(items[1]).toMatchObject({
      AlarmName: 'deep',
      AlarmType: 'MetricAlarm',
      Timestamp: new Date(START + MINUTE),
    });
    expect(JSON.parse(items[1]!.HistoryData!)).toMatchObject({
      oldState: { stateValue: 'INSUFFICIENT_DATA' },
      newState: { stateValue: 'ALARM', stateReasonData: { recentDatapoints: [99] } },
    });
    expect(await history({ HistoryItemType: 'Action' })).toHaveLength(2);
    expect((await history({})).map(({ HistorySummary }) => HistorySummary)).toEqual(
      items.map(({ HistorySummary }) => HistorySummary).toReversed(),
    );
    expect(await history({ StartDate: new Date(START + 2 * MINUTE) })).toHaveLength(2);
    expect(await history({ EndDate: new Date(START + MINUTE), HistoryItemType: 'StateUpdate' })).toHaveLength(1);
    const page = await client.send(new DescribeAlarmHistoryCommand({ MaxRecords: 1 }));
    expect(page.AlarmHistoryItems).toHaveLength(1);
    expect(page.NextToken).toBeDefined();
  });
});

describe('metrics', () => {
  const put = (now: Date, data: object) =>
    client.send(
      new PutMetricDataCommand({
        Namespace: 'Shop',
        MetricData: [{ MetricName: 'Depth', Dimensions: Metric.Dimensions, Timestamp: now, ...data }],
      }),
    );

  it('that are put are what alarms see', async () => {
    const { now, pass } = await start([metricAlarm('deep', depth)]);
    await put(now(), { Value: 99 });
    await pass(MINUTE);
    expect(alarms.states().get('deep')?.state).toBe('ALARM');
  });

  it('can be put as values with counts and as statistic sets, and are read as every statistic', async () => {
    const { now, pass } = await start([]);
    await put(now(), { Values: [1, 5], Counts: [3, 1], Unit: 'Seconds' });
    await pass(MINUTE);
    await put(now(), { StatisticValues: { Sum: 30, SampleCount: 3, Minimum: 5, Maximum: 15 } });
    await pass(MINUTE);
    const { Datapoints, Label } = await client.send(
      new GetMetricStatisticsCommand({
        ...Metric,
        StartTime: new Date(START),
        EndTime: now(),
        Period: 60,
        Statistics: ['Sum', 'SampleCount', 'Minimum', 'Maximum', 'Average'],
        ExtendedStatistics: ['p50', 'PR(:1)'],
      }),
    );
    expect(Label).toBe('Depth');
    expect(Datapoints).toMatchObject([
      {
        Timestamp: new Date(START),
        Sum: 8,
        SampleCount: 4,
        Minimum: 1,
        Maximum: 5,
        Average: 2,
        Unit: 'Seconds',
        ExtendedStatistics: { p50: 1, 'PR(:1)': 75 },
      },
      { Timestamp: new Date(START + MINUTE), Sum: 30, SampleCount: 3, Minimum: 5, Maximum: 15, Average: 10 },
    ]);
  });

  it('arrive compressed as well, as the SDK sends many', async () => {
    const { now, store, clock } = await start([]);
    await client.send(
      new PutMetricDataCommand({
        Namespace: 'Shop',
        MetricData: Array.from({ length: 500 }, () => ({
          ...Metric,
          Namespace: undefined,
          Timestamp: now(),
          Value: 2,
        })),
      }),
    );
    expect(store.total('Shop', 'Depth', { queue: 'q' })).toBe(1000);
    expect(clock.now()).toBe(START);
  });

  it('are refused where CloudWatch refuses them, all of a request together', async () => {
    const { now, store } = await start([]);
    const reserved = new PutMetricDataCommand({ Namespace: 'AWS/SQS', MetricData: [{ MetricName: 'x', Value: 1 }] });
    expect((await refusal(client.send(reserved))).name).toBe('InvalidParameterValueException');
    const half = new PutMetricDataCommand({
      Namespace: 'Shop',
      MetricData: [
        { MetricName: 'Depth', Value: 1 },
        { MetricName: 'Depth', Value: Number.NaN },
      ],
    });
    expect((await refusal(client.send(half))).name).toBe('InvalidParameterValueException');
    expect((await refusal(put(now(), {}))).name).toBe('MissingRequiredParameterException');
    expect(store.inspect()).toEqual([]);
  });

  it('are listed by namespace, name and dimension', async () => {
    const { store, clock } = await start([]);
    store.put(depth, 1, clock.now());
    store.put({ ...depth, dimensions: { queue: 'other' } }, 1, clock.now());
    store.put({ namespace: 'AWS/SQS', name: 'Depth', dimensions: {} }, 1, clock.now());
    const listed = async (input: object) =>
      (await client.send(new ListMetricsCommand(input))).Metrics?.map(({ Namespace, Dimensions }) =>
        [Namespace, ...Dimensions!.map(({ Value }) => Value)].join(' '),
      );
    expect(await listed({})).toEqual(['Shop q', 'Shop other', 'AWS/SQS']);
    expect(await listed({ Namespace: 'Shop' })).toEqual(['Shop q', 'Shop other']);
    expect(await listed({ MetricName: 'Depth', Dimensions: [{ Name: 'queue', Value: 'q' }] })).toEqual(['Shop q']);
    expect(await listed({ Dimensions: [{ Name: 'queue' }] })).toEqual(['Shop q', 'Shop other']);
    expect(await listed({ MetricName: 'Gone' })).toEqual([]);
  });

  describe('are asked for together', () => {
    const stat = (Id: string, Stat: string, more: object = {}) => ({
      Id,
      MetricStat: { Metric, Stat, Period: 60 },
      ...more,
    });

    async function fiveMinutes() {
      const run = await start([]);
      for (const value of [1, 2, 3, 4, 5]) {
        run.store.put(depth, value, run.clock.now());
        await run.pass(MINUTE);
      }
      const get = async (input: object) =>
        await client.send(
          new GetMetricDataCommand({
            StartTime: new Date(START),
            EndTime: run.now(),
            ScanBy: 'TimestampAscending',
            MetricDataQueries: [],
            ...input,
          }),
        );
      return { ...run, get };
    }

    it('as statistics and expressions, oldest first or latest first', async () => {
      const { get } = await fiveMinutes();
      const { MetricDataResults } = await get({
        MetricDataQueries: [
          stat('m', 'Sum', { ReturnData: false }),
          { Id: 'twice', Expression: 'm * 2', Label: 'Twice' },
          { Id: 'late', Expression: 'IF(m > 3, m)' },
          stat('long', 'Sum', { MetricStat: { Metric, Stat: 'Sum', Period: 300 } }),
        ],
      });
      const minutes = [0, 1, 2, 3, 4].map((minute) => new Date(START + minute * MINUTE));
      expect(MetricDataResults).toMatchObject([
        { Id: 'twice', Label: 'Twice', Timestamps: minutes, Values: [2, 4, 6, 8, 10], StatusCode: 'Complete' },
        { Id: 'late', Timestamps: minutes.slice(3), Values: [4, 5] },
        { Id: 'long', Label: 'Depth' },
      ]);
      expect(MetricDataResults?.[2]?.Values?.reduce((sum, value) => sum + value, 0)).toBe(15);
      const latestFirst = await get({ ScanBy: undefined, MetricDataQueries: [stat('m', 'Sum')] });
      expect(latestFirst.MetricDataResults?.[0]?.Values).toEqual([5, 4, 3, 2, 1]);
    });

    it('in pages, without a gap', async () => {
      const { get } = await fiveMinutes();
      const values: Record<string, number[]> = {};
      const codes: string[] = [];
      let NextToken: string | undefined;
      do {
        const page = await get({
          MaxDatapoints: 3,
          NextToken,
          MetricDataQueries: [stat('a', 'Sum'), stat('b', 'Maximum'), { Id: 'none', Expression: 'IF(a > 9, a)' }],
        });
        for (const { Id, Values, StatusCode } of page.MetricDataResults ?? []) {
          values[Id!] = [...(values[Id!] ?? []), ...Values!];
          codes.push(`${Id} ${StatusCode}`);
        }
        NextToken = page.NextToken;
      } while (NextToken !== undefined);
      expect(values).toEqual({ a: [1, 2, 3, 4, 5], b: [1, 2, 3, 4, 5] });
      expect(codes).toEqual(['a PartialData', 'a Complete', 'b PartialData', 'b PartialData', 'b Complete']);
    });

    it('and what is wrong with a query is said', async () => {
      const { get } = await fiveMinutes();
      const wrong = async (query: object) =>
        (await refusal(get({ MetricDataQueries: [stat('m', 'Sum'), query] }))).message;
      expect(await wrong({ Id: 'e', Expression: 'SEARCH("x")' })).toContain("Error in expression 'e'");
      expect(await wrong({ Id: 'e', Expression: 'gone + 1' })).toContain("names 'gone'");
      expect(await wrong(stat('t', 'tm90'))).toContain("'tm90' is not emulated");
      expect(await wrong(stat('m', 'Sum'))).toContain("'m' is used twice");
      expect(await wrong({ Id: 'Big', Expression: 'm' })).toContain("'Big' is no id");
      expect(await wrong({ Id: 'e' })).toContain('MetricStat or Expression of e');
    });
  });

  it('are dated from now when alarm time runs faster', async () => {
    const { now, pass, store, clock } = await start([], { speed: 60 });
    // Half an hour of alarm time in half a minute.
    for (let minute = 0; minute < 30; minute++) {
      store.put(depth, minute, clock.now());
      await pass(MINUTE);
    }
    await put(now(), { Value: 30 });
    const { MetricDataResults } = await client.send(
      new GetMetricDataCommand({
        StartTime: new Date(now().getTime() - 5 * MINUTE),
        EndTime: now(),
        ScanBy: 'TimestampAscending',
        MetricDataQueries: [{ Id: 'm', MetricStat: { Metric, Stat: 'Maximum', Period: 60 } }],
      }),
    );
    expect(MetricDataResults?.[0]?.Values?.slice(-4)).toEqual([27, 28, 29, 30]);
    const [latest] = MetricDataResults![0]!.Timestamps!.slice(-1);
    expect(Math.abs(latest!.getTime() - now().getTime())).toBeLessThanOrEqual(MINUTE);
  });
});

it('answers what it does not know with what it knows', async () => {
  await start([]);
  const error = await refusal(client.send(new GetDashboardCommand({ DashboardName: 'x' })));
  expect(error.name).toBe('UnknownOperationException');
  expect(error.message).toContain('GetDashboard is not emulated; DescribeAlarms, DescribeAlarmHistory, SetAlarmState');
  const plain = await fetch(api.url, { method: 'POST', body: 'Action=ListMetrics' });
  expect(plain.status).toBe(404);
  expect(await plain.text()).toContain('speaks AWS JSON 1.0 only');
  const garbage = await fetch(api.url, {
    method: 'POST',
    headers: { 'x-amz-target': 'GraniteServiceVersion20100801.ListMetrics' },
    body: '[',
  });
  expect(await garbage.text()).toContain('not a JSON object');
});

it('has the port that is asked for, and says when that is taken', async () => {
  const { store, clock } = await start([]);
  const port = Number(new URL(api.url).port);
  await expect(startCloudWatchApi({ store, clock, port })).rejects.toThrow(/the API of CloudWatch.*--cloudwatch-port/s);
  await api.stop();
  api = await startCloudWatchApi({ store, clock, port });
  expect(api.url).toBe(`http://127.0.0.1:${port}`);
});
