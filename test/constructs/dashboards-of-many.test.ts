import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { Dashboards } from '../../lib/constructs/dashboards/dashboards.ts';
import { type DashboardBody, dashboardsOf, objectionsTo } from './fixtures/dashboard-body.ts';
import { theatre } from './fixtures/theatre.ts';

describe('the dashboards of 100 consumers', () => {
  const made = (count: number) => {
    const world = theatre();
    new Dashboards(world.boards, 'Dashboards', { consumers: world.consumers(count), onCall: world.onCall });
    const stacks = world.app.node.children.filter((each) => each instanceof Stack);
    return stacks
      .filter(({ stackName }) => stackName.startsWith('Boards'))
      .map((stack) => ({ stack: stack.stackName, template: Template.fromStack(stack) }));
  };
  const hundred = made(100);
  const bodies: Record<string, DashboardBody> = Object.assign(
    {},
    ...hundred.map((each) => dashboardsOf(each.template)),
  );

  it('keep the limits of CloudWatch', () => {
    expect(Object.entries(bodies).flatMap(([name, body]) => objectionsTo(name, body))).toEqual([]);
  });

  it('show every consumer once, 15 to a dashboard for debugging', () => {
    const titles = Object.entries(bodies)
      .filter(([name]) => name.startsWith('Boards-debug'))
      .map(([, { widgets }]) =>
        widgets.flatMap(({ properties: { markdown } }) => /^## (.*)/.exec(markdown ?? '')?.[1] ?? []),
      );
    expect(titles.map((each) => each.length)).toEqual([15, 15, 15, 15, 15, 15, 10]);
    expect(titles.flat()).toEqual(Array.from({ length: 100 }, (_, n) => `act${n + 1}`));
  });

  it('go to further stacks, with room in every template of 1 MB', () => {
    expect(hundred.map(({ stack }) => stack)).toEqual([
      'Boards',
      'Boards-Dashboards-2',
      'Boards-Dashboards-3',
      'Boards-Dashboards-4',
    ]);
    for (const { template } of hundred) {
      const text = JSON.stringify(template.toJSON(), undefined, 1);
      expect(text.length).toBeLessThan(900_000);
      expect(text).not.toContain('Fn::ImportValue');
    }
  });

  it('stay where they are when there are more or fewer consumers', () => {
    const places = (stacks: typeof hundred) =>
      Object.fromEntries(
        stacks.flatMap(({ stack, template }) => Object.keys(dashboardsOf(template)).map((name) => [name, stack])),
      );
    expect(places(hundred)).toMatchObject(places(made(40)));
  });

  it('query 50 logs at a time, which is as many as CloudWatch takes', () => {
    const queries = Object.values(bodies).flatMap(({ widgets }) =>
      widgets.filter(({ properties }) => properties.title?.startsWith('Top failures')),
    );
    expect(queries.map(({ properties }) => [properties.title, properties.query.match(/SOURCE/g).length])).toEqual([
      ['Top failures, retries included (1 of 2)', 50],
      ['Top failures, retries included (2 of 2)', 50],
    ]);
  });
});
