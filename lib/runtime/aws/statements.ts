import type { AttributeValue, BatchStatementRequest, BatchStatementResponse } from '@aws-sdk/client-dynamodb';
import { backoff, type Random } from '../batch/retry.ts';
import { StatementError } from '../errors.ts';
import type { DynamoDb } from './clients.ts';
import { createCoalescer } from './coalescer.ts';

/** A PartiQL statement on one item. */
export interface Statement {
  /** `UPDATE "stock" SET reserved = ? WHERE sku = ?` */
  Statement: string;
  /** What the question marks stand for, in order. */
  Parameters?: AttributeValue[];
}

/** The attributes of an item. */
export type Item = Record<string, AttributeValue>;

/**
 * Executes one statement, together with whatever else is asked for in the same turn.
 * Resolves with the item that a read found.
 * @throws StatementError with the code of this very statement.
 */
export type Execute = (statement: Statement) => Promise<Item | undefined>;

/** How statements are sent. */
export interface StatementsProps {
  client: DynamoDb;
  /** Reads are strongly consistent; DynamoDB takes reads and writes in separate calls only. */
  kind: 'reads' | 'writes';
  random?: Random;
}

/** BatchExecuteStatement takes 25 statements (source: Amazon DynamoDB API reference). */
const STATEMENTS = 25;
const ATTEMPTS = 5;
/** Milliseconds. */
const BACKOFF = { base: 40, cap: 1_000 };
/** The codes that pass by themselves. The SDK retries calls, but it cannot see into the answers of one. */
const PASSING = new Set([
  'InternalServerError',
  'ProvisionedThroughputExceeded',
  'RequestLimitExceeded',
  'ThrottlingError',
  'TransactionConflict',
]);

/**
 * Gathers statements into `BatchExecuteStatement` calls of up to 25. Each statement succeeds or fails by itself: this
 * is no transaction. Throttled statements are sent again, with backoff, before they count as failed.
 */
export function createStatements({ client, kind, random = Math.random }: StatementsProps): Execute {
  const execute = createCoalescer<Statement, Item | undefined>({
    maxItems: STATEMENTS,
    send: async (statements) => {
      const requests: BatchStatementRequest[] = statements.map(({ Statement, Parameters }) => ({
        Statement,
        ...(Parameters && Parameters.length > 0 ? { Parameters } : {}),
        ...(kind === 'reads' ? { ConsistentRead: true } : {}),
      }));
      const answers: (BatchStatementResponse | undefined)[] = new Array(requests.length);
      let open = requests.map((_, position) => position);
      for (let attempt = 1; open.length > 0; attempt++) {
        const Statements = open.map((position) => requests[position]!);
        const { Responses = [] } = await client.call('BatchExecuteStatement', { Statements });
        open.forEach((position, index) => {
          answers[position] = Responses[index];
        });
        if (attempt === ATTEMPTS) break;
        open = open.filter((position) => PASSING.has(answers[position]?.Error?.Code ?? ''));
        if (open.length > 0) await new Promise((resolve) => setTimeout(resolve, backoff(attempt, BACKOFF, random)));
      }
      return statements.map((statement, position) => settle(statement, answers[position]));
    },
  });
  return async (statement) => {
    try {
      return await execute(statement);
    } catch (error) {
      if (error instanceof StatementError) throw error;
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      throw new StatementError(name, message, statement.Statement, { cause: error });
    }
  };
}

function settle(
  statement: Statement,
  answer: BatchStatementResponse | undefined,
): PromiseSettledResult<Item | undefined> {
  if (answer?.Error === undefined && answer !== undefined) return { status: 'fulfilled', value: answer.Item };
  const { Code = 'InternalServerError', Message = 'no answer for this statement' } = answer?.Error ?? {};
  return { status: 'rejected', reason: new StatementError(Code, Message, statement.Statement) };
}
