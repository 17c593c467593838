import type { MetricQuery } from '../../resources.ts';
import { MetricMathError } from './errors.ts';
import { ArgumentsError, type Filler, FUNCTIONS, fill, type Grid } from './functions.ts';
import { applyOperator } from './operators.ts';
import { type Expression, parseExpression } from './parse.ts';
import { type Points, type Series, scalar, series, type Value } from './values.ts';

/** A query that names a metric. */
export type MetricStatQuery = MetricQuery & { metric: NonNullable<MetricQuery['metric']> };

/** The datapoints that an alarm watches, as a function of the datapoints of its metrics. */
export type AlarmMath = (points: (query: MetricStatQuery) => Points, length: number) => Points;

/**
 * Prepares the queries of an alarm: the one that returns data may be a metric or an expression over the others. All of it
 * is checked here (syntax, functions, ids, kinds of arguments), so that the result cannot fail later.
 * @throws MetricMathError when something is wrong, or not emulated.
 */
export function prepareAlarmMath(queries: readonly MetricQuery[], periodSeconds: number, alarm: string): AlarmMath {
  const returned = queries.filter((query) => query.returnData);
  const [watched] = returned;
  if (watched === undefined || returned.length > 1) {
    const ids = queries.map(({ expression, id }) => expression ?? id).join(', ');
    throw new MetricMathError(`returns ${returned.length} time series; an alarm watches exactly one`, ids, alarm);
  }
  const parsed = new Map<string, Expression>();
  for (const { id, expression } of queries) {
    if (expression !== undefined)
      parsed.set(
        id,
        inAlarm(alarm, () => parseExpression(expression)),
      );
  }
  for (const { id, metric } of queries) {
    if (metric && metric.periodSeconds !== periodSeconds) {
      const problem = `has a period of ${metric.periodSeconds} s in an alarm of ${periodSeconds} s; all must be the same`;
      throw new MetricMathError(problem, id, alarm);
    }
  }
  const evaluate: AlarmMath = (points, length) =>
    inAlarm(alarm, () => new Evaluation(queries, parsed, points, { length, periodSeconds }).result(watched));
  // Whether a value is a number or a series does not depend on the data, so one run without data finds every mistake.
  evaluate(() => new Array<undefined>(1).fill(undefined), 1);
  return evaluate;
}

class Evaluation {
  readonly #queries: readonly MetricQuery[];
  readonly #parsed: ReadonlyMap<string, Expression>;
  readonly #pointsOf: (query: MetricStatQuery) => Points;
  readonly #grid: Grid;
  readonly #values = new Map<string, Value | 'underway'>();
  /** The text that is evaluated, for what an error says. */
  #text = '';

  constructor(
    queries: readonly MetricQuery[],
    parsed: ReadonlyMap<string, Expression>,
    pointsOf: (query: MetricStatQuery) => Points,
    grid: Grid,
  ) {
    this.#queries = queries;
    this.#parsed = parsed;
    this.#pointsOf = pointsOf;
    this.#grid = grid;
  }

  result(watched: MetricQuery): Points {
    this.#text = watched.expression ?? watched.id;
    const value = this.#valueOf(watched.id);
    if (value.kind === 'series') return value.points;
    if (value.kind === 'array' && value.series.length === 1) return value.series[0]!.points;
    return this.#fail(value.kind === 'scalar' ? 'gives a number, not a time series' : 'gives several time series');
  }

  #valueOf(id: string): Value {
    const known = this.#values.get(id);
    if (known === 'underway') return this.#fail(`depends on itself through '${id}'`);
    if (known !== undefined) return known;
    const query = this.#queries.find((each) => each.id === id);
    if (query === undefined) return this.#fail(`names '${id}', which is no metric or expression of the alarm`);
    this.#values.set(id, 'underway');
    const value = this.#compute(query);
    this.#values.set(id, value);
    return value;
  }

  #compute(query: MetricQuery): Value {
    if (isMetric(query)) return series(this.#pointsOf(query));
    const expression = this.#parsed.get(query.id);
    if (expression === undefined)
      return this.#fail(`names '${query.id}', which has neither a metric nor an expression`);
    const outer = this.#text;
    this.#text = query.expression ?? query.id;
    const value = this.#evaluate(expression);
    this.#text = outer;
    return value;
  }

  #evaluate(expression: Expression): Value {
    switch (expression.kind) {
      case 'number':
        return scalar(expression.value);
      case 'id':
        return this.#valueOf(expression.id);
      case 'word':
        return this.#fail(`has '${expression.text}' where a value was expected`);
      case 'negate':
        return this.#operate('*', scalar(-1), this.#evaluate(expression.operand));
      case 'binary':
        return this.#operate(expression.operator, this.#evaluate(expression.left), this.#evaluate(expression.right));
      case 'array':
        return { kind: 'array', series: expression.items.flatMap((item) => this.#seriesOf(this.#evaluate(item))) };
      case 'call':
        return this.#call(expression.name, expression.args);
    }
  }

  #operate(operator: Parameters<typeof applyOperator>[0], left: Value, right: Value): Value {
    return applyOperator(operator, left, right) ?? this.#fail(`has '${operator}' between two arrays`);
  }

  #seriesOf(value: Value): Series[] {
    if (value.kind === 'series') return [value];
    if (value.kind === 'array') return value.series;
    return this.#fail('has a number in an array; arrays hold time series only');
  }

  #call(name: string, args: Expression[]): Value {
    if (name === 'METRICS') return this.#metrics(args);
    if (name === 'PERIOD') return this.#period(args);
    const call = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (call === undefined && name !== 'FILL') return this.#fail(`uses the function ${name}, which is not emulated`);
    try {
      if (call)
        return call(
          args.map((arg) => this.#evaluate(arg)),
          this.#grid,
        );
      const [value, filler, ...rest] = args;
      if (value === undefined || filler === undefined || rest.length > 0) throw new ArgumentsError('two arguments');
      return fill(this.#evaluate(value), this.#filler(filler));
    } catch (error) {
      if (error instanceof ArgumentsError) return this.#fail(`uses ${name}, which takes ${error.message}`);
      throw error;
    }
  }

  #filler(expression: Expression): Filler {
    if (expression.kind === 'word' && (expression.text === 'REPEAT' || expression.text === 'LINEAR')) {
      return expression.text;
    }
    const value = this.#evaluate(expression);
    if (value.kind === 'array') throw new ArgumentsError('a number, REPEAT, LINEAR or one time series to fill with');
    return value;
  }

  /** METRICS(), or METRICS("part of an id"): the metrics of the alarm, not its expressions. */
  #metrics(args: Expression[]): Value {
    const [part] = args;
    if (args.length > 1 || (part !== undefined && part.kind !== 'word'))
      return this.#fail('uses METRICS, which takes one text');
    const wanted = part?.text ?? '';
    const found = this.#queries.filter(isMetric).filter(({ id }) => id.includes(wanted));
    return {
      kind: 'array',
      series: found.map(({ id }) => this.#valueOf(id)).filter((value) => value.kind === 'series'),
    };
  }

  #period(args: Expression[]): Value {
    const [metric, ...rest] = args;
    const query = metric?.kind === 'id' ? this.#queries.find(({ id }) => id === metric.id) : undefined;
    if (query?.metric === undefined || rest.length > 0)
      return this.#fail('uses PERIOD, which takes the id of a metric');
    return scalar(query.metric.periodSeconds);
  }

  #fail(problem: string): never {
    throw new MetricMathError(problem, this.#text);
  }
}

function isMetric(query: MetricQuery): query is MetricStatQuery {
  return query.metric !== undefined;
}

/** Runs `work`, naming the alarm in its errors. */
function inAlarm<Result>(alarm: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof MetricMathError) || error.alarm !== undefined) throw error;
    throw new MetricMathError(error.problem, error.expression, alarm);
  }
}
