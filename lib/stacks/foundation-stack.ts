import { Annotations, CfnOutput, RemovalPolicy } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { IdempotencyTable, OnCall } from '../constructs/index.ts';
import type { Environment } from './environments.ts';
import { PipelineStack } from './pipeline-stack.ts';

/** What lasts: the environment's key, the people on call, the records of what was done, the shop's data. */
export class FoundationStack extends PipelineStack {
  /** Encrypts everything of the environment. */
  readonly key: kms.Key;
  readonly onCall: OnCall;
  readonly idempotency: IdempotencyTable;
  /** Orders and what became of them (`pk`, `sk`): the effects of the handlers. */
  readonly shop: dynamodb.Table;

  constructor(scope: Construct, environment: Environment) {
    super(scope, 'Foundation', environment, 'What the order pipeline stands on: key, on-call topics, tables');
    const { removalPolicy } = this;
    this.key = new kms.Key(this, 'Key', {
      description: `Events, tables, logs and alarms of Baton ${environment.name}`,
      alias: `baton-${environment.name}`,
      enableKeyRotation: true,
      removalPolicy,
    });
    this.onCall = new OnCall(this, 'OnCall', { ...environment.onCall, encryptionKey: this.key });
    this.idempotency = new IdempotencyTable(this, 'Idempotency', { encryptionKey: this.key, removalPolicy });
    this.shop = new dynamodb.Table(this, 'Shop', {
      partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING },
      sortKey: { name: 'sk', type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      encryption: dynamodb.TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: this.key,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: removalPolicy !== RemovalPolicy.DESTROY,
      removalPolicy,
    });
    new CfnOutput(this, 'ShopTableName', { value: this.shop.tableName, description: 'Orders and what became of them' });
    new CfnOutput(this, 'IdempotencyTableName', { value: this.idempotency.table.tableName });
    new CfnOutput(this, 'PageTopicArn', { value: this.onCall.page.topicArn, description: 'Wakes somebody' });
    new CfnOutput(this, 'TicketTopicArn', { value: this.onCall.ticket.topicArn, description: 'Waits for the morning' });
    this.#warnOfExamples();
  }

  /** The environments come with addresses that reach nobody; whoever deploys is to know. */
  #warnOfExamples(): void {
    const { onCall, name } = this.environmentConfig;
    const nobody = [...onCall.page, ...onCall.ticket].filter((email) => /@(.+\.)?example\.(com|net|org)$/.test(email));
    if (nobody.length === 0) return;
    Annotations.of(this.onCall).addWarningV2(
      'baton:onCallReachesNobody',
      `${nobody.join(', ')} reach nobody: put your own addresses for '${name}' into lib/stacks/environments.ts.`,
    );
  }
}
