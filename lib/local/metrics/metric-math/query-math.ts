import type { MetricQuery } from '../../resources.ts';
import { type AlarmMath, prepareAlarmMath } from './alarm-math.ts';
import type { MetricMathError } from './errors.ts';
import { type Expression, parseExpression } from './parse.ts';

/** A query of GetMetricData. */
export interface DataQuery extends MetricQuery {
  /** Shown for it. */
  label: string;
  /** Of an expression that names no metric. */
  periodSeconds: number | undefined;
}

/** A query whose data are asked for, ready to compute them. */
export interface PreparedQuery {
  id: string;
  label: string;
  periodSeconds: number;
  points: AlarmMath;
}

/**
 * Prepares the queries that return data. Each is computed on the period of the metrics that it is about, which have to have
 * the same one.
 * @throws MetricMathError, UnknownStatisticError
 */
export function prepareQueries(queries: readonly DataQuery[]): PreparedQuery[] {
  const byId = new Map(queries.map((query) => [query.id, query]));
  return queries
    .filter(({ returnData }) => returnData)
    .map((query) => {
      const needed = [...dependenciesOf(query, byId)].map((each) => ({ ...each, returnData: each === query }));
      const periodSeconds = needed.find(({ metric }) => metric)?.metric?.periodSeconds ?? query.periodSeconds ?? 60;
      const points = prepareAlarmMath(needed, periodSeconds, query.id);
      return { id: query.id, label: query.label, periodSeconds, points };
    });
}

function dependenciesOf(query: DataQuery, byId: ReadonlyMap<string, DataQuery>): Set<DataQuery> {
  const found = new Set<DataQuery>();
  const visit = (each: DataQuery): void => {
    if (found.has(each)) return;
    found.add(each);
    if (each.expression === undefined) return;
    for (const id of idsIn(parseExpression(each.expression))) {
      const next = byId.get(id);
      if (id === METRICS) for (const other of byId.values()) if (other.metric) visit(other);
      if (next !== undefined) visit(next);
    }
  };
  visit(query);
  return found;
}

/** Stands for the function that takes every metric there is. */
const METRICS = 'METRICS()';

function* idsIn(expression: Expression): Generator<string> {
  switch (expression.kind) {
    case 'id':
      yield expression.id;
      break;
    case 'negate':
      yield* idsIn(expression.operand);
      break;
    case 'binary':
      yield* idsIn(expression.left);
      yield* idsIn(expression.right);
      break;
    case 'array':
      for (const item of expression.items) yield* idsIn(item);
      break;
    case 'call':
      if (expression.name === 'METRICS') yield METRICS;
      for (const arg of expression.args) yield* idsIn(arg);
      break;
  }
}

/** What is wrong with a query, without the word alarm. */
export function problemOf({ problem, expression, alarm }: MetricMathError): string {
  return `Error in expression '${alarm ?? ''}': '${expression}' ${problem}.`;
}
