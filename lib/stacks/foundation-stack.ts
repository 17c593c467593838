import { Annotations, CfnOutput, RemovalPolicy, Validations } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import {
  AuditTrail,
  customerKey,
  Health,
  IdempotencyTable,
  type KeptUrl,
  OnCall,
  type OnCallTarget,
  tableAlarms,
} from '../constructs/index.ts';
import type { Environment, OnCallTargetConfig, UrlConfig } from './environments.ts';
import { PipelineStack } from './pipeline-stack.ts';

/** What lasts: the environment's key, the people on call, the records of what was done and by whom, the shop's data. */
export class FoundationStack extends PipelineStack {
  /** Encrypts everything of the environment. */
  readonly key: kms.Key;
  readonly onCall: OnCall;
  readonly idempotency: IdempotencyTable;
  /** What operators did. */
  readonly audit: AuditTrail;
  /** Orders and what became of them (`pk`, `sk`): the effects of the handlers. */
  readonly shop: dynamodb.Table;

  constructor(scope: Construct, environment: Environment) {
    super(scope, 'Foundation', environment, 'What the order pipeline stands on: key, on-call topics, tables');
    const { removalPolicy } = this;
    this.key = customerKey(this, {
      description: `Events, tables, logs and alarms of Baton ${environment.name}`,
      alias: `baton-${environment.name}`,
      removalPolicy,
    });
    this.onCall = this.#onCall();
    this.idempotency = new IdempotencyTable(this, 'Idempotency', {
      encryptionKey: this.key,
      onCall: this.onCall,
      owner: 'platform',
      removalPolicy,
    });
    this.audit = new AuditTrail(this, 'Audit', { encryptionKey: this.key, removalPolicy });
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
    tableAlarms(new Health(this, 'ShopHealth', { subject: 'shop', owner: 'platform', onCall: this.onCall }), this.shop);
    new CfnOutput(this, 'ShopTableName', { value: this.shop.tableName, description: 'Orders and what became of them' });
    new CfnOutput(this, 'IdempotencyTableName', { value: this.idempotency.table.tableName });
    new CfnOutput(this, 'PageTopicArn', { value: this.onCall.page.topicArn, description: 'Wakes somebody' });
    new CfnOutput(this, 'TicketTopicArn', { value: this.onCall.ticket.topicArn, description: 'Waits for the morning' });
    this.#warnOfExamples();
  }

  #onCall(): OnCall {
    const { page, ticket, escalate, runbooks, deadMansSwitch } = this.environmentConfig.onCall;
    const targets = (list: readonly OnCallTargetConfig[]) => list.map((each) => this.#target(each));
    const onCall = new OnCall(this, 'OnCall', {
      page: targets(page),
      ticket: targets(ticket),
      ...(escalate && { escalate: targets(escalate) }),
      ...(runbooks !== undefined && { runbooks }),
      heartbeat: {
        logRetention: this.environmentConfig.logRetentionDays,
        ...(deadMansSwitch && { deadMansSwitch: this.#url(deadMansSwitch) }),
      },
      owner: 'platform',
      encryptionKey: this.key,
      removalPolicy: this.removalPolicy,
    });
    if (page.length === 0 || ticket.length === 0) {
      Validations.of(onCall).acknowledge({
        id: 'Annotation::baton:onCallReachesNobody',
        reason: 'The environment names nobody there, in lib/stacks/environments.ts: nobody is to be woken for it.',
      });
    }
    return onCall;
  }

  #target(config: OnCallTargetConfig): OnCallTarget {
    return typeof config === 'object' && 'https' in config ? { https: this.#url(config.https) } : config;
  }

  #url(config: UrlConfig): KeptUrl {
    if ('parameter' in config) return config;
    const id = `Secret-${config.secret}`;
    const secret = this.node.tryFindChild(id) ?? Secret.fromSecretNameV2(this, id, config.secret);
    return { secret: secret as ISecret, ...(config.field !== undefined && { field: config.field }) };
  }

  /** The environments come with addresses that reach nobody; whoever deploys is to know. */
  #warnOfExamples(): void {
    const { onCall, name } = this.environmentConfig;
    const nobody = [...onCall.page, ...onCall.ticket, ...(onCall.escalate ?? [])].filter(
      (target) => typeof target === 'string' && /@(.+\.)?example\.(com|net|org)$/.test(target),
    );
    if (nobody.length === 0) return;
    Annotations.of(this.onCall).addWarningV2(
      'baton:onCallIsAnExample',
      `${nobody.join(', ')} reach nobody: put your own addresses for '${name}' into lib/stacks/environments.ts.`,
    );
  }
}
