import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { physicalName } from '../names.ts';
import { installRules } from '../rules/rules.ts';
import { grantTableKey } from './encryption.ts';
import { customerKey } from './key.ts';

/** What an {@link AuditTrail} takes. */
export interface AuditTrailProps {
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

/** Everything that could change or remove what is there; a put would replace an item of the same key. */
const CHANGES = [
  'dynamodb:BatchWriteItem',
  'dynamodb:DeleteItem',
  'dynamodb:PartiQLDelete',
  'dynamodb:PartiQLUpdate',
  'dynamodb:PutItem',
  'dynamodb:UpdateItem',
];

/**
 * Who did what, when and why: every action of an operator is written here before it happens. Partition key `pk`
 * (`action#2031-05`), sort key `sk` (the time, and an id), on demand, encrypted, with point-in-time recovery, kept for good.
 *
 * It grows and never changes: the table's own policy refuses everybody, administrators included, whatever could replace or
 * remove an item. What is left to write with is PartiQL's INSERT, which fails where there is an item already (source:
 * Amazon DynamoDB developer guide, "PartiQL insert statements for DynamoDB").
 *
 * Its name follows from the stack's, so that commands find it by the name of the environment.
 */
export class AuditTrail extends Construct {
  readonly table: dynamodb.Table;
  readonly encryptionKey: kms.IKey;

  constructor(scope: Construct, id: string, props: AuditTrailProps = {}) {
    super(scope, id);
    installRules(this);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
    const tableName = physicalName(this, '', 255);
    this.encryptionKey =
      props.encryptionKey ??
      customerKey(this, { description: `Operators' actions of ${this.node.path}`, removalPolicy });
    this.table = new dynamodb.Table(this, 'Table', {
      tableName,
      partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING },
      sortKey: { name: 'sk', type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      encryption: dynamodb.TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: this.encryptionKey,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: removalPolicy !== RemovalPolicy.DESTROY,
      removalPolicy,
      resourcePolicy: new iam.PolicyDocument({ statements: [nobodyChanges(this, tableName)] }),
    });
  }

  /** Lets a principal read what was done: by month, or one action. */
  grantRead(grantee: iam.IGrantable): iam.Grant {
    return iam.Grant.addToPrincipal({
      grantee,
      actions: ['dynamodb:GetItem', 'dynamodb:Query'],
      resourceArns: [this.table.tableArn],
    }).combine(
      iam.Grant.addToPrincipal({
        grantee,
        actions: ['kms:Decrypt', 'kms:DescribeKey'],
        resourceArns: [this.encryptionKey.keyArn],
      }),
    );
  }

  /** Lets a principal add to it, by PartiQL's INSERT and by nothing else. */
  grantWrite(grantee: iam.IGrantable): iam.Grant {
    return iam.Grant.addToPrincipal({
      grantee,
      actions: ['dynamodb:PartiQLInsert'],
      resourceArns: [this.table.tableArn],
    }).combine(grantTableKey(this.encryptionKey, grantee));
  }
}

/** By name, not by reference: a table whose policy named the table would wait for itself. */
function nobodyChanges(scope: Construct, resourceName: string): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'NobodyChangesWhatIsWritten',
    effect: iam.Effect.DENY,
    principals: [new iam.AnyPrincipal()],
    actions: CHANGES,
    resources: [
      Stack.of(scope).formatArn({
        service: 'dynamodb',
        resource: 'table',
        resourceName,
        arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
      }),
    ],
  });
}
