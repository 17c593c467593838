import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Attributes } from './attribute-values.ts';
import { type Condition, readDisjunction } from './condition.ts';
import { UnsupportedError } from './errors.ts';
import type { MemoryTable } from './memory-table.ts';
import { createScope, type Scope } from './operand.ts';
import { tokenize } from './tokens.ts';
import { applying, type Change, readRemove, readSet } from './update.ts';

/** A statement on one item, ready to be executed. */
export interface PreparedStatement {
  table: MemoryTable;
  /** The key of its item. */
  key: Attributes;
  /** @throws StatementFailure */
  execute(): Attributes | undefined;
}

/** A statement failed with a code of its own; its neighbours are not concerned. */
export class StatementFailure extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Reads a PartiQL statement on one item: INSERT with a literal item, UPDATE with SET and REMOVE, DELETE, SELECT of `*` or of
 * attributes by name; each but INSERT with a WHERE that gives the whole key, and conditions on top of it.
 * Source: PartiQL, Amazon DynamoDB developer guide.
 * @throws UnsupportedError for anything beyond
 */
export function prepare(
  text: string,
  parameters: readonly AttributeValue[],
  tableOf: (name: string) => MemoryTable,
): PreparedStatement {
  const tokens = tokenize(text);
  const scope = createScope(tokens, { parameters });
  const prepared = readStatement(scope, tableOf);
  if (tokens.peek().kind !== 'end') tokens.refuse('The end of the statement was expected');
  return prepared;
}

function readStatement(scope: Scope, tableOf: (name: string) => MemoryTable): PreparedStatement {
  const { tokens } = scope;
  if (tokens.take('INSERT')) {
    tokens.expect('INTO');
    const table = tableOf(scope.name());
    tokens.expect('VALUE');
    return insert(table, readItem(scope));
  }
  if (tokens.take('UPDATE')) {
    const table = tableOf(scope.name());
    const changes = readChanges(scope);
    return update(table, changes, readWhere(scope, table));
  }
  if (tokens.take('DELETE')) {
    tokens.expect('FROM');
    const table = tableOf(scope.name());
    return remove(table, readWhere(scope, table));
  }
  tokens.expect('SELECT');
  const names = tokens.take('*') ? undefined : readNames(scope);
  tokens.expect('FROM');
  const table = tableOf(scope.name());
  const { key, condition } = readWhere(scope, table);
  return {
    table,
    key,
    execute() {
      const item = table.get(key);
      if (item === undefined || !condition.holds(item)) return undefined;
      return names ? Object.fromEntries(Object.entries(item).filter(([name]) => names.includes(name))) : item;
    },
  };
}

function insert(table: MemoryTable, item: Attributes): PreparedStatement {
  return {
    table,
    key: table.keyOf(item),
    execute() {
      if (table.get(item)) throw new StatementFailure('DuplicateItem', 'Duplicate primary key exists in table');
      table.put(item);
      return undefined;
    },
  };
}

function update(table: MemoryTable, changes: Change[], { key, condition }: Where): PreparedStatement {
  return {
    table,
    key,
    execute() {
      const item = table.get(key);
      if (item === undefined || !condition.holds(item)) throw conditionFailed();
      table.put(applying(changes)(item));
      return undefined;
    },
  };
}

function remove(table: MemoryTable, { key, condition }: Where): PreparedStatement {
  return {
    table,
    key,
    execute() {
      const item = table.get(key);
      // an item that is not there is as good as deleted, whatever the condition
      if (item !== undefined && !condition.holds(item)) throw conditionFailed();
      table.delete(key);
      return undefined;
    },
  };
}

function readChanges(scope: Scope): Change[] {
  const { tokens } = scope;
  const changes: Change[] = [];
  for (;;) {
    const read = tokens.take('SET') ? readSet : tokens.take('REMOVE') ? readRemove : undefined;
    if (read === undefined) return changes.length > 0 ? changes : tokens.refuse('SET or REMOVE was expected');
    do changes.push(read(scope));
    while (tokens.take(','));
  }
}

/** `{'id': ?, 'n': 1}` */
function readItem(scope: Scope): Attributes {
  const { tokens } = scope;
  const item: Attributes = {};
  tokens.expect('{');
  while (!tokens.take('}')) {
    const { kind, text } = tokens.next();
    if (kind !== 'text') tokens.refuse(`The name of an attribute in single quotes was expected, not ${text}`);
    tokens.expect(':');
    item[text] = readLiteral(scope);
    if (!tokens.take(',') && tokens.peek().text !== '}') tokens.refuse('A comma or } was expected');
  }
  return item;
}

function readLiteral(scope: Scope): AttributeValue {
  const { tokens } = scope;
  if (tokens.peek().text === '{') return { M: readItem(scope) };
  if (tokens.take('[')) {
    const list: AttributeValue[] = [];
    while (!tokens.take(']')) {
      list.push(readLiteral(scope));
      if (!tokens.take(',') && tokens.peek().text !== ']') tokens.refuse('A comma or ] was expected');
    }
    return { L: list };
  }
  return scope.operand().of(undefined) ?? tokens.refuse('A value was expected');
}

function readNames(scope: Scope): string[] {
  const names = [scope.name()];
  while (scope.tokens.take(',')) names.push(scope.name());
  return names;
}

interface Where {
  key: Attributes;
  condition: Condition;
}

function readWhere(scope: Scope, table: MemoryTable): Where {
  const { tokens } = scope;
  tokens.expect('WHERE');
  const condition = readDisjunction(scope);
  const { equations } = condition;
  const missing = table.keys.filter((key) => equations[key] === undefined);
  if (missing.length > 0) {
    throw new UnsupportedError(
      `The WHERE has no equation for ${missing.map((key) => `'${key}'`).join(' and ')}, and only statements on one item of '${table.name}' (${table.keys.join(', ')}) are executed here: ${tokens.source}`,
    );
  }
  return { key: table.keyOf(equations), condition };
}

function conditionFailed(): StatementFailure {
  return new StatementFailure('ConditionalCheckFailed', 'The conditional request failed');
}
