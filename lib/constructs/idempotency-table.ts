import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { UnsafePropsError } from './errors.ts';
import { grantTableKey } from './security/encryption.ts';

/** What an {@link IdempotencyTable} takes. */
export interface IdempotencyTableProps {
  /**
   * How long a record outlives its event. Longer than every way back: queue retention plus dead-letter retention.
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
}

/**
 * The records that keep a handler from doing the same thing twice: partition key `id` (text), TTL attribute
 * `expiration` (both are what Powertools expects), on demand, encrypted, with point-in-time recovery.
 */
export class IdempotencyTable extends Construct {
  readonly table: dynamodb.Table;
  readonly encryptionKey: kms.IKey;
  /** How long a record outlives its event. */
  readonly ttl: Duration;
  readonly #guarded = new Map<string, string>();

  constructor(scope: Construct, id: string, props: IdempotencyTableProps = {}) {
    super(scope, id);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
    this.ttl = props.ttl ?? Duration.days(30);
    this.encryptionKey =
      props.encryptionKey ??
      new kms.Key(this, 'Key', {
        description: `Idempotency records of ${this.node.path}`,
        enableKeyRotation: true,
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
  }

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
    return iam.Grant.addToPrincipal({
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
    }).combine(grantTableKey(this.encryptionKey, grantee));
  }
}
