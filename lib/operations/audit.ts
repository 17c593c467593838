import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  type DynamoDBClient,
  ExecuteStatementCommand,
  ResourceNotFoundException,
} from '@aws-sdk/client-dynamodb';
import { AuditMissingError, InvalidActionError } from './errors.ts';

/** Where actions are recorded. */
export interface AuditProps {
  dynamodb: DynamoDBClient;
  /** The table of an audit trail: `pk`, `sk`. */
  table: string;
  /** Milliseconds since the epoch. @default Date.now */
  clock?: () => number;
  /** @default random UUIDs */
  newId?: () => string;
}

/** What an operator is about to do. */
export interface OperatorAction {
  /** What kind of action: `maintenance.open`. */
  action: string;
  /** Who: an ARN on AWS. */
  by: string;
  /** Why, in the operator's words: at most 1,000 characters. */
  reason: string;
  /** What it is done to: the name of an alarm, of a queue. */
  target: string;
  /** What else the action was told. @default nothing */
  parameters?: Readonly<Record<string, string | number | boolean>>;
}

/** What came of it. */
export interface Outcome {
  status: 'done' | 'failed';
  /** What a reader should know; the error's message when it failed. */
  detail?: string;
}

/** An action that is in the audit trail. */
export interface RecordedAction {
  id: string;
  /** Adds what came of it, as an item of its own: what is written is never changed. */
  finish(outcome: Outcome): Promise<void>;
}

const LONGEST_REASON = 1_000;

/**
 * Writes down an action before it is done. A trail that ends with an action has seen its operator crash; what is in it
 * without an outcome may have happened.
 *
 * @throws InvalidActionError when something is empty or too long
 * @throws AuditMissingError when there is no such table
 */
export async function recordAction(props: AuditProps, action: OperatorAction): Promise<RecordedAction> {
  checkAction(action);
  const { clock = Date.now, newId = randomUUID } = props;
  const id = newId();
  const time = new Date(clock()).toISOString();
  const key = { pk: `action#${time.slice(0, 7)}`, sk: `${time}#${id}` };
  const { parameters = {}, ...said } = action;
  await insert(props, {
    ...texts({ ...key, id, at: time, ...said }),
    parameters: { M: texts(parameters) },
  });
  return {
    id,
    async finish({ status, detail }) {
      await insert(
        props,
        texts({
          pk: key.pk,
          sk: `${key.sk}#outcome`,
          id,
          at: new Date(clock()).toISOString(),
          status,
          ...(detail !== undefined && { detail: detail.slice(0, LONGEST_REASON) }),
        }),
      );
    },
  };
}

/**
 * Does what is recorded, and records what came of it.
 *
 * @throws what `work` throws, after it was recorded
 */
export async function audited<T>(
  props: AuditProps,
  action: OperatorAction,
  work: () => Promise<T>,
  detailOf: (result: T) => string | undefined = () => undefined,
): Promise<T> {
  const recorded = await recordAction(props, action);
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await recorded.finish({ status: 'failed', detail: error instanceof Error ? error.message : String(error) });
    throw error;
  }
  const detail = detailOf(result);
  await recorded.finish({ status: 'done', ...(detail !== undefined && { detail }) });
  return result;
}

/** By INSERT, which fails where there is an item, and which is all that an operator's role may do to the table. */
async function insert({ dynamodb, table }: AuditProps, item: Record<string, AttributeValue>): Promise<void> {
  const names = Object.keys(item);
  try {
    await dynamodb.send(
      new ExecuteStatementCommand({
        Statement: `INSERT INTO "${table}" VALUE {${names.map((name) => `'${name}': ?`).join(', ')}}`,
        Parameters: names.map((name) => item[name]!),
      }),
    );
  } catch (error) {
    if (!(error instanceof ResourceNotFoundException)) throw error;
    throw new AuditMissingError(
      `There is no audit table '${table}' here, so nothing was done. Check the table, region and endpoint.`,
      { cause: error },
    );
  }
}

function checkAction({ action, by, reason, target }: OperatorAction): void {
  for (const [name, value] of Object.entries({ action, by, reason, target })) {
    if (value.trim() === '') {
      throw new InvalidActionError(`The ${name} of an action is empty: say it, for those who read the audit trail.`);
    }
  }
  if (reason.length > LONGEST_REASON) {
    throw new InvalidActionError(
      `The reason has ${reason.length} characters. Say it in ${LONGEST_REASON}; link what is longer.`,
    );
  }
}

function texts(values: Readonly<Record<string, string | number | boolean>>): Record<string, AttributeValue> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { S: String(value) }]));
}
