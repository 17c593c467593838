import { fileURLToPath } from 'node:url';
import { ArnFormat, Duration, Lazy, type RemovalPolicy, Stack, Token, Validations } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { LambdaSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { METRICS_NAMESPACE } from '../alarms/consumer-metrics.ts';
import { everyMinute } from '../code/every-minute.ts';
import { handlerFunction } from '../code/handler-function.ts';
import { ConstructError, UnsafePropsError } from '../errors.ts';
import { physicalName } from '../names.ts';
import { grantMessageKey } from '../security/encryption.ts';
import { OnCallTopic } from './on-call-topic.ts';
import { checkKeptUrl, type KeptUrl } from './target.ts';

/** How a heartbeat may differ from the defaults. */
export interface HeartbeatProps {
  /**
   * How often the probe alarm has to change its state and say so: whole minutes, from 5 to 60. After three times as long
   * without a word of it the heartbeat pages.
   *
   * @default Duration.minutes(15)
   */
  readonly probe?: Duration;

  /**
   * The URL of a service outside AWS that expects a call (HTTPS GET) every minute, and pages when none comes: for the day on which
   * neither CloudWatch nor SNS does. Read by the function when it runs, so a parameter may be a SecureString under the key
   * `aws/ssm`.
   *
   * @default none
   */
  readonly deadMansSwitch?: KeptUrl;

  /** Memory of its function, in MiB: 128 to 10,240. @default 256 */
  readonly memorySize?: number;

  /** How long the log of its function is kept. @default logs.RetentionDays.THREE_MONTHS */
  readonly logRetention?: logs.RetentionDays;
}

/** What a heartbeat gets of its `OnCall`. */
interface Surroundings {
  readonly name: string;
  readonly owner: string;
  readonly runbook: string;
  readonly page: OnCallTopic;
  readonly maintenance: cloudwatch.Alarm;
  readonly encryptionKey: kms.IKey;
  readonly removalPolicy: RemovalPolicy;
}

const HANDLER = fileURLToPath(new URL('../../runtime/on-call/heartbeat-handler.ts', import.meta.url));
const MINUTE = Duration.minutes(1);
/** Lambda takes 4 KB of environment variables in all (source: AWS Lambda developer guide, quotas); the others need a third. */
const LONGEST_LIST = 2_700;

/**
 * Watches what watches: a function that runs every minute, whose silence is an alarm, and which pages by itself when alarms
 * are silent. It also ends maintenance windows, and writes the publish rates of topics.
 *
 * @throws UnsafePropsError when `probe` is out of bounds
 */
export class Heartbeat extends Construct {
  readonly function: lambda.Function;
  /** In ALARM when the heartbeat is missing, or could not do its duties. Pages during maintenance as well. */
  readonly alarm: cloudwatch.Alarm;
  /** Changes its state all the time, for the heartbeat to hear of it. Nobody is told. */
  readonly probe: cloudwatch.Alarm;
  /** Where the probe's notifications go. */
  readonly probeTopic: OnCallTopic;
  readonly #name: string;
  readonly #owner: string;
  readonly #publishRates = new Set<string>();

  constructor(scope: Construct, id: string, surroundings: Surroundings, props: HeartbeatProps) {
    super(scope, id);
    const { encryptionKey, maintenance, page, runbook } = surroundings;
    this.#name = surroundings.name;
    this.#owner = surroundings.owner;
    const probeMinutes = (props.probe ?? Duration.minutes(15)).toMinutes({ integral: false });
    if (!Number.isInteger(probeMinutes) || probeMinutes < 5 || probeMinutes > 60) {
      throw new UnsafePropsError(this, `\`probe\` is ${probeMinutes} minutes.`, 'Give whole minutes from 5 to 60.');
    }
    this.probeTopic = new OnCallTopic(this, 'ProbeTopic', encryptionKey);
    this.probe = this.#probeAlarm(probeMinutes, runbook);
    this.function = handlerFunction(this, {
      entry: HANDLER,
      description: `Watches whether the alarms of ${scope.node.path} work`,
      timeout: Duration.seconds(45),
      memorySize: props.memorySize ?? 256,
      encryptionKey,
      logRetention: props.logRetention ?? logs.RetentionDays.THREE_MONTHS,
      removalPolicy: surroundings.removalPolicy,
      environment: {
        BATON_ON_CALL: this.#name,
        BATON_OWNER: this.#owner,
        BATON_RUNBOOK: runbook,
        BATON_PAGE_TOPIC_ARN: page.topicArn,
        BATON_PROBE_ALARM_ARN: this.probe.alarmArn,
        BATON_PROBE_MINUTES: String(probeMinutes),
        BATON_MAINTENANCE_ALARM: maintenance.alarmName,
        BATON_PUBLISH_RATES: Lazy.string({ produce: () => this.#watchedRates() }),
        ...this.#switchVariables(props.deadMansSwitch),
      },
    });
    this.#grant(surroundings, props.deadMansSwitch);
    this.probeTopic.addSubscription(new LambdaSubscription(this.function));
    const schedule = everyMinute(this, this.function, 'the heartbeat');
    this.alarm = this.#missingAlarm(runbook);
    this.alarm.node.addDependency(schedule);
  }

  /** Has `PublishRatio` written for a topic: see `IOnCall.watchPublishRate`. */
  watchPublishRate(topicName: string): void {
    if (Token.isUnresolved(topicName)) {
      throw new UnsafePropsError(
        this.node.scope as Construct,
        'The name of a topic to watch is known at deployment only, and the stack of that topic may depend on this one.',
        'Give the topic a `topicName`, and watch that text.',
      );
    }
    this.#publishRates.add(topicName);
  }

  #watchedRates(): string {
    const list = JSON.stringify([...this.#publishRates]);
    if (Buffer.byteLength(list) <= LONGEST_LIST) return list;
    throw new ConstructError(
      `${this.node.path}: the names of ${this.#publishRates.size} topics to watch have ${Buffer.byteLength(list)} bytes, and ${LONGEST_LIST} fit into the variables of a function. Watch fewer, or make a second OnCall.`,
    );
  }

  #switchVariables(url: KeptUrl | undefined): Record<string, string> {
    if (url === undefined) return {};
    checkKeptUrl(this, url);
    if ('parameter' in url) {
      return {
        BATON_SWITCH_PARAMETER: url.version === undefined ? url.parameter : `${url.parameter}:${url.version}`,
      };
    }
    return {
      BATON_SWITCH_SECRET: url.secret.secretArn,
      ...(url.field !== undefined && { BATON_SWITCH_FIELD: url.field }),
    };
  }

  #grant({ page, maintenance, encryptionKey }: Surroundings, url: KeptUrl | undefined): void {
    const grantee = this.function;
    iam.Grant.addToPrincipal({ grantee, actions: ['sns:Publish'], resourceArns: [page.topicArn] });
    grantMessageKey(encryptionKey, grantee);
    iam.Grant.addToPrincipal({
      grantee,
      actions: ['cloudwatch:SetAlarmState'],
      resourceArns: [maintenance.alarmArn],
    });
    // A policy of its own: what may be read everywhere is explained beside it, not beside all the rest.
    const reads = new iam.Policy(this, 'Reads', {
      roles: [grantee.role!],
      statements: [
        new iam.PolicyStatement({
          actions: ['cloudwatch:DescribeAlarms', 'cloudwatch:GetMetricData'],
          resources: ['*'],
        }),
      ],
    });
    Validations.of(reads).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      // A DescribeAlarms that is refused would page every minute and leave windows open, so it does not depend on how IAM
      // matches a list of alarms (source: DescribeAlarms in the CloudWatch API reference, which asks for `*` in some cases).
      reason:
        'cloudwatch:GetMetricData knows no resources, and cloudwatch:DescribeAlarms is a list that one ARN may not open; both only read.',
    });
    if (url && 'secret' in url) url.secret.grantRead(grantee);
    if (url && 'parameter' in url) {
      const stack = Stack.of(this);
      const parameter = stack.formatArn({
        service: 'ssm',
        resource: 'parameter',
        resourceName: url.parameter.replace(/^\//, ''),
        arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
      });
      iam.Grant.addToPrincipal({ grantee, actions: ['ssm:GetParameter'], resourceArns: [parameter] });
    }
  }

  #probeAlarm(minutes: number, runbook: string): cloudwatch.Alarm {
    const alarm = new cloudwatch.Alarm(this, 'Probe', {
      alarmName: physicalName(this.node.scope!, 'heartbeat-probe', 255),
      alarmDescription: `Owner: ${this.#owner}. Changes its state every ${minutes} minutes, to prove that alarms are evaluated and may publish. Nobody is told. First: Leave it alone. Runbook: ${runbook}`,
      metric: this.#metric('HeartbeatProbe', 'Maximum'),
      threshold: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.IGNORE,
    });
    const action = new SnsAction(this.probeTopic);
    alarm.addAlarmAction(action);
    alarm.addOkAction(action);
    return alarm;
  }

  #missingAlarm(runbook: string): cloudwatch.Alarm {
    return new cloudwatch.Alarm(this, 'Alarm', {
      alarmName: physicalName(this.node.scope!, 'heartbeat', 255),
      alarmDescription: `Owner: ${this.#owner}. Nobody watches whether alarms work: the heartbeat of ${this.#name} is missing, or could not do its duties. Maintenance windows stay open. First: Read the log of its function. Runbook: ${runbook}`,
      // The worst of a minute: 0 is a heartbeat that could not do its duties.
      metric: this.#metric('Heartbeat', 'Minimum'),
      threshold: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      datapointsToAlarm: 5,
      evaluationPeriods: 5,
      treatMissingData: cloudwatch.TreatMissingData.BREACHING,
    });
  }

  #metric(metricName: string, statistic: string): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: METRICS_NAMESPACE,
      metricName,
      dimensionsMap: { onCall: this.#name },
      statistic,
      period: MINUTE,
    });
  }
}
