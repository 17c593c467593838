import { Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IConstruct } from 'constructs';
import { ConstructError } from '../errors.ts';
import { sizeOf } from './body.ts';

/** Rows of widgets that are read together, and so are not parted by the end of a dashboard. */
export interface Section {
  readonly rows: readonly (readonly cloudwatch.IWidget[])[];
}

/** How much goes onto one dashboard. */
export interface DashboardLimits {
  readonly widgets: number;
  /** Over all widgets, those that only expressions use included. */
  readonly metrics: number;
  readonly metricsOfWidget: number;
  /** In characters of a template. */
  readonly size: number;
}

/**
 * Source: "CloudWatch service quotas", Amazon CloudWatch user guide; they cannot be raised. The size is ours: a template of
 * CloudFormation takes 1 MB, and four dashboards have to fit into one.
 */
export const LIMITS: DashboardLimits = { widgets: 500, metrics: 2_500, metricsOfWidget: 500, size: 200_000 };

/** What a header takes of a dashboard: the names of all dashboards, all runbooks. */
const HEADER: Weight = { widgets: 1, metrics: 0, size: 10_000 };

interface Weight {
  readonly widgets: number;
  readonly metrics: number;
  readonly size: number;
}

/**
 * Spreads sections over as few dashboards as take them in this order. Each dashboard keeps room for a header of one widget.
 *
 * @param most sections of one dashboard @default as many as fit
 * @throws ConstructError when a section alone is too large for a dashboard
 */
export function paginate(
  scope: IConstruct,
  sections: readonly Section[],
  most = Number.POSITIVE_INFINITY,
  limits: DashboardLimits = LIMITS,
): Section[][] {
  const pages: Section[][] = [];
  let page: Section[] = [];
  let weight = HEADER;
  for (const section of sections) {
    const more = weigh(scope, section, limits);
    if (!fits(sum(HEADER, more), limits)) {
      throw new ConstructError(
        `${scope.node.path}: ${more.widgets} widgets that belong together, with ${more.metrics} metrics and ${more.size} characters, do not fit onto a dashboard, which takes ${limits.widgets}, ${limits.metrics} and ${limits.size}. Shorten the names, or the addresses of the runbooks.`,
      );
    }
    if (page.length === 0 || page.length === most || !fits(sum(weight, more), limits)) {
      page = [];
      pages.push(page);
      weight = HEADER;
    }
    page.push(section);
    weight = sum(weight, more);
  }
  return pages;
}

function fits(weight: Weight, limits: DashboardLimits): boolean {
  return weight.widgets <= limits.widgets && weight.metrics <= limits.metrics && weight.size <= limits.size;
}

function sum(one: Weight, other: Weight): Weight {
  return {
    widgets: one.widgets + other.widgets,
    metrics: one.metrics + other.metrics,
    size: one.size + other.size,
  };
}

function weigh(scope: IConstruct, section: Section, limits: DashboardLimits): Weight {
  const widgets = section.rows.flat().flatMap((widget) => widget.toJson() as Rendered[]);
  const metrics = widgets.map(({ properties }) => properties.metrics?.length ?? 0);
  for (const [index, { properties }] of widgets.entries()) {
    if (metrics[index]! <= limits.metricsOfWidget) continue;
    throw new ConstructError(
      `${scope.node.path}: the widget '${properties.title}' has ${metrics[index]} metrics, and CloudWatch takes ${limits.metricsOfWidget}. Show fewer of them.`,
    );
  }
  return {
    widgets: widgets.length,
    metrics: metrics.reduce((all, each) => all + each, 0),
    size: sizeOf(Stack.of(scope).resolve(widgets)),
  };
}

interface Rendered {
  readonly properties: { readonly title?: string; readonly metrics?: readonly unknown[] };
}
