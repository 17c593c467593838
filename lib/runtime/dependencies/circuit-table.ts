import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { AwsError } from '../aws/aws-error.ts';
import type { DynamoDb } from '../aws/clients.ts';
import { createStatements, type Item } from '../aws/statements.ts';
import type { Random } from '../batch/retry.ts';
import { type Circuit, type CircuitState, type Move, NEW_CIRCUIT } from './circuit.ts';

/** Calls that are not in the table yet. */
export interface Tally {
  calls: number;
  failures: number;
}

/** What became of a conditional write: whether it took place, and the circuit after it (or as it is instead). */
export interface Written {
  done: boolean;
  circuit: Circuit;
}

/** The circuits of one consumer. Every write is conditional on the generation that it is meant for. */
export interface CircuitTable {
  /** Reads circuits in one call, strongly consistent. */
  find(dependencies: readonly string[]): Promise<Map<string, Circuit>>;
  /** Adds calls to a half window of a closed circuit. Not done: it is not closed, or of another generation, any more. */
  count(dependency: string, known: Circuit, window: number, tally: Tally): Promise<Written>;
  /** Takes one of the probes of an interval. Not done: there is none left, or the circuit moved on. */
  claim(dependency: string, known: Circuit, interval: number, most: number): Promise<Written>;
  /** Adds probes that succeeded. Not done: the circuit moved on. */
  succeed(dependency: string, generation: number, successes: number): Promise<Written>;
  /** Changes the state. Done by exactly one of all who try it from the same generation. */
  move(dependency: string, from: Circuit, to: Move): Promise<Written>;
  /** Takes a step of the ramp. Not done: somebody else has, or the circuit moved on. */
  ramp(dependency: string, from: Circuit, ramp: number, rampAt: number): Promise<Written>;
  /** Notes that a timer of the keeper is under way. Not done: a later one is. */
  arm(dependency: string, known: Circuit, tick: number): Promise<Written>;
}

/** What a {@link CircuitTable} works with. */
export interface CircuitTableProps {
  client: DynamoDb;
  /** The idempotency table; circuits are kept among its records. */
  table: string;
  consumer: string;
  /** Milliseconds since the epoch. */
  clock: () => number;
  random: Random;
}

/** A circuit outlives every message about it, dead letters of the keeper included. */
const TTL_SECONDS = 30 * 24 * 3_600;
/** How often a count is tried while others begin the same half window. Counts are evidence: losing some is no harm. */
const TRIES = 6;

type Attribute = keyof Circuit;
type Condition = readonly [attribute: Attribute, operator: '=' | '<', value: number | string];

interface Change {
  set?: Partial<Circuit>;
  add?: Partial<Record<Attribute, number>>;
  /** All of them; none stands for: there is no such item. */
  where: readonly Condition[];
}

/** The id of a circuit's item. */
export function circuitId(consumer: string, dependency: string): string {
  return `circuit#${consumer}#${dependency}`;
}

export function createCircuitTable({ client, table, consumer, clock, random }: CircuitTableProps): CircuitTable {
  const read = createStatements({ client, kind: 'reads', random });

  async function write(dependency: string, change: Change): Promise<Written> {
    const { expression, condition, names, values } = render(change, Math.floor(clock() / 1_000) + TTL_SECONDS);
    try {
      const { Attributes } = await client.call('UpdateItem', {
        TableName: table,
        Key: { id: { S: circuitId(consumer, dependency) } },
        UpdateExpression: expression,
        ConditionExpression: condition,
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: values,
        ReturnValues: 'ALL_NEW',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      });
      return { done: true, circuit: toCircuit(Attributes) };
    } catch (error) {
      if (!(error instanceof AwsError) || error.name !== 'ConditionalCheckFailedException') throw error;
      return { done: false, circuit: toCircuit(error.details.Item as Item | undefined) };
    }
  }

  /** Begins a half window, or the circuit itself. */
  function roll(dependency: string, seen: Circuit, window: number, { calls, failures }: Tally): Promise<Written> {
    const follows = seen.window === window - 1;
    const { generation, window: last } = seen;
    return write(dependency, {
      // later writes compare with every attribute, so the first one writes all of them
      set: {
        ...(isNew(seen) && NEW_CIRCUIT),
        window,
        calls,
        failures,
        earlierCalls: follows ? seen.calls : 0,
        earlierFailures: follows ? seen.failures : 0,
      },
      // somebody may still be adding to the last one
      where: isNew(seen)
        ? []
        : [
            ['generation', '=', generation],
            ['state', '=', 'closed'],
            ['window', '=', last],
            ['calls', '=', seen.calls],
            ['failures', '=', seen.failures],
          ],
    });
  }

  return {
    async find(dependencies) {
      const items = await Promise.all(
        dependencies.map((name) =>
          read({
            Statement: `SELECT * FROM "${table}" WHERE "id" = ?`,
            Parameters: [{ S: circuitId(consumer, name) }],
          }),
        ),
      );
      return new Map(dependencies.map((name, position) => [name, toCircuit(items[position])]));
    },
    async count(dependency, known, window, tally) {
      const { generation } = known;
      let seen = known;
      for (let tries = 1; ; tries++) {
        // a clock may be a little behind those of the others, but a window far ahead is a mistake of somebody else's
        const current = seen.window === window + 1 ? seen.window : window;
        const written =
          seen.window === current && !isNew(seen)
            ? await write(dependency, {
                add: { calls: tally.calls, failures: tally.failures },
                where: [
                  ['generation', '=', generation],
                  ['state', '=', 'closed'],
                  ['window', '=', current],
                ],
              })
            : await roll(dependency, seen, current, tally);
        if (written.done || tries === TRIES) return written;
        seen = written.circuit;
        if (seen.state !== 'closed' || seen.generation !== generation) return written;
      }
    },
    async claim(dependency, { generation, interval: last }, interval, most) {
      const halfOpen: Condition[] = [
        ['generation', '=', generation],
        ['state', '=', 'half-open'],
      ];
      const begin = () =>
        write(dependency, { set: { interval, probes: 1 }, where: [...halfOpen, ['interval', '<', interval]] });
      const join = () =>
        write(dependency, {
          add: { probes: 1 },
          where: [...halfOpen, ['interval', '=', interval], ['probes', '<', most]],
        });
      const [first, second] = last < interval ? [begin, join] : [join, begin];
      const written = await first();
      const { circuit } = written;
      if (written.done || circuit.generation !== generation) return written;
      // who failed to begin an interval may join it, who failed to join one may begin it: but not what is used up
      const worthIt =
        first === begin ? circuit.interval === interval && circuit.probes < most : circuit.interval < interval;
      return worthIt ? await second() : written;
    },
    succeed: (dependency, generation, successes) =>
      write(dependency, {
        add: { successes },
        where: [
          ['generation', '=', generation],
          ['state', '=', 'half-open'],
        ],
      }),
    async move(dependency, from, to) {
      const written = await write(dependency, {
        set: to,
        where: [
          ['generation', '=', from.generation],
          ['state', '=', from.state],
        ],
      });
      // the answer to the first attempt was lost, and the second found its work done
      return { ...written, done: written.done || written.circuit.movedBy === to.movedBy };
    },
    ramp: (dependency, { generation, ramp: last }, ramp, rampAt) =>
      write(dependency, {
        set: { ramp, rampAt },
        where: [
          ['generation', '=', generation],
          ['ramp', '=', last],
        ],
      }),
    arm: (dependency, { generation, kept }, tick) =>
      write(dependency, {
        set: { kept: generation, tick },
        where: [['generation', '=', generation], kept === generation ? ['tick', '<', tick] : ['kept', '<', generation]],
      }),
  };
}

/** Whether the circuit was never written down; 0 is no half window of this century. */
function isNew({ generation, window }: Circuit): boolean {
  return generation === 0 && window === 0;
}

function render({ set = {}, add = {}, where }: Change, expiration: number) {
  const names: Record<string, string> = { '#expiration': 'expiration' };
  const values: Record<string, AttributeValue> = { ':expiration': { N: String(expiration) } };
  const name = (attribute: string) => {
    names[`#${attribute}`] = attribute;
    return `#${attribute}`;
  };
  const value = (key: string, content: number | string) => {
    values[`:${key}`] = typeof content === 'number' ? { N: String(content) } : { S: content };
    return `:${key}`;
  };
  const sets = Object.entries(set).map(([key, content]) => `${name(key)} = ${value(key, content)}`);
  const adds = Object.entries(add).map(([key, content]) => `${name(key)} ${value(key, content)}`);
  const conditions = where.map(
    ([key, operator, content]) => `${name(key)} ${operator} ${value(`${key}Seen`, content)}`,
  );
  return {
    expression: `SET ${['#expiration = :expiration', ...sets].join(', ')}${adds.length > 0 ? ` ADD ${adds.join(', ')}` : ''}`,
    condition: conditions.length > 0 ? conditions.join(' AND ') : `attribute_not_exists(${name('id')})`,
    names,
    values,
  };
}

function toCircuit(item: Item | undefined): Circuit {
  if (item === undefined) return NEW_CIRCUIT;
  const circuit: Record<string, number | string> = {};
  for (const [attribute, fallback] of Object.entries(NEW_CIRCUIT)) {
    const found = item[attribute];
    circuit[attribute] = typeof fallback === 'number' ? Number(found?.N ?? fallback) : (found?.S ?? fallback);
  }
  return circuit as unknown as Circuit & { state: CircuitState };
}
