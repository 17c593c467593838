import { Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Dashboards } from '../../lib/constructs/dashboards/dashboards.ts';
import { paginate, type Section } from '../../lib/constructs/dashboards/pages.ts';
import { Flow } from '../../lib/constructs/flow.ts';
import { OnCall } from '../../lib/constructs/index.ts';
import { seeded } from '../runtime/seed.ts';
import { type DashboardBody, dashboardsOf, objectionsTo } from './fixtures/dashboard-body.ts';
import { theatre } from './fixtures/theatre.ts';

const percent = fc.constantFrom(undefined, 90, 99.5, 99.99);
const flow = fc.record({
  consumers: fc.integer({ min: 1, max: 30 }),
  success: percent,
  latency: percent,
  days: fc.constantFrom(1, 7, 30, 90),
});
const pipeline = fc.record({
  flows: fc.array(flow, { maxLength: 4 }),
  others: fc.integer({ min: 1, max: 40 }),
  dependencies: fc.integer({ min: 0, max: 3 }),
  runbooks: fc.constantFrom('docs/runbooks', `https://example.com/${'a-long-way/'.repeat(12)}runbooks`),
});

test('whatever a pipeline looks like, its dashboards are as CloudWatch wants them and show each consumer once', () => {
  fc.assert(
    fc.property(pipeline, ({ flows, others, dependencies, runbooks }) => {
      const world = theatre();
      const onCall = new OnCall(world.stack, 'Runbooks', { runbooks });
      const circuitBreakers = world.circuitBreakers();
      const dependent = Array.from({ length: dependencies }, (_, n) =>
        world.consumer(`Dependent${n}`, {
          circuitBreakers,
          dependencies: Object.fromEntries(Array.from({ length: n }, (_, d) => [`dependency-${d}`, {}])),
          maxAge: Duration.minutes(1 + 7 * n),
        }),
      );
      const above = new Stack(world.app, 'Flows');
      const shows = flows.map(({ consumers, success, latency, days }, n) => {
        const objectives = { ...(success && { success }), ...(latency && { latency }) };
        const parts = world.consumers(consumers, `Flow${n}Part`);
        const window = Duration.days(days);
        return new Flow(above, `Flow${n}`, { parts, owner: 'house-manager', onCall, objectives, window });
      });
      const consumers = [...shows.flatMap((each) => each.consumers), ...dependent, ...world.consumers(others, 'Other')];
      new Dashboards(world.boards, 'Dashboards', { flows: shows, consumers, onCall });

      const bodies: Record<string, DashboardBody> = {};
      for (const stack of world.app.node.children.filter((each) => each instanceof Stack)) {
        if (!stack.stackName.startsWith('Boards')) continue;
        const template = Template.fromStack(stack);
        expect(JSON.stringify(template.toJSON(), undefined, 1).length).toBeLessThan(1_000_000);
        expect(JSON.stringify(template.toJSON())).not.toContain('Fn::ImportValue');
        Object.assign(bodies, dashboardsOf(template));
      }
      expect(Object.entries(bodies).flatMap(([name, body]) => objectionsTo(name, body))).toEqual([]);
      const titles = Object.entries(bodies)
        .filter(([name]) => name.startsWith('Boards-debug'))
        .flatMap(([, { widgets }]) => widgets)
        .flatMap(({ properties: { markdown } }) => /^## (.*)/.exec(markdown ?? '')?.[1] ?? []);
      expect(titles.toSorted()).toEqual(consumers.map(({ name }) => name).toSorted());
    }),
    seeded({ numRuns: Number(process.env.BATON_TEST_RUNS ?? 5) }),
  );
}, 120_000);

/** A graph of so many metrics. */
function graphOf(metrics: number): cloudwatch.GraphWidget {
  return new cloudwatch.GraphWidget({
    left: Array.from(
      { length: metrics },
      (_, n) =>
        new cloudwatch.Metric({ namespace: 'Baton', metricName: 'Handled', dimensionsMap: { service: `s${n}` } }),
    ),
  });
}

test('sections keep their order over dashboards, none is parted, none is lost, and none is begun too early', () => {
  const limits = { widgets: 12, metrics: 60, metricsOfWidget: 20, size: 30_000 };
  const section = fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(section, { maxLength: 30 }), fc.integer({ min: 1, max: 6 }), (shapes, most) => {
      const sections = shapes.map((metrics) => ({ rows: [metrics.map(graphOf)] }) as Section);
      const pages = paginate(new Stack(), sections, most, limits);
      expect(pages.flat()).toEqual(sections);
      const weights = pages.map((page) => {
        const widgets = page.flatMap((each) => shapes[sections.indexOf(each)]!);
        return {
          sections: page.length,
          widgets: widgets.length,
          metrics: widgets.reduce((all, each) => all + each, 0),
        };
      });
      for (const [index, { sections: taken, widgets, metrics }] of weights.entries()) {
        expect(taken).toBeGreaterThan(0);
        expect(taken).toBeLessThanOrEqual(most);
        // one widget is the header
        expect(widgets).toBeLessThan(limits.widgets);
        expect(metrics).toBeLessThanOrEqual(limits.metrics);
        const next = shapes[sections.indexOf(pages[index + 1]?.[0] ?? sections[0]!)];
        if (pages[index + 1] === undefined || next === undefined) continue;
        const room =
          taken < most &&
          widgets + next.length < limits.widgets &&
          metrics + next.reduce((all, each) => all + each, 0) <= limits.metrics;
        expect(room, `dashboard ${index + 1} had room for the next section`).toBe(false);
      }
    }),
    seeded({ numRuns: 100 }),
  );
});

test('a widget, and a section, that no dashboard takes are refused', () => {
  const limits = { widgets: 3, metrics: 60, metricsOfWidget: 20, size: 30_000 };
  const stack = new Stack(undefined, 'Boards');
  expect(() => paginate(stack, [{ rows: [[graphOf(21)]] }], 1, limits)).toThrow(
    /has 21 metrics, and CloudWatch takes 20/,
  );
  expect(() => paginate(stack, [{ rows: [[graphOf(1), graphOf(1), graphOf(1)]] }], 1, limits)).toThrow(
    /Boards: 3 widgets that belong together, with 3 metrics and \d+ characters, do not fit onto a dashboard/,
  );
});
