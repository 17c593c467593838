import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { App } from 'aws-cdk-lib';
import { afterAll, describe, expect, it } from 'vitest';
import cdkJson from '../../cdk.json' with { type: 'json' };
import { addPipeline } from '../../lib/stacks/app.ts';
import { environmentNamed } from '../../lib/stacks/environments.ts';

process.env.CDK_VALIDATION = 'false';

// biome-ignore lint/suspicious/noExplicitAny: templates are plain JSON, and the assertions say what they expect in it
type Properties = any;
interface Resource {
  Type: string;
  Properties: Properties;
  DependsOn?: string[];
}
interface Found extends Resource {
  stack: string;
  id: string;
}

const outdir = mkdtempSync(path.join(tmpdir(), 'baton-limits-'));
afterAll(() => rmSync(outdir, { recursive: true, force: true }));
const app = new App({ outdir, context: cdkJson.context });
addPipeline(app, environmentNamed('prod'));
const { stacks } = app.synth();
const resources = stacks.flatMap(({ stackName, template }) =>
  Object.entries(template.Resources as Record<string, Resource>).map(
    ([id, resource]): Found => ({ stack: stackName, id, ...resource }),
  ),
);
const alarms = resources.filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm');
const composites = resources.filter(({ Type }) => Type === 'AWS::CloudWatch::CompositeAlarm');
const byName = new Map([...alarms, ...composites].map((each) => [each.Properties.AlarmName as string, each]));

/** The ids of those that break a rule. */
function breaking(all: readonly Found[], holds: (properties: Properties, resource: Found) => boolean): string[] {
  expect(all.length).toBeGreaterThan(10);
  return all.filter((each) => !holds(each.Properties, each)).map(({ id }) => id);
}

function childrenOf({ Properties }: Found): string[] {
  return [...String(Properties.AlarmRule).matchAll(/ALARM\("([^"]+)"\)/g)].map((match) => match[1]!);
}

// Source of the numbers: PutMetricAlarm, PutCompositeAlarm and MetricDataQuery in the Amazon CloudWatch API reference.
describe('the alarms of the reference pipeline, as CloudWatch takes them', () => {
  it('look back a day at most, or a week by the hour', () => {
    expect(
      breaking(alarms, ({ Period, Metrics = [], EvaluationPeriods, DatapointsToAlarm }) => {
        const period = Period ?? Metrics.find((each: Properties) => each.MetricStat).MetricStat.Period;
        const most = period >= 3_600 ? 604_800 : 86_400;
        return period * EvaluationPeriods <= most && (DatapointsToAlarm ?? EvaluationPeriods) <= EvaluationPeriods;
      }),
    ).toEqual([]);
  });

  it('have up to 10 metrics of one period, up to 10 expressions, and watch one of all', () => {
    expect(
      breaking(alarms, ({ Metrics = [] }) => {
        const metrics = Metrics.filter((each: Properties) => each.MetricStat);
        const periods = new Set(metrics.map((each: Properties) => each.MetricStat.Period));
        const watched = Metrics.filter((each: Properties) => each.ReturnData !== false);
        const plain = Metrics.length === 0;
        return (
          metrics.length <= 10 &&
          Metrics.length - metrics.length <= 10 &&
          (plain || (periods.size === 1 && watched.length === 1))
        );
      }),
    ).toEqual([]);
  });

  it('have a name of their own, and a description that fits', () => {
    expect(byName.size).toBe(alarms.length + composites.length);
    expect(
      breaking([...alarms, ...composites], ({ AlarmName, AlarmDescription }) => {
        return /^[\w-]{1,255}$/.test(AlarmName) && AlarmDescription.length <= 1_024;
      }),
    ).toEqual([]);
  });

  it('are named by rules that fit, all of which are there first: else CloudWatch refuses the rule', () => {
    expect(
      breaking(composites, ({ AlarmRule }, composite) => {
        const children = childrenOf(composite);
        const first = children.every((name) => {
          const child = byName.get(name);
          if (child === undefined) return false;
          if (child.stack === composite.stack) return composite.DependsOn?.includes(child.id);
          const own = stacks.find(({ stackName }) => stackName === composite.stack)!;
          return own.dependencies.some(({ id }) => id === child.stack);
        });
        return first && children.length > 0 && children.length <= 100 && AlarmRule.length <= 10_240;
      }),
    ).toEqual([]);
  });

  it('are held back by a window for a time that is said, which a suppressor needs', () => {
    expect(
      breaking(composites, (properties) => {
        const { ActionsSuppressor, ActionsSuppressorWaitPeriod, ActionsSuppressorExtensionPeriod } = properties;
        return (
          (ActionsSuppressor !== undefined) ===
          (ActionsSuppressorWaitPeriod > 0 && ActionsSuppressorExtensionPeriod > 0)
        );
      }),
    ).toEqual([]);
  });
});
