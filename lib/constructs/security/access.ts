import { Duration, Stack, Validations } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { QueueFunction } from '../delivery/queue-function.ts';
import { UnsafePropsError } from '../errors.ts';
import type { IOnCall } from '../on-call/on-call.ts';
import type { AuditTrail } from './audit-trail.ts';
import { grantMessageKey, grantTableKey } from './encryption.ts';
import { asWritten, logGroupsOf, type QueueNames, queuesOf } from './name-patterns.ts';

/** Who may take a role, and how. */
export interface PeopleProps {
  /** The people: an account, a role of your identity provider, ... Whoever can assume it can do what it may. */
  readonly assumedBy: iam.IPrincipal;

  /**
   * Whether the role is only for sessions that were opened with a second factor (`aws:MultiFactorAuthPresent`). Sessions of an
   * identity provider (IAM Identity Center, SAML, OIDC) never say so: demand the factor there, and set this to false.
   *
   * @default true for the operator, false for the reader
   */
  readonly mfa?: boolean;

  /**
   * How long a session lasts at most: 1 to 12 hours.
   *
   * @default Duration.hours(1)
   */
  readonly sessionDuration?: Duration;
}

/** What an {@link OperatorAccess} takes. */
export interface OperatorAccessProps {
  /** What the roles are for. At least one. */
  readonly consumers: readonly QueueFunction[];

  /** Those who look, and change nothing. */
  readonly reader: PeopleProps;

  /** Those who look, and act: redrive, release, open maintenance windows. */
  readonly operator: PeopleProps;

  /** Where actions are recorded: the reader reads it, the operator adds to it as well. */
  readonly audit: AuditTrail;

  /** The idempotency table, where the keys are that strictly ordered consumers have parked. */
  readonly idempotency: { readonly table: dynamodb.ITable; readonly encryptionKey: kms.IKey };

  /** Whose maintenance window the operator opens and closes, and whose test alarms the operator raises. */
  readonly onCall: IOnCall & { readonly testAlarms?: readonly cloudwatch.IAlarm[] };
}

/** The second factor, as STS tells it. Absent, and not false, where there was none. */
const WITH_SECOND_FACTOR = { Bool: { 'aws:MultiFactorAuthPresent': 'true' } };

const BY_NAME =
  'Queues by the names that their stack gives them: a role has no room for the ARNs of hundreds, and only Baton names queues so.';

/**
 * Two roles for people. The `reader` sees dead letters, alarms, metrics, logs and the audit trail. The `operator` can also
 * send messages back, take them out of a DLQ, release parked keys, open maintenance windows and test on-call, and can
 * add to the audit trail what that was. Neither can change infrastructure, read a table of the business, or touch a key.
 *
 * Queues and log groups are granted by name pattern, one for each stack (`Baton-prod-Orders-*-dead-letters*`): ARNs of hundreds
 * of consumers do not fit into the policies of a role (source: IAM user guide, "IAM and AWS STS quotas": 10,240 characters
 * inline, 6,144 in each of ten managed ones).
 *
 * @throws UnsafePropsError when there are no consumers, or a session would last less than 1 hour or more than 12
 */
export class OperatorAccess extends Construct {
  readonly reader: iam.Role;
  readonly operator: iam.Role;

  constructor(scope: Construct, id: string, props: OperatorAccessProps) {
    super(scope, id);
    if (props.consumers.length === 0) {
      throw new UnsafePropsError(this, 'It has no consumers: nobody would see anything.', 'List them in `consumers`.');
    }
    this.reader = roleFor(this, 'Reader', { mfa: false, ...props.reader }, 'Looks at what is going on');
    this.operator = roleFor(this, 'Operator', { mfa: true, ...props.operator }, 'Mends what went wrong');

    const queues = queuesOf(props.consumers);
    for (const role of [this.reader, this.operator]) {
      grantObservation(role, props.consumers);
      grantLetters(role, queues, keysOf(props.consumers));
      props.audit.grantRead(role);
    }
    grantRedrive(this.operator, queues, props.consumers);
    grantRelease(this.operator, props.idempotency);
    grantOnCall(this.operator, props);
    props.audit.grantWrite(this.operator);
  }
}

function roleFor(scope: Construct, id: string, props: PeopleProps, purpose: string): iam.Role {
  const { assumedBy, mfa, sessionDuration = Duration.hours(1) } = props;
  const hours = sessionDuration.toHours({ integral: false });
  if (hours < 1 || hours > 12) {
    throw new UnsafePropsError(scope, `\`sessionDuration\` is ${hours} h.`, 'IAM takes 1 to 12 hours.');
  }
  return new iam.Role(scope, id, {
    description: `${purpose}: ${scope.node.path}`,
    assumedBy: mfa ? new iam.PrincipalWithConditions(assumedBy, WITH_SECOND_FACTOR) : assumedBy,
    maxSessionDuration: sessionDuration,
  });
}

/** What shows how things are. Lists and metrics know no resources, and alarms none for composites. */
function grantObservation(role: iam.Role, consumers: readonly QueueFunction[]): void {
  allow(
    role,
    [
      'cloudwatch:DescribeAlarmHistory',
      'cloudwatch:DescribeAlarms',
      'cloudwatch:GetDashboard',
      'cloudwatch:GetMetricData',
      'cloudwatch:GetMetricStatistics',
      'cloudwatch:ListDashboards',
      'cloudwatch:ListMetrics',
      'logs:DescribeLogGroups',
      'logs:GetQueryResults',
      'logs:StopQuery',
      'sqs:ListQueues',
    ],
    ['*'],
    'Lists, metrics, query results and composite alarms have no resources in IAM, or none that a list could be limited to; none of it shows a message.',
  );
  allow(
    role,
    ['logs:DescribeLogStreams', 'logs:FilterLogEvents', 'logs:GetLogEvents', 'logs:StartQuery'],
    logGroupsOf(consumers),
    'CloudFormation names the log groups: they begin with the name of the stack, and a role has no room for an ARN of each.',
  );
}

function grantLetters(role: iam.Role, queues: QueueNames, keys: readonly kms.IKey[]): void {
  allow(role, ['sqs:GetQueueAttributes', 'sqs:GetQueueUrl'], queues.all, BY_NAME);
  // a letter is leased while it is looked at, and given back
  allow(
    role,
    ['sqs:ChangeMessageVisibility', 'sqs:ReceiveMessage'],
    [...queues.deadLetters, ...queues.undeliverable],
    BY_NAME,
  );
  allow(
    role,
    ['kms:Decrypt'],
    keys.map((key) => key.keyArn),
  );
}

/** Back to the consumer, or out of the DLQ; by hand one by one, or by SQS the whole queue. */
function grantRedrive(role: iam.Role, queues: QueueNames, consumers: readonly QueueFunction[]): void {
  allow(role, ['sqs:SendMessage'], queues.all, BY_NAME);
  allow(role, ['sqs:DeleteMessage'], [...queues.deadLetters, ...queues.undeliverable], BY_NAME);
  allow(
    role,
    ['sqs:CancelMessageMoveTask', 'sqs:ListMessageMoveTasks', 'sqs:StartMessageMoveTask'],
    queues.deadLetters,
    BY_NAME,
  );
  for (const key of keysOf(consumers)) grantMessageKey(key, role);
}

/** Markers of parked keys are the only items of the table that an operator touches: what was done stays done. */
function grantRelease(role: iam.Role, { table, encryptionKey }: OperatorAccessProps['idempotency']): void {
  allow(role, ['dynamodb:Scan'], [table.tableArn]);
  iam.Grant.addToPrincipal({
    grantee: role,
    actions: ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
    resourceArns: [table.tableArn],
    conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['parked#*'] } },
  });
  grantTableKey(encryptionKey, role);
}

function grantOnCall(role: iam.Role, { onCall }: OperatorAccessProps): void {
  const { maintenance, testAlarms = [], page, ticket, escalate } = onCall;
  const alarms = [...(maintenance ? [maintenance] : []), ...testAlarms];
  allow(
    role,
    ['cloudwatch:SetAlarmState'],
    alarms.map((alarm) => alarm.alarmArn),
  );
  const topics = [page, ticket, ...(escalate ? [escalate] : [])];
  allow(
    role,
    ['sns:ListSubscriptionsByTopic'],
    topics.map((topic) => topic.topicArn),
  );
}

function keysOf(consumers: readonly QueueFunction[]): kms.IKey[] {
  return [...new Set(consumers.map((consumer) => consumer.encryptionKey))];
}

/** @param wildcards why there may be wildcards among the resources; without a reason cdk-nag finds them */
function allow(role: iam.Role, actions: string[], resourceArns: readonly string[], wildcards?: string): void {
  if (resourceArns.length === 0) return;
  iam.Grant.addToPrincipal({ grantee: role, actions, resourceArns: [...resourceArns] });
  if (wildcards === undefined) return;
  for (const arn of resourceArns.map((each) => asWritten(Stack.of(role).resolve(each)))) {
    if (!arn.includes('*')) continue;
    Validations.of(role).acknowledge({ id: `AwsSolutions-IAM5[Resource::${arn}]`, reason: wildcards });
  }
}
