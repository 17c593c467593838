import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { Dashboards } from '../../lib/constructs/dashboards/dashboards.ts';
import { Flow } from '../../lib/constructs/flow.ts';
import { Consumer, EventTopic, IdempotencyTable, OnCall, UnsafePropsError } from '../../lib/constructs/index.ts';
import { type DashboardBody, dashboardsOf, objectionsTo, type Widget } from './fixtures/dashboard-body.ts';
import { theatre } from './fixtures/theatre.ts';
import { ECHO, SeatBooked } from './fixtures/wiring.ts';

/** The widget of a title, or of a part of its text. */
function find({ widgets }: DashboardBody, title: string): Widget {
  const found = widgets.filter(({ properties }) => (properties.title ?? properties.markdown).includes(title));
  expect(found, `widgets with '${title}'`).toHaveLength(1);
  return found[0]!;
}

/** The metrics of a widget without their options. */
function series({ properties }: Widget): unknown[] {
  return properties.metrics.map((metric: unknown[]) => metric.filter((part) => typeof part === 'string').join(' '));
}

function lines({ properties }: Widget): unknown[] {
  return properties.annotations.horizontal.map(({ value, label }: Record<string, unknown>) => [value, label]);
}

const arn = (name: string, region = 'eu-central-1') => `arn:aws:cloudwatch:${region}:123456789012:alarm:${name}`;

describe('the dashboards of a pipeline', () => {
  const world = theatre();
  const { stack, topic, onCall, boards } = world;
  const breakers = world.circuitBreakers();
  const outbox = world.outbox();
  const seatPlan = world.consumer('SeatPlan', {
    maxAge: Duration.minutes(7),
    timeout: Duration.seconds(20),
    circuitBreakers: breakers,
    dependencies: { printer: {}, payments: {} },
  });
  const bookSeat = world.commandQueue('BookSeat');
  const booking = new Flow(stack, 'Booking', {
    parts: [seatPlan, bookSeat],
    owner: 'house-manager',
    onCall,
    objectives: { success: 99.9, latency: 95 },
  });
  const loner = world.consumer('Loner');
  new Dashboards(boards, 'Dashboards', {
    flows: [booking],
    consumers: [seatPlan, bookSeat, loner],
    topics: [topic],
    outboxes: [outbox],
    circuitBreakers: [breakers],
    onCall,
  });
  const template = Template.fromStack(boards);
  const bodies = dashboardsOf(template);
  const executive = bodies['Boards-executive']!;
  const onCallBoard = bodies['Boards-on-call']!;
  const debug = bodies['Boards-debug']!;

  it('are three, and as CloudWatch wants them', () => {
    expect(Object.keys(bodies)).toEqual(['Boards-executive', 'Boards-on-call', 'Boards-debug']);
    expect(Object.entries(bodies).flatMap(([name, body]) => objectionsTo(name, body))).toEqual([]);
  });

  it('import nothing from the stacks of what they show, which export nothing for them', () => {
    expect(JSON.stringify(template.toJSON())).not.toContain('Fn::ImportValue');
    expect(Object.keys(template.toJSON().Resources)).toHaveLength(3);
    expect(Template.fromStack(stack).toJSON().Outputs).toBeUndefined();
  });

  it.each(Object.entries(bodies))('%s leads to the others', (name, body) => {
    const [header] = body.widgets;
    for (const other of Object.keys(bodies).filter((each) => each !== name)) {
      expect(header!.properties.markdown).toContain(
        `(https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#dashboards/dashboard/${other})`,
      );
    }
  });

  describe('the executive one', () => {
    it.each([
      ['success: kept of 99.9%', 'Baton DeadLettered flow booking'],
      ['success: budget left, %', 'Baton DeadLettered flow booking'],
      ['latency: kept of 95%', 'Baton Late flow booking'],
      ['latency: budget left, %', 'Baton Late flow booking'],
    ])('says in one number over the window of the objective: %s', (title, metric) => {
      const widget = find(executive, title);
      expect(widget.properties).toMatchObject({ view: 'singleValue', setPeriodToTimeRange: true, start: '-P30D' });
      expect(series(widget)).toContain(metric);
    });

    it('draws how each objective was kept, against it', () => {
      expect(lines(find(executive, 'success by the hour'))).toEqual([[99.9, 'objective']]);
      expect(lines(find(executive, 'latency by the hour'))).toEqual([[95, 'objective']]);
    });

    it('draws how long the events of a flow take, by percentiles', () => {
      const widget = find(executive, 'Latency: from what happened');
      expect(series(widget)).toEqual(Array(3).fill('Baton Latency flow booking'));
      expect(widget.properties.metrics.map((metric: unknown[]) => metric.at(-1))).toMatchObject([
        { stat: 'p50' },
        { stat: 'p90' },
        { stat: 'p99' },
      ]);
    });

    it('counts events by the day, whatever its time range', () => {
      const widget = find(executive, 'given up a day');
      expect(widget.properties.metrics.map((metric: unknown[]) => metric.at(-1))).toMatchObject([
        { period: 86_400, stat: 'Sum' },
        { period: 86_400, stat: 'Sum' },
      ]);
      expect(executive.periodOverride).toBe('inherit');
    });

    it('shows consumers that are in no flow by themselves', () => {
      expect(series(find(executive, 'Latency, p99'))).toEqual(['Baton Latency service loner']);
    });

    it('lists the top failures over the logs of all consumers, by the fields that the runtime writes', () => {
      const { query } = find(executive, 'Top failures').properties;
      expect(query).toMatch(
        /^SOURCE '\/aws\/lambda\/seat-plan' \| SOURCE '\/aws\/lambda\/book-seat' \| SOURCE '\/aws\/lambda\/loner' \| filter/,
      );
      expect(query).toContain('error.name as errorClass, service as consumer');
      expect(query).toMatch(/limit 10$/);
    });
  });

  describe('the one for who is on call', () => {
    it('says first how to hold the alarms back, and where the runbooks are', () => {
      const { markdown } = onCallBoard.widgets[0]!.properties;
      expect(markdown).toContain('baton maintenance open --for 2h --reason "..." --alarm Theatre-OnCall-Maintenance\n');
      expect(markdown).toContain('baton maintenance close --alarm Theatre-OnCall-Maintenance\n');
      expect(markdown).toContain('`docs/runbooks/age.md`');
      expect(markdown).toContain('`docs/runbooks/health.md`');
    });

    it('shows the alarms that speak, the flow before its parts, and whether they are held back', () => {
      expect(find(onCallBoard, 'Maintenance:').properties.alarms).toEqual([arn('Theatre-OnCall-Maintenance')]);
      expect(find(onCallBoard, 'Pages').properties.alarms.slice(0, 4)).toEqual([
        arn('Theatre-Booking-escalation'),
        arn('Theatre-Booking-health'),
        arn('Theatre-SeatPlan-health'),
        arn('Theatre-BookSeat-health'),
      ]);
      expect(find(onCallBoard, 'Tickets').properties.alarms.slice(0, 2)).toEqual([
        arn('Theatre-Booking-degraded'),
        arn('Theatre-SeatPlan-degraded'),
      ]);
    });

    it('shows below them what is in ALARM in each', () => {
      const widget = find(onCallBoard, 'Causes in seat-plan');
      expect(widget.properties.states).toEqual(['ALARM']);
      expect(widget.properties.alarms).toHaveLength(seatPlan.health.alarms.size);
      expect(widget.properties.alarms).toContain(arn('Theatre-SeatPlan-age'));
      expect(find(onCallBoard, 'Causes in booking').properties.alarms).toHaveLength(4);
    });

    it('draws ages against the promise of each consumer, which is 100 percent', () => {
      const widget = find(onCallBoard, 'Age of the oldest message');
      expect(lines(widget)).toEqual([[100, 'promise']]);
      const [first] = widget.properties.metrics;
      expect(first).toEqual([{ expression: 'age0 / 4.2', label: 'seat-plan', period: 60 }]);
      expect(series(widget)).toContain('AWS/SQS ApproximateAgeOfOldestMessage QueueName Theatre-SeatPlan');
    });

    it('counts dead letters that somebody looks at too, and says when they will be lost', () => {
      const widget = find(onCallBoard, 'Dead letters, those in flight');
      expect(widget.properties.metrics[0]).toEqual([
        { expression: 'visible0 + inFlight0', label: 'seat-plan', period: 60 },
      ]);
      expect(lines(find(onCallBoard, 'Age of the oldest dead letter'))).toEqual([[14, 'lost']]);
    });

    it.each([
      ['Messages waiting', 'AWS/SQS ApproximateNumberOfMessagesVisible QueueName Theatre-SeatPlan'],
      ['Retries', 'Baton Retried service seat-plan'],
      ['Throttled', 'AWS/Lambda Throttles FunctionName Theatre-SeatPlan'],
      ['Lag of outbox', 'Baton OutboxLag service outbox'],
      ['Deliveries that SNS gave up', 'AWS/SNS NumberOfNotificationsFailed TopicName Theatre-Seats'],
    ])('draws: %s', (title, metric) => {
      expect(series(find(onCallBoard, title))).toContain(metric);
    });

    it('draws the circuit of each dependency', () => {
      expect(series(find(onCallBoard, 'Circuits'))).toEqual([
        'Baton CircuitState dependency printer service seat-plan',
        'Baton CircuitState dependency payments service seat-plan',
      ]);
    });

    it('draws the lag of an outbox against its promise', () => {
      expect(lines(find(onCallBoard, 'Lag of outbox'))).toEqual([[90_000, 'promise']]);
    });
  });

  describe('the one for debugging', () => {
    const own = { ...debug, widgets: debug.widgets.filter(({ y }) => y < find(debug, '## book-seat').y) };

    it('introduces each consumer: who answers for it, what it promises, where it is', () => {
      const { markdown } = find(debug, '## seat-plan').properties;
      expect(markdown).toContain('Owner: box-office. Flow: booking. Promise: no message older than 7 minutes.');
      expect(markdown).toContain('#/functions/Theatre-SeatPlan?tab=monitoring)');
      expect(markdown).toContain('#logsV2:log-groups/log-group/$252Faws$252Flambda$252Fseat-plan)');
      expect(markdown).toContain(
        '#/queues/https%3A%2F%2Fsqs.eu-central-1.amazonaws.com%2F123456789012%2FTheatre-SeatPlan-dead-letters)',
      );
      expect(find(debug, '## loner').properties.markdown).toContain('In no flow.');
    });

    it('names the runbook of every alarm of the consumer', () => {
      const { markdown } = find(debug, '## seat-plan').properties;
      for (const { rule } of seatPlan.health.alarms.values()) {
        expect(markdown).toContain(`\`docs/runbooks/${rule.runbook}.md\``);
      }
    });

    it('draws times against promise and timeout', () => {
      expect(lines(find(own, 'Latency: from the event'))).toEqual([[420_000, 'promise']]);
      expect(lines(find(own, 'Age of the oldest message'))).toEqual([[420, 'promise']]);
      expect(lines(find(own, 'Duration of invocations'))).toEqual([[20_000, 'timeout']]);
    });

    it('draws what became of the events', () => {
      expect(series(find(own, 'What became of the events'))).toEqual(
        ['Delivered', 'Handled', 'Duplicates', 'Retried', 'DeadLettered', 'Returned', 'Parked'].map(
          (name) => `Baton ${name} service seat-plan`,
        ),
      );
    });

    it('shows what SNS could not deliver, of a consumer of a topic', () => {
      expect(series(find(own, 'Dead letters'))).toContain(
        'AWS/SQS ApproximateNumberOfMessagesVisible QueueName Theatre-SeatPlan-undeliverable',
      );
    });

    it('lists the recent errors in the log', () => {
      expect(find(debug, 'Recent errors of seat-plan').properties.query).toMatch(
        /^SOURCE '\/aws\/lambda\/seat-plan' \| filter ispresent\(error\.name\)/,
      );
    });
  });
});

describe('dashboards', () => {
  it('are the same, made twice', () => {
    const make = () => {
      const { onCall, consumer, boards } = theatre();
      new Dashboards(boards, 'Dashboards', { consumers: [consumer('A'), consumer('B')], onCall });
      return Template.fromStack(boards).toJSON();
    };
    expect(make()).toEqual(make());
  });

  it('show the consumers, topics, outboxes and circuit breakers of their flows unless told otherwise', () => {
    const world = theatre();
    const { stack, onCall, boards } = world;
    const parts = [world.consumer('SeatPlan'), world.outbox(), world.circuitBreakers()];
    const flow = new Flow(stack, 'Booking', { parts, owner: 'house-manager', onCall });
    new Dashboards(boards, 'Dashboards', { flows: [flow], onCall });
    const bodies = dashboardsOf(Template.fromStack(boards));
    find(bodies['Boards-debug']!, '## seat-plan');
    find(bodies['Boards-on-call']!, 'Lag of outbox');
    find(bodies['Boards-on-call']!, 'Causes in the keeper of the circuits');
    expect(Object.entries(bodies).flatMap(([name, body]) => objectionsTo(name, body))).toEqual([]);
  });

  it('link runbooks that have an address', () => {
    const { stack, consumer, boards } = theatre();
    const onCall = new OnCall(stack, 'Others', { runbooks: 'https://example.com/runbooks' });
    new Dashboards(boards, 'Dashboards', { consumers: [consumer('SeatPlan', { onCall })], onCall });
    const bodies = dashboardsOf(Template.fromStack(boards));
    expect(find(bodies['Boards-debug']!, '## seat-plan').properties.markdown).toContain(
      '[age](https://example.com/runbooks/age.md)',
    );
  });

  it('leave out the logs that have no name of their own: a reference would be an export', () => {
    const { consumer, onCall, boards } = theatre();
    const seatPlan = consumer('SeatPlan');
    Object.assign(seatPlan.function.logGroup.node.defaultChild!, { logGroupName: undefined });
    new Dashboards(boards, 'Dashboards', { consumers: [seatPlan], onCall });
    const bodies = dashboardsOf(Template.fromStack(boards));
    expect(Object.values(bodies).flatMap(({ widgets }) => widgets.filter(({ type }) => type === 'log'))).toEqual([]);
    expect(find(bodies['Boards-debug']!, '## seat-plan').properties.markdown).not.toContain('[log]');
  });

  it('show what is in another region', () => {
    const app = new App();
    const account = '123456789012';
    const far = new Stack(app, 'Far', { env: { account, region: 'us-west-2' } });
    const onCall = new OnCall(far, 'OnCall');
    const consumer = new Consumer(far, 'SeatPlan', {
      topic: new EventTopic(far, 'Seats', { events: [SeatBooked] }),
      events: [SeatBooked],
      entry: ECHO,
      maxAge: Duration.minutes(5),
      owner: 'box-office',
      idempotency: new IdempotencyTable(far, 'Idempotency'),
      onCall,
    });
    const near = new Stack(app, 'Near', { env: { account, region: 'eu-central-1' } });
    new Dashboards(near, 'Dashboards', { consumers: [consumer], onCall });
    const template = Template.fromStack(near);
    const bodies = dashboardsOf(template);
    const depth = find(bodies['Near-on-call']!, 'Messages waiting');
    expect(depth.properties.region).toBe('eu-central-1');
    expect(depth.properties.metrics[0].at(-1)).toMatchObject({ region: 'us-west-2' });
    expect(find(bodies['Near-on-call']!, 'Pages').properties.alarms).toEqual([arn('Far-SeatPlan-health', 'us-west-2')]);
    expect(find(bodies['Near-debug']!, '## seat-plan').properties.markdown).toContain('https://us-west-2.console');
  });

  it('are refused without anything to show', () => {
    const { boards, onCall } = theatre();
    expect(() => new Dashboards(boards, 'Dashboards', { onCall })).toThrow(
      'Boards/Dashboards: It has neither flows nor consumers to show.',
    );
  });

  it.each(['box office', 'a/b', '', 'x'.repeat(236)])('are refused under the name %j', (name) => {
    const { boards, onCall, consumer } = theatre();
    const consumers = [consumer('SeatPlan')];
    expect(() => new Dashboards(boards, 'Dashboards', { name, consumers, onCall })).toThrow(
      expect.objectContaining({
        name: UnsafePropsError.name,
        message: expect.stringContaining('Use letters, digits, dashes and underscores, up to 235.'),
      }),
    );
  });

  it('are refused under the name of others of the stack', () => {
    const { boards, onCall, consumer } = theatre();
    const consumers = [consumer('SeatPlan')];
    new Dashboards(boards, 'One', { consumers, onCall });
    expect(() => new Dashboards(boards, 'Two', { consumers, onCall })).toThrow(
      "Boards/Two: Its dashboards would have the names of those of Boards/One ('Boards-...').",
    );
    expect(() => new Dashboards(boards, 'Three', { name: 'Boards-three', consumers, onCall })).not.toThrow();
  });
});
