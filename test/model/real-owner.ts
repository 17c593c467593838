import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency';
import { AwsError } from '../../lib/runtime/aws/aws-error.ts';
import type { DynamoDb } from '../../lib/runtime/aws/clients.ts';
import { createStatements } from '../../lib/runtime/aws/statements.ts';
import { ClaimedElsewhereError } from '../../lib/runtime/errors.ts';
import { createGuard, type Guard } from '../../lib/runtime/guard/guard.ts';
import { LeaseTable } from '../../lib/runtime/guard/lease-table.ts';
import { createTransactions, type Transactions } from '../../lib/runtime/guard/transactions.ts';
import { lambdaContext } from '../runtime/engines.ts';
import type { Mode, Place } from './claim-world.ts';

/** A call that the runtime waits for: the schedule decides when it is carried out, and what becomes of the answer. */
export interface Call {
  readonly kind: Place | 'renew';
  /** Carries it out, as often as it is sent. */
  readonly send: () => Promise<object>;
  readonly resolve: (answer: object) => void;
  readonly reject: (error: unknown) => void;
}

/** What a real owner works with. */
export interface RealOwnerProps {
  mode: Mode;
  /** The start of its tokens. */
  name: string;
  client: DynamoDb;
  table: string;
  /** Where its business writes go. */
  rows: string;
  /** Of the record. */
  id: string;
  leaseMs: number;
  /** Milliseconds since the epoch, as this owner sees them. */
  clock: () => number;
}

/** How the real code ended: as the model calls it. */
export type Ending = 'handled' | 'duplicate' | 'claimedElsewhere' | 'failed';

/** The guard and the transactions of the runtime as one owner of the model: every call and every handler step waits for the schedule. */
export class RealOwner {
  /** Calls that nobody has answered yet. */
  readonly calls: Call[] = [];
  /** How the delivery ended; undefined while it is under way. */
  ending: Ending | undefined;
  readonly #props: RealOwnerProps;
  readonly #leases: LeaseTable;
  readonly #guard: Guard;
  readonly #transactions: Transactions;
  #work: PromiseWithResolvers<void> | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(props: RealOwnerProps) {
    const { name: owner, table, leaseMs, clock, id } = props;
    const client = this.#gated(props.client);
    const read = createStatements({ client, kind: 'reads' });
    const write = createStatements({ client, kind: 'writes' });
    const idOf = () => id;
    const lease = new LeaseTable({ table, client, read, write, owner, leaseMs, clock, idOf });
    const ttlSeconds = 1_000_000;
    this.#props = props;
    this.#leases = lease;
    this.#guard = createGuard({
      leases: lease,
      leaseMs,
      clock,
      config: new IdempotencyConfig({ expiresAfterSeconds: ttlSeconds }),
      // longer than a lease, so that a claim does not end with the function
      lambdaContext: lambdaContext(10 * leaseMs),
    });
    this.#transactions = createTransactions({ client, table, ttlSeconds, owner, read, write, clock, random: () => 0 });
  }

  /** Delivers the event: for the first time, or as a second copy. */
  start(): void {
    this.ending = undefined;
    this.#work = undefined;
    const delivery = this.#props.mode === 'transaction' ? this.#commitAlone() : this.#runGuarded();
    void delivery.then(
      (ending) => this.#end(ending),
      (error) => this.#end(error instanceof ClaimedElsewhereError ? 'claimedElsewhere' : 'failed'),
    );
  }

  /** The call that comes next. */
  async call(kind: Call['kind']): Promise<Call> {
    for (;;) {
      const found = this.calls.find((call) => call.kind === kind);
      if (found !== undefined) return found;
      if (this.calls.length > 0 || this.ending !== undefined) {
        const now = this.calls.map((call) => call.kind).join() || this.ending;
        throw new Error(`${this.#props.name} was to make the call '${kind}', but it is at '${now}'.`);
      }
      await this.#changed.promise;
    }
  }

  /** Waits until the handler has been called. */
  async entered(): Promise<void> {
    while (this.#work === undefined) {
      if (this.ending !== undefined)
        throw new Error(`${this.#props.name} ended as '${this.ending}' without its handler.`);
      await this.#changed.promise;
    }
  }

  /** The handler's effect is there. */
  finish(): void {
    this.#work!.resolve();
  }

  /** The handler fails. */
  fail(): void {
    this.#work!.reject(new Error('The handler failed.'));
  }

  /** The handler turns out not to be started, so that its attempt does not count. */
  abandon(failures: number): void {
    this.#leases.releaseWith(this.#props.id, failures);
    this.fail();
  }

  /** A transaction's handler fails before it commits. */
  countFailure(): void {
    this.calls.length = 0;
    void this.#transactions.recordFailure(this.#props.id, 0).then(
      () => this.#end('failed'),
      () => this.#end('failed'),
    );
  }

  renew(): void {
    const { id, clock, leaseMs } = this.#props;
    this.#leases.renew(id, clock() + leaseMs).catch(() => undefined);
  }

  /** Lets it do whatever it still does once its part in the run is over. */
  async drain(): Promise<Ending> {
    for (;;) {
      if (this.ending !== undefined) return this.ending;
      const call = this.calls[0];
      if (call === undefined) await this.#changed.promise;
      else await this.answer(call);
    }
  }

  /** Carries a call out, and lets the runtime hear the answer. */
  async answer(call: Call): Promise<void> {
    const answer = await call.send().then(
      (value) => () => call.resolve(value),
      (error) => () => call.reject(error),
    );
    this.forget(call);
    answer();
  }

  /** The runtime hears nothing, and gives up. */
  giveUp(call: Call): void {
    this.forget(call);
    call.reject(AwsError.ofNetwork('dynamodb', new Error('The answer was lost.')));
  }

  forget(call: Call): void {
    this.calls.splice(this.calls.indexOf(call), 1);
  }

  close(): void {
    this.#guard.close();
  }

  async #runGuarded(): Promise<Ending> {
    const { id, mode } = this.#props;
    const ran = await this.#guard.run({ id, data: undefined }, async () => {
      this.#work = Promise.withResolvers<void>();
      this.#change();
      await this.#work.promise;
      if (mode !== 'leasedTransaction') return;
      await this.#transactions.commit({ id, writes: [this.#increment()], events: [], leased: true });
      this.#guard.keep(id);
    });
    return ran ? 'handled' : 'duplicate';
  }

  async #commitAlone(): Promise<Ending> {
    const { id } = this.#props;
    const result = await this.#transactions.commit({ id, writes: [this.#increment()], events: [], leased: false });
    return result === 'committed' ? 'handled' : 'duplicate';
  }

  /** An effect that shows when it happens twice. */
  #increment() {
    const { rows, id } = this.#props;
    return {
      Update: {
        TableName: rows,
        Key: { id: { S: id } },
        UpdateExpression: 'ADD effects :one',
        ExpressionAttributeValues: { ':one': { N: '1' } },
      },
    };
  }

  #end(ending: Ending): void {
    this.ending = ending;
    this.#change();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  #gated(client: DynamoDb): DynamoDb {
    const call = (operation: string, input: object) =>
      new Promise<object>((resolve, reject) => {
        const send = () => (client.call as (operation: string, input: object) => Promise<object>)(operation, input);
        this.calls.push({ kind: kindOf(operation, JSON.stringify(input)), send, resolve, reject });
        this.#change();
      });
    return { call } as DynamoDb;
  }
}

/** What the model calls a call of the runtime. */
function kindOf(operation: string, input: string): Call['kind'] {
  if (operation === 'TransactWriteItems') return 'commit';
  if (operation === 'UpdateItem') return 'takeOver';
  if (input.includes('SELECT')) return 'read';
  if (input.includes('INSERT')) return input.includes('INPROGRESS') ? 'insert' : 'countFailure';
  if (/SET \\"in_progress_expiration/.test(input)) return 'renew';
  return input.includes('"COMPLETED"') ? 'complete' : 'release';
}
