import { existsSync } from 'node:fs';
import { Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { Health } from '../../lib/constructs/alarms/health.ts';
import { Flow, type FlowProps } from '../../lib/constructs/flow.ts';
import { EventTopic, type IOnCall, UnsafePropsError } from '../../lib/constructs/index.ts';
import { logicalIdAt, type Resource, resourceAt, SeatFreed, wiring } from './fixtures/wiring.ts';

/** A stack with a flow of two consumers and a topic. */
function checkout(props: Partial<FlowProps> = {}) {
  const wired = wiring();
  const { stack, consumer, onCall } = wired;
  const halls = new EventTopic(stack, 'Halls', { events: [SeatFreed], owner: 'sales', onCall });
  const parts = [consumer({}, 'SeatPlan'), consumer({}, 'Tickets'), halls] as const;
  const flow = new Flow(stack, 'Checkout', { parts, owner: 'sales', onCall, ...props });
  return { ...wired, flow, parts };
}

/** Something with an alarm that pages; with `late`, it gets it when it is told to. */
function part(scope: Construct, id: string, onCall: IOnCall, late = false) {
  const health = new Health(new Construct(scope, id), 'Health', { subject: id, owner: 'sales', onCall });
  const rule = {
    meaning: 'A test fixture.',
    first: 'Nothing.',
    metric: new cloudwatch.Metric({ namespace: 'Test', metricName: id }),
    threshold: 1,
    datapointsToAlarm: 1,
    evaluationPeriods: 1,
  };
  const alarm = () => {
    health.add('Late', 'page', { ...rule, runbook: 'age' });
  };
  if (!late) alarm();
  return { health, alarm };
}

function alarmsOf(template: Template, type: 'Alarm' | 'CompositeAlarm'): Resource['Properties'][] {
  return Object.values(template.findResources(`AWS::CloudWatch::${type}`)).map(({ Properties }) => Properties);
}

describe('a flow', () => {
  const { flow, template } = checkout({
    objectives: { success: 99.9, latency: 95, delivery: 99.99 },
    burnRates: { page: 2, escalate: 3 },
    minimumEvents: 25,
  });
  const synthesized = template();
  const at = (path: string): Resource['Properties'] => resourceAt(synthesized, path).Properties;
  const ref = (path: string) => ({ Ref: logicalIdAt(synthesized, path) });

  it('has its name from its id, and tells it to the functions of its consumers', () => {
    expect(flow.name).toBe('checkout');
    for (const id of ['SeatPlan', 'Tickets']) {
      expect(at(`${id}/Function`).Environment.Variables.BATON_FLOW).toBe('checkout');
    }
  });

  it('speaks for its parts, which are silent', () => {
    for (const id of ['SeatPlan', 'Tickets', 'Halls']) {
      expect(at(`${id}/Health/Page`).AlarmActions ?? []).toEqual([]);
      expect(at(`${id}/Health/Ticket`).AlarmActions ?? []).toEqual([]);
    }
    expect([at('Checkout/Page').AlarmActions, at('Checkout/Page').OKActions]).toEqual(
      Array(2).fill([ref('OnCall/Page')]),
    );
    expect(at('Checkout/Ticket').AlarmActions).toEqual([ref('OnCall/Ticket')]);
  });

  it('pages for a page of any part, and for a budget that burns', () => {
    const names = [
      'SeatPlan-health',
      'Tickets-health',
      'Halls-health',
      ...['Success', 'Latency', 'Delivery'].map((id) => `Checkout-${id}-burning`),
    ];
    expect(at('Checkout/Page').AlarmRule).toBe(names.map((name) => `ALARM("Theatre-${name}")`).join(' OR '));
    expect(at('Checkout/Ticket').AlarmRule).toBe(
      ['SeatPlan', 'Tickets', 'Halls'].map((id) => `ALARM("Theatre-${id}-degraded")`).join(' OR '),
    );
  });

  it('is quiet in a maintenance window', () => {
    for (const id of ['Page', 'Ticket', 'Escalation']) {
      expect(at(`Checkout/${id}`).ActionsSuppressor).toEqual({
        'Fn::GetAtt': [expect.stringMatching(/^OnCallMaintenance/), 'Arn'],
      });
    }
  });

  it.each([
    ['Hour', 3_600, 1, 'IF(total >= 25, 1000 * bad / total, 0)', 2],
    ['FiveMinutes', 300, 1, 'IF(total > 0, 1000 * bad / total, 0)', 2],
    ['SixHours', 3_600, 6, 'IF(total >= 25, 1000 * bad / total)', 3],
    ['HalfHour', 1_800, 1, 'IF(total > 0, 1000 * bad / total, 0)', 3],
  ])('measures its success over %s', (id, period, periods, expression, threshold) => {
    const alarm = at(`Checkout/Success/${id}`);
    expect(alarm).toMatchObject({
      Threshold: threshold,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      EvaluationPeriods: periods,
      DatapointsToAlarm: periods,
      TreatMissingData: 'notBreaching',
    });
    expect(alarm.AlarmActions ?? []).toEqual([]);
    expect(alarm.Metrics[0].Expression).toBe(expression);
    const stats = alarm.Metrics.flatMap((each: Resource['Properties']) => each.MetricStat ?? []);
    expect(stats.map(({ Metric }: Resource['Properties']) => Metric.MetricName).toSorted()).toEqual([
      'DeadLettered',
      'Handled',
      'Parked',
    ]);
    for (const { Metric, Period, Stat } of stats) {
      expect([Metric.Namespace, Metric.Dimensions, Period, Stat]).toEqual([
        'Baton',
        [{ Name: 'flow', Value: 'checkout' }],
        period,
        'Sum',
      ]);
    }
  });

  it('is over a rate when it is over both windows', () => {
    const both = (...spans: string[]) =>
      spans.map((span) => `ALARM("Theatre-Checkout-Success-burn-${span}")`).join(' AND ');
    expect(at('Checkout/Success/Burning').AlarmRule).toBe(both('1h', '5m'));
    expect(at('Checkout/Success/Sustained').AlarmRule).toBe(both('6h', '30m'));
    expect(at('Checkout/Escalation').AlarmRule).toBe(
      ['Success', 'Latency', 'Delivery'].map((id) => `ALARM("Theatre-Checkout-${id}-sustained")`).join(' OR '),
    );
  });

  it('measures delivery on its topics', () => {
    const { Metrics } = at('Checkout/Delivery/Hour');
    const stats = Metrics.flatMap((each: Resource['Properties']) => each.MetricStat ?? []);
    expect(stats.map(({ Metric }: Resource['Properties']) => [Metric.MetricName, Metric.Dimensions])).toEqual(
      ['NumberOfNotificationsFailed', 'NumberOfNotificationsDelivered'].map((name) => [
        name,
        [{ Name: 'TopicName', Value: 'Theatre-Halls' }],
      ]),
    );
  });

  it('says in every alarm who, what, what first, and where to read on', () => {
    const own = [...alarmsOf(synthesized, 'Alarm'), ...alarmsOf(synthesized, 'CompositeAlarm')].filter(
      ({ AlarmName }) => AlarmName.startsWith('Theatre-Checkout'),
    );
    expect(own).toHaveLength(3 * 6 + 3);
    for (const { AlarmDescription } of own) {
      const [, runbook] =
        /^Owner: sales\. Flow: checkout\. .{20,} First: .{20,} Runbook: docs\/runbooks\/(.+)\.md$/.exec(
          AlarmDescription,
        ) ?? [];
      expect([AlarmDescription, runbook]).toEqual([AlarmDescription, expect.any(String)]);
      if (runbook!.startsWith('burn-rate')) expect(existsSync(`docs/runbooks/${runbook}.md`)).toBe(true);
    }
  });

  it('has its metrics at hand', () => {
    expect(flow.metric('Handled')).toMatchObject({ metricName: 'Handled', dimensions: { flow: 'checkout' } });
    expect(flow.objectives.map(({ name, target }) => [name, target])).toEqual([
      ['success', 99.9],
      ['latency', 95],
      ['delivery', 99.99],
    ]);
    expect(flow.metricSuccess(Duration.hours(2))).toMatchObject({ period: Duration.hours(2) });
    expect(flow.metricBurnRate('success')).toMatchObject({ expression: 'IF(total > 0, 1000 * bad / total, 0)' });
    expect(flow.budgetLeft('latency')).toMatchObject({ expression: '100 - 100 * 20 * RUNNING_SUM(bad) / SUM(total)' });
  });
});

describe('what lasts', () => {
  it('pages again when there is nobody to escalate to', () => {
    const { template } = checkout({ objectives: { success: 99 } });
    const { AlarmActions, OKActions } = resourceAt(template(), 'Checkout/Escalation').Properties;
    expect([AlarmActions, OKActions]).toEqual(Array(2).fill([{ Ref: logicalIdAt(template(), 'OnCall/Page') }]));
  });

  it('goes to those who are there for it', () => {
    const { stack, consumer, onCall, template } = wiring();
    const escalate = new Topic(stack, 'Leads');
    const withLeads: IOnCall = {
      page: onCall.page,
      ticket: onCall.ticket,
      escalate,
      runbook: (name) => onCall.runbook(name),
      notify: (alarm, urgency) => onCall.notify(alarm, urgency),
    };
    new Flow(stack, 'Checkout', {
      parts: [consumer()],
      owner: 'sales',
      onCall: withLeads,
      objectives: { success: 99 },
    });
    const synthesized = template();
    expect(resourceAt(synthesized, 'Checkout/Escalation').Properties.AlarmActions).toEqual([
      { Ref: logicalIdAt(synthesized, 'Leads') },
    ]);
  });
});

it('a flow without objectives gathers alarms, and keeps no budget', () => {
  const { flow, template } = checkout();
  expect([flow.objectives, flow.escalation]).toEqual([[], undefined]);
  const own = alarmsOf(template(), 'CompositeAlarm').filter(({ AlarmName }) =>
    AlarmName.startsWith('Theatre-Checkout'),
  );
  expect(own).toHaveLength(2);
  expect(() => flow.metricBurnRate('success')).toThrow('It has no objective for success. Set `objectives.success`.');
});

it('a flow in another stack than its parts knows them by name: nothing of theirs is exported', () => {
  const { app, stack, consumer, onCall } = wiring();
  const halls = new EventTopic(stack, 'Halls', { events: [SeatFreed], owner: 'sales', onCall });
  const other = new Stack(app, 'Business');
  new Flow(other, 'Checkout', {
    parts: [consumer(), halls],
    owner: 'sales',
    onCall,
    objectives: { success: 99, latency: 99, delivery: 99 },
  });
  app.synth();
  expect(other.dependencies).toEqual([stack]);
  const imports = JSON.stringify(Template.fromStack(other).toJSON()).match(/"Fn::ImportValue":"[^"]*"/g) ?? [];
  expect(imports.filter((each) => !each.includes('OnCall'))).toEqual([]);
  expect(resourceAt(Template.fromStack(stack), 'SeatPlan/Function').Properties.Environment.Variables.BATON_FLOW).toBe(
    'checkout',
  );
});

it('a flow of more parts than a rule takes is a tree of composites that reaches all of them', () => {
  const { app, onCall } = wiring();
  const stacks = Array.from({ length: 8 }, (_, n) => new Stack(app, `Parts${n}`));
  // as long as names of alarms get
  const ids = Array.from({ length: 200 }, (_, n) => `${'part'.repeat(60)}-${n}`);
  const parts = stacks.flatMap((stack) => ids.map((id) => part(stack, id, onCall)));
  const everything = new Stack(app, 'All');
  new Flow(everything, 'Flow', { parts, owner: 'sales', onCall });
  const own = Template.fromStack(everything);
  const composites = new Map(alarmsOf(own, 'CompositeAlarm').map((each) => [each.AlarmName as string, each]));
  const children = (name: string) =>
    [...composites.get(name)!.AlarmRule.matchAll(/ALARM\("([^"]+)"\)/g)].map(([, child]) => child as string);
  const leaves = (name: string): string[] => (composites.has(name) ? children(name).flatMap(leaves) : [name]);
  expect(new Set(leaves('All-Flow-health')).size).toBe(1_600);
  for (const [name, { AlarmRule, AlarmActions }] of composites) {
    expect(AlarmRule.length).toBeLessThanOrEqual(10_240);
    expect(children(name).length).toBeLessThanOrEqual(100);
    const speaks = /^All-Flow-(health|degraded)$/.test(name);
    expect([name, (AlarmActions ?? []).length]).toEqual([name, speaks ? 1 : 0]);
  }
}, 60_000);

it('a part that gets its first alarm after it joined is heard', () => {
  const { stack, onCall, template } = wiring();
  const early = part(stack, 'Early', onCall);
  const late = part(stack, 'Late', onCall, true);
  new Flow(stack, 'Checkout', { parts: [early, late], owner: 'sales', onCall });
  late.alarm();
  expect(resourceAt(template(), 'Checkout/Page').Properties.AlarmRule).toBe(
    'ALARM("Theatre-Early-health") OR ALARM("Theatre-Late-health")',
  );
});

it('a flow whose parts never page is never in alarm', () => {
  const { stack, onCall, template } = wiring();
  new Flow(stack, 'Checkout', { parts: [part(stack, 'Quiet', onCall, true)], owner: 'sales', onCall });
  expect(resourceAt(template(), 'Checkout/Page').Properties.AlarmRule).toBe('FALSE');
});

describe('a flow is refused', () => {
  const refusal = (props: Partial<FlowProps>) => {
    try {
      checkout(props);
    } catch (error) {
      expect(error).toBeInstanceOf(UnsafePropsError);
      return (error as Error).message;
    }
    throw new Error('It was not refused.');
  };

  it.each<[string, Partial<FlowProps>]>([
    ['Theatre/Checkout: It has no parts.', { parts: [] }],
    ['Theatre/Checkout: `owner` is empty', { owner: ' ' }],
    ["Theatre/Checkout: `name` is 'a b'.", { name: 'a b' }],
    ['`objectives.success` is 100.', { objectives: { success: 100 } }],
    ['`objectives.success` is 50.', { objectives: { success: 50 } }],
    ['`objectives.latency` is 99.9999.', { objectives: { latency: 99.9999 } }],
    ['`window` is 12 hours.', { window: Duration.hours(12) }],
    ['`window` is 91 days.', { window: Duration.days(91) }],
    ['`minimumEvents` is 0.', { minimumEvents: 0 }],
    ['`minimumEvents` is 1.5.', { minimumEvents: 1.5 }],
    ['`burnRates.page` is 0.', { objectives: { success: 99 }, burnRates: { page: 0 } }],
    ['`burnRates.escalate` is 101', { objectives: { success: 99 }, burnRates: { escalate: 101 } }],
  ])('%s', (message, props) => {
    expect(refusal(props)).toContain(message);
  });

  it('for a promise that nothing in it can break', () => {
    const { stack, onCall } = wiring();
    const quiet = part(stack, 'Quiet', onCall);
    const flow = (objectives: FlowProps['objectives']) => () =>
      new Flow(stack, `Flow-${Object.keys(objectives ?? {})}`, {
        parts: [quiet],
        owner: 'sales',
        onCall,
        ...(objectives && { objectives }),
      });
    expect(flow({ success: 99 })).toThrow('Nothing in it handles events');
    expect(flow({ latency: 99 })).toThrow('Nothing in it handles events');
    expect(flow({ delivery: 99 })).toThrow('It has 0 topics');
  });

  it('for more topics than an alarm takes metrics of', () => {
    const { stack, onCall } = wiring();
    const topics = Array.from(
      { length: 6 },
      (_, n) => new EventTopic(stack, `Halls${n}`, { events: [SeatFreed], owner: 'sales', onCall }),
    );
    const flow = () =>
      new Flow(stack, 'Checkout', { parts: topics, owner: 'sales', onCall, objectives: { delivery: 99 } });
    expect(flow).toThrow('It has 6 topics; delivery is measured on 1 to 5');
  });

  it('when a part of it is in another flow: one cause would page twice', () => {
    const { flow, stack, onCall, parts } = checkout();
    const again = (name?: string) => () =>
      new Flow(stack, `Again${name ?? ''}`, { parts: [parts[0]], owner: 'sales', onCall, ...(name && { name }) });
    expect(again()).toThrow("Its part seat-plan is in the flow 'checkout' already");
    expect(again(flow.name)).toThrow("Its part seat-plan is in the flow 'checkout' already");
  });

  it('when a part of it has no alarms', () => {
    const { stack, onCall, topic } = wiring();
    expect(() => new Flow(stack, 'Checkout', { parts: [topic], owner: 'sales', onCall })).toThrow(
      'Its parts Theatre/Seats have no alarms: nobody would hear of them. Give them `onCall` and `owner`.',
    );
  });

  it('when a part of it is in another region', () => {
    const { app, onCall } = wiring();
    const [here, there] = ['eu-central-1', 'us-east-1'].map(
      (region) => new Stack(app, region, { env: { account: '111122223333', region } }),
    );
    const far = part(there!, 'Far', onCall);
    expect(() => new Flow(here!, 'Checkout', { parts: [far], owner: 'sales', onCall })).toThrow(
      'Its part Far is in 111122223333, us-east-1; an alarm knows alarms of its own account and region only.',
    );
  });
});
