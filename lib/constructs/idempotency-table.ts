import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct, type IConstruct } from 'constructs';
import { Health } from './alarms/health.ts';
import { tableAlarms } from './alarms/table-alarms.ts';
import { UnsafePropsError } from './errors.ts';
import type { IOnCall } from './on-call/on-call.ts';
import { installRules } from './rules/rules.ts';
import { grantTableKey } from './security/encryption.ts';
import { customerKey } from './security/key.ts';

/** What an {@link IdempotencyTable} takes. */
export interface IdempotencyTableProps {
  /**
   * How long a record outlives its event, in whole seconds. Longer than every way back: queue retention plus dead-letter retention.
   *
   * @default Duration.days(30): 4 days in the queue, 14 in the DLQ, the rest to triage
   */
  readonly ttl?: Duration;

  /**
   * The customer managed key that encrypts the table.
   *
   * @default a new key, rotated yearly
   */
  readonly encryptionKey?: kms.IKey;

  /**
   * What happens to the table (and its own key) when it leaves the stack. Unless it is DESTROY, the table is also
   * protected from deletion.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * Who hears when the table is throttled or fails.
   *
   * @default nobody: it has no alarms
   */
  readonly onCall?: IOnCall;

  /**
   * The team that answers for it; part of every alarm's description.
   *
   * @default nobody; needed with `onCall`
   */
  readonly owner?: string;
}

/** What consumers remember what they have done in, made in this app or elsewhere. */
export interface IIdempotencyTable extends IConstruct {
  readonly table: dynamodb.ITable;
  /** The key that encrypts it; undefined when nobody said so. */
  readonly encryptionKey: kms.IKey | undefined;
  /** How long a record outlives its event. */
  readonly ttl: Duration;

  /**
   * Takes a consumer under guard: its records are kept apart from the others' by its name.
   *
   * @param wayBack how long a message of this consumer can stay away and still come back
   * @throws UnsafePropsError when the name is taken, or when the records would be gone before the message is back
   */
  guard(consumer: Construct, name: string, wayBack: Duration): void;

  /** Lets a principal claim, complete, release and read records, one by one and by PartiQL statement. */
  grantGuard(grantee: iam.IGrantable): iam.Grant;

  /** Reads that were refused for going too fast. Sum over 5 minutes unless told otherwise; nothing when there were none. */
  metricReadThrottles(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Writes that were refused for going too fast. Sum over 5 minutes unless told otherwise; nothing when there were none. */
  metricWriteThrottles(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Read units that were used. Sum over 5 minutes unless told otherwise. */
  metricConsumedReads(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Write units that were used. Sum over 5 minutes unless told otherwise. */
  metricConsumedWrites(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** What is known of an idempotency table that was made elsewhere. */
export interface IdempotencyTableAttributes {
  /** Of a table with the partition key `id` (text) and the TTL attribute `expiration`. */
  readonly tableArn: string;

  /**
   * How long its owner said a record outlives its event.
   *
   * @default Duration.days(30)
   */
  readonly ttl?: Duration;

  /**
   * The customer managed key that encrypts it; its owner has to admit who uses it.
   *
   * @default none that anybody here needs to use
   */
  readonly encryptionKey?: kms.IKey;
}

/** 4 days in the queue, 14 in the DLQ, the rest to triage. */
const TTL = Duration.days(30);

abstract class IdempotencyTableBase extends Construct implements IIdempotencyTable {
  abstract readonly table: dynamodb.ITable;
  abstract readonly encryptionKey: kms.IKey | undefined;
  abstract readonly ttl: Duration;
  readonly #guarded = new Map<string, string>();

  /**
   * Takes a consumer under guard: its records are kept apart from the others' by its name.
   *
   * @param wayBack how long a message of this consumer can stay away and still come back
   * @throws UnsafePropsError when the name is taken, or when the records would be gone before the message is back
   */
  guard(consumer: Construct, name: string, wayBack: Duration): void {
    const taken = this.#guarded.get(name);
    if (taken !== undefined) {
      throw new UnsafePropsError(
        consumer,
        `The name '${name}' is taken by ${taken}: each would take the other's events for done.`,
        'Give one of them another `name`.',
      );
    }
    if (this.ttl.toSeconds() <= wayBack.toSeconds()) {
      throw new UnsafePropsError(
        consumer,
        `Idempotency records live ${this.ttl.toHumanString()}, but a message can come back after ${wayBack.toHumanString()} (queue and DLQ retention) and would be handled again.`,
        `Raise \`ttl\` of ${this.node.path} above ${wayBack.toHumanString()}.`,
      );
    }
    this.#guarded.set(name, consumer.node.path);
  }

  /** Lets a principal claim, complete, release and read records, one by one and by PartiQL statement. */
  grantGuard(grantee: iam.IGrantable): iam.Grant {
    const grant = iam.Grant.addToPrincipal({
      grantee,
      actions: [
        'dynamodb:DeleteItem',
        'dynamodb:GetItem',
        'dynamodb:PartiQLDelete',
        'dynamodb:PartiQLInsert',
        'dynamodb:PartiQLSelect',
        'dynamodb:PartiQLUpdate',
        'dynamodb:PutItem',
        'dynamodb:UpdateItem',
      ],
      resourceArns: [this.table.tableArn],
    });
    return this.encryptionKey ? grant.combine(grantTableKey(this.encryptionKey, grantee)) : grant;
  }

  metricReadThrottles(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.table.metric('ReadThrottleEvents', { statistic: 'Sum', ...props });
  }

  metricWriteThrottles(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.table.metric('WriteThrottleEvents', { statistic: 'Sum', ...props });
  }

  metricConsumedReads(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.table.metricConsumedReadCapacityUnits(props);
  }

  metricConsumedWrites(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.table.metricConsumedWriteCapacityUnits(props);
  }
}

/**
 * The records that keep a handler from doing the same thing twice: partition key `id` (text), TTL attribute
 * `expiration` (both are what Powertools expects), on demand, encrypted, with point-in-time recovery.
 */
export class IdempotencyTable extends IdempotencyTableBase {
  /**
   * A table that was made elsewhere. Names are kept apart among the consumers of this app only: those of other apps that
   * share the table need names of their own as well.
   */
  static fromTableAttributes(scope: Construct, id: string, attributes: IdempotencyTableAttributes): IIdempotencyTable {
    return new ImportedIdempotencyTable(scope, id, attributes);
  }

  readonly table: dynamodb.Table;
  readonly encryptionKey: kms.IKey;
  /** How long a record outlives its event. */
  readonly ttl: Duration;
  /** Speaks for its alarms; undefined without `onCall`. */
  readonly health: Health | undefined;

  constructor(scope: Construct, id: string, props: IdempotencyTableProps = {}) {
    super(scope, id);
    installRules(this);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
    this.ttl = props.ttl ?? TTL;
    this.encryptionKey =
      props.encryptionKey ??
      customerKey(this, {
        description: `Idempotency records of ${this.node.path}`,
        removalPolicy,
      });
    this.table = new dynamodb.Table(this, 'Table', {
      partitionKey: { name: 'id', type: dynamodb.AttributeType.STRING },
      timeToLiveAttribute: 'expiration',
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      encryption: dynamodb.TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: this.encryptionKey,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: removalPolicy !== RemovalPolicy.DESTROY,
      removalPolicy,
    });
    this.health = props.onCall && this.#watch(props.onCall, props.owner);
  }

  #watch(onCall: IOnCall, owner: string | undefined): Health {
    if (owner === undefined) {
      throw new UnsafePropsError(this, 'It has `onCall`, but no `owner`.', 'Name the team that answers in `owner`.');
    }
    const health = new Health(this, 'Health', { subject: 'the idempotency records', owner, onCall });
    tableAlarms(health, this.table);
    return health;
  }
}

class ImportedIdempotencyTable extends IdempotencyTableBase {
  readonly table: dynamodb.ITable;
  readonly encryptionKey: kms.IKey | undefined;
  readonly ttl: Duration;

  constructor(scope: Construct, id: string, { tableArn, ttl = TTL, encryptionKey }: IdempotencyTableAttributes) {
    super(scope, id);
    installRules(this);
    this.ttl = ttl;
    this.encryptionKey = encryptionKey;
    this.table = dynamodb.Table.fromTableArn(this, 'Table', tableArn);
  }
}
