import path from 'node:path';
import { ArnFormat, Duration, Lazy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { METRICS_NAMESPACE } from './alarms/consumer-metrics.ts';
import { Health, type Monitored } from './alarms/health.ts';
import { inQueue } from './alarms/queue-metrics.ts';
import { handlerFunction } from './code/handler-function.ts';
import { type DependencyProps, dependencySettings, refuseUnsafeDependency } from './delivery/dependency.ts';
import { guardedQueue } from './delivery/guarded-queue.ts';
import { UnsafePropsError } from './errors.ts';
import type { IIdempotencyTable } from './idempotency-table.ts';
import type { IOnCall } from './on-call/on-call.ts';
import { installRules } from './rules/rules.ts';
import { grantMessageKey, grantTableKey } from './security/encryption.ts';

export type { DependencyProps } from './delivery/dependency.ts';

/** What a {@link CircuitBreakers} takes. */
export interface CircuitBreakersProps {
  /** Where the circuits are kept: the table of the consumers it watches. */
  readonly idempotency: IIdempotencyTable;
  /** Who hears when the keeper gives up, and of circuits that stay open. */
  readonly onCall: IOnCall;
  /** The team that answers for the keeper; part of its alarm's description. */
  readonly owner: string;
  /**
   * The customer managed key that encrypts queue and log; its policy is extended to admit CloudWatch Logs.
   *
   * @default the key of the idempotency table
   */
  readonly encryptionKey?: kms.IKey;
  /**
   * How long the keeper's log is kept.
   *
   * @default logs.RetentionDays.THREE_MONTHS
   */
  readonly logRetention?: logs.RetentionDays;
  /**
   * What happens to its queues and its log when they leave the stack.
   *
   * @default RemovalPolicy.DESTROY: they hold wake-ups, nobody's messages
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** What {@link CircuitBreakers.watch} takes. */
export interface WatchProps {
  /** The consumer's name in metrics and idempotency records. */
  readonly name: string;
  /** Speaks for the alarms of its circuits. */
  readonly health: Health;
  /** What is paused while a circuit is open. */
  readonly eventSource: lambda.EventSourceMapping;
  /** The table that the consumer and the keeper share. */
  readonly idempotency: IIdempotencyTable;
  /** What its handler calls, by name. */
  readonly dependencies: Readonly<Record<string, DependencyProps>>;
  /** Messages given to one invocation when all is well. */
  readonly batchSize: number;
  /**
   * How long messages are gathered when all is well.
   *
   * @default Duration.seconds(0)
   */
  readonly batchWindow?: Duration;
  /**
   * Invocations at the same time when all is well.
   *
   * @default no limit
   */
  readonly maximumConcurrency?: number;
}

const KEEPER = path.resolve(import.meta.dirname, '../runtime/dependencies/keeper-handler.ts');
const TIMEOUT = Duration.seconds(30);
/** With the pauses between them, hours. */
const RECEIVES = 100;
/** Lambda takes 4 KB of environment variables; the others need the rest. */
const MOST_ENVIRONMENT = 3_300;

/**
 * What acts on the circuits of a stack's consumers: a keeper function and the queue that wakes it. While a circuit is
 * open the keeper pauses the event source of its consumer, so that no message uses up its receives; it lets probes
 * begin, and takes the consumer back to its full size step by step. One for each stack.
 *
 * @throws BundleError when the keeper does not compile
 */
export class CircuitBreakers extends Construct implements Monitored {
  /** Wakes the keeper. */
  readonly queue: sqs.Queue;
  /** Wake-ups that the keeper gave up on: an event source may stand still. */
  readonly deadLetterQueue: sqs.Queue;
  readonly function: lambda.Function;
  readonly eventSource: lambda.EventSourceMapping;
  /** The keeper gave up. A page: nobody else resumes the consumer. */
  readonly deadLettersAlarm: cloudwatch.Alarm;
  /** Speaks for its own alarm; the circuits' alarms are part of their consumers' health. */
  readonly health: Health;
  readonly encryptionKey: kms.IKey;
  readonly #props: CircuitBreakersProps;
  readonly #sources: Record<string, object> = {};

  constructor(scope: Construct, id: string, props: CircuitBreakersProps) {
    super(scope, id);
    installRules(this);
    const { idempotency, removalPolicy = RemovalPolicy.DESTROY } = props;
    this.#props = props;
    const encryptionKey = props.encryptionKey ?? idempotency.encryptionKey;
    if (encryptionKey === undefined) {
      throw new UnsafePropsError(
        this,
        `Nobody said what key encrypts ${idempotency.node.path}, and it would take that for its own.`,
        'Set `encryptionKey`.',
      );
    }
    this.encryptionKey = encryptionKey;
    const { queue, deadLetterQueue } = guardedQueue(this, {
      ordered: false,
      visibilityTimeout: Duration.seconds(6 * TIMEOUT.toSeconds()),
      retention: Duration.days(4),
      maxReceiveCount: RECEIVES,
      encryptionKey: this.encryptionKey,
      removalPolicy,
    });
    this.queue = queue;
    this.deadLetterQueue = deadLetterQueue;
    this.function = handlerFunction(this, {
      entry: KEEPER,
      description: 'Pauses and resumes consumers whose dependencies are ill',
      timeout: TIMEOUT,
      memorySize: 256,
      encryptionKey: this.encryptionKey,
      logRetention: props.logRetention ?? logs.RetentionDays.THREE_MONTHS,
      removalPolicy,
      environment: {
        BATON_EVENT_SOURCES: Lazy.string({ produce: () => this.#eventSources() }),
        BATON_IDEMPOTENCY_TABLE: idempotency.table.tableName,
        BATON_KEEPER_QUEUE_URL: queue.queueUrl,
      },
    });
    // It sets its timers by messages to itself, which Lambda would take for a loop and stop after 16 of them
    // (source: AWS Lambda developer guide, "Use Lambda recursive loop detection to prevent infinite loops").
    (this.function.node.defaultChild as lambda.CfnFunction).recursiveLoop = 'Allow';
    this.#grantKeeping();
    this.eventSource = new lambda.EventSourceMapping(this, 'EventSource', {
      target: this.function,
      eventSourceArn: queue.queueArn,
      // one wake-up at a time, so that one that fails takes no other with it
      batchSize: 1,
      maxConcurrency: 2,
    });
    this.health = new Health(this, 'Health', {
      subject: 'the keeper of the circuits',
      owner: props.owner,
      onCall: props.onCall,
    });
    this.deadLettersAlarm = this.health.add('DeadLettersAlarm', 'page', {
      runbook: 'circuit-open',
      meaning: 'The keeper of the circuits gave up: a consumer may stand still although its dependency is well.',
      first: 'Read the error log of the keeper, then redrive its dead letters.',
      metric: inQueue(deadLetterQueue),
      threshold: 1,
      datapointsToAlarm: 1,
      evaluationPeriods: 1,
    });
  }

  /**
   * What the function of a consumer has to know about its dependencies; part of its environment.
   *
   * @throws UnsafePropsError when settings are out of range
   */
  environment(consumer: Construct, dependencies: Readonly<Record<string, DependencyProps>>): Record<string, string> {
    for (const [name, each] of Object.entries(dependencies)) refuseUnsafeDependency(consumer, name, each);
    return {
      BATON_DEPENDENCIES: JSON.stringify(
        Object.fromEntries(Object.entries(dependencies).map(([name, each]) => [name, dependencySettings(each)])),
      ),
      BATON_KEEPER_QUEUE_URL: this.queue.queueUrl,
    };
  }

  /** Lets a principal wake the keeper, and use the queue's key for that. */
  grantWake(grantee: iam.IGrantable): iam.Grant {
    return iam.Grant.addToPrincipal({
      grantee,
      actions: ['sqs:SendMessage'],
      resourceArns: [this.queue.queueArn],
    }).combine(grantMessageKey(this.encryptionKey, grantee));
  }

  /**
   * Takes a consumer into the keeper's care. Its function also needs {@link environment} and {@link grantWake}.
   *
   * @returns the alarms of those dependencies that ask for one, by name
   * @throws UnsafePropsError when the consumer is of another stack or table
   */
  watch(consumer: Construct, props: WatchProps): Record<string, cloudwatch.Alarm> {
    this.#refuseStranger(consumer, props);
    const { eventSource, batchSize, batchWindow, maximumConcurrency, dependencies } = props;
    this.#sources[props.name] = {
      uuid: eventSource.eventSourceMappingId,
      batchSize,
      ...(batchWindow?.toSeconds() && { batchWindow: batchWindow.toSeconds() }),
      ...(maximumConcurrency !== undefined && { maximumConcurrency }),
      dependencies: Object.fromEntries(
        Object.entries(dependencies).map(([name, { rampStep }]) => [
          name,
          rampStep === undefined ? {} : { rampStepSeconds: rampStep.toSeconds() },
        ]),
      ),
    };
    iam.Grant.addToPrincipal({
      grantee: this.function,
      actions: ['lambda:GetEventSourceMapping', 'lambda:UpdateEventSourceMapping'],
      resourceArns: [
        Stack.of(this).formatArn({
          service: 'lambda',
          resource: 'event-source-mapping',
          resourceName: eventSource.eventSourceMappingId,
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        }),
      ],
    });
    const alarms: Record<string, cloudwatch.Alarm> = {};
    for (const [name, { alarm: urgency }] of Object.entries(dependencies)) {
      if (urgency === undefined) continue;
      alarms[name] = props.health.add(`CircuitAlarm-${name}`, urgency, {
        runbook: 'circuit-open',
        name: `circuit-open-${name}`,
        meaning: `${props.name} has stood still for 5 minutes because ${name} fails.`,
        first: `Look whether ${name} is well, and what its calls fail with in the log of ${props.name}.`,
        metric: this.metricState(props.name, name),
        threshold: 2,
        datapointsToAlarm: 5,
        evaluationPeriods: 5,
      });
    }
    return alarms;
  }

  /** The state of a circuit: 0 closed, 1 half-open, 2 open; written while it is not at rest. Maximum over a minute unless told otherwise. */
  metricState(consumer: string, dependency: string, props: cloudwatch.MetricOptions = {}): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: METRICS_NAMESPACE,
      metricName: 'CircuitState',
      dimensionsMap: { service: consumer, dependency },
      statistic: 'Maximum',
      period: Duration.minutes(1),
      ...props,
    });
  }

  #eventSources(): string {
    const text = JSON.stringify(this.#sources, (key, value) => (key === 'uuid' ? 'x'.repeat(36) : value));
    if (text.length > MOST_ENVIRONMENT) {
      throw new UnsafePropsError(
        this,
        `It watches ${Object.keys(this.#sources).length} consumers, which takes ${text.length} bytes of the keeper's 4 KB environment.`,
        'Give half of them to a second CircuitBreakers.',
      );
    }
    return Stack.of(this).toJsonString(this.#sources);
  }

  #grantKeeping(): void {
    const { idempotency } = this.#props;
    iam.Grant.addToPrincipal({
      grantee: this.function,
      actions: [
        'sqs:ChangeMessageVisibility',
        'sqs:DeleteMessage',
        'sqs:GetQueueAttributes',
        'sqs:ReceiveMessage',
        'sqs:SendMessage',
      ],
      resourceArns: [this.queue.queueArn],
    });
    grantMessageKey(this.encryptionKey, this.function);
    // the circuits among the records of the table, and no others
    iam.Grant.addToPrincipal({
      grantee: this.function,
      actions: ['dynamodb:PartiQLSelect', 'dynamodb:UpdateItem'],
      resourceArns: [idempotency.table.tableArn],
      conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['circuit#*'] } },
    });
    if (idempotency.encryptionKey) grantTableKey(idempotency.encryptionKey, this.function);
  }

  #refuseStranger(consumer: Construct, { idempotency }: WatchProps): void {
    if (Stack.of(consumer) !== Stack.of(this)) {
      throw new UnsafePropsError(
        consumer,
        `${this.node.path} is in another stack: each stack would need the other to be deployed first.`,
        'Make a CircuitBreakers in the stack of the consumer.',
      );
    }
    if (idempotency !== this.#props.idempotency) {
      throw new UnsafePropsError(
        consumer,
        `Its circuits are in ${idempotency.node.path}, but ${this.node.path} looks into ${this.#props.idempotency.node.path}.`,
        'Give both the same `idempotency`.',
      );
    }
  }
}
