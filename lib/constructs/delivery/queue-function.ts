import { type Duration, RemovalPolicy, Tags } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { AnyContract } from '../../contracts/index.ts';
import {
  type AlarmThresholds,
  type ConsumerAlarms,
  consumerAlarms,
  type ExpectedRate,
  failureRate,
} from '../alarms/consumer-alarms.ts';
import { type ConsumerMetric, consumerMetric, METRICS_NAMESPACE } from '../alarms/consumer-metrics.ts';
import { Health } from '../alarms/health.ts';
import type { CircuitBreakers, DependencyProps } from '../circuit-breakers.ts';
import type { IClaimCheck } from '../claim-check.ts';
import { handlerFunction } from '../code/handler-function.ts';
import { UnsafePropsError } from '../errors.ts';
import type { IEventTopic } from '../event-topic.ts';
import type { IIdempotencyTable } from '../idempotency-table.ts';
import { kebabCase } from '../names.ts';
import type { IOnCall } from '../on-call/on-call.ts';
import type { Outbox } from '../outbox.ts';
import { installRules } from '../rules/rules.ts';
import { grantMessageKey } from '../security/encryption.ts';
import { claimCheckOf } from './claim-check-of.ts';
import { refuseBadName } from './consumer-name.ts';
import { DEAD_LETTER_RETENTION, guardedQueue } from './guarded-queue.ts';
import { type Publication, producedBy, publicationsOf } from './produced-events.ts';
import { type Delivery, refuseUnsafeDelivery, type SafeDelivery, safeDelivery } from './safe-delivery.ts';

/** What a {@link Consumer} and a {@link CommandQueue} take alike. */
export interface QueueFunctionProps extends Delivery {
  /**
   * The handler file, relative to the project's root: `functions/inventory/handler.ts`. It exports `handler`, made by
   * `consume(...)`.
   */
  readonly entry: string;

  /**
   * The promise: how old a message may get before somebody is paged. A minute or more, less than `retention`.
   */
  readonly maxAge: Duration;

  /**
   * What arrives at least, in ordinary times: `{ events: 600, per: Duration.hours(1) }`. The depth alarm follows from it, and
   * silence pages. Take the quietest hour of a week, not the mean: with less it pages for a quiet night.
   *
   * @default unknown: silence is no news
   */
  readonly expectedRate?: ExpectedRate;

  /**
   * How long after it happened an event may be handled and still be in time; later ones count as `Late`, which a flow's latency
   * objective is about. Whole seconds, one or more.
   *
   * @default maxAge
   */
  readonly latencyObjective?: Duration;

  /**
   * The team that answers for it; part of every alarm's description, and the tag `baton:owner` of all that it is made of. Letters,
   * digits, spaces and `_.:/=+-@`, up to 256.
   */
  readonly owner: string;

  /** Where it remembers what it has done. */
  readonly idempotency: IIdempotencyTable;

  /** Who hears of its alarms. */
  readonly onCall: IOnCall;

  /**
   * Its name in metrics, idempotency records and dead letters, and the tag `baton:consumer`. Unique among all that share the
   * idempotency table; changing it forgets what was done. Letters, digits, dots, dashes and underscores, up to 255; not `circuit`
   * or `parked`.
   *
   * @default the construct's id in kebab case
   */
  readonly name?: string;

  /**
   * Memory of the function, in MiB: 128 to 10,240. CPU comes in proportion (1,769 MiB is one vCPU).
   *
   * @default 512
   */
  readonly memorySize?: number;

  /**
   * The topic that the handler publishes to by `context.publish`: a call of its own, which a crash may part from what the
   * handler writes.
   *
   * @default it publishes nothing so
   */
  readonly publishes?: IEventTopic;

  /**
   * The outbox that the handler commits events to, together with what it writes, by `context.commit`.
   *
   * @default it commits no events
   */
  readonly outbox?: Outbox;

  /**
   * The events that its handler publishes, through `publishes` or `outbox`: what the catalog of events and the checks of contracts
   * know of it. Nothing at run time looks at it.
   *
   * @default nobody knows
   */
  readonly produces?: readonly AnyContract[];

  /**
   * `strict`: when an event of a key is dead-lettered, later ones of that key follow it into the DLQ, in order, until an
   * operator releases the key (`baton parked release`). For ordered queues only; it costs a read of DynamoDB a batch.
   *
   * @default order is broken for the dead letter alone: later events of its key are handled before it
   */
  readonly ordering?: 'strict';

  /**
   * What the handler calls through `context.dependency(name)`: each behind a circuit breaker and a bulkhead.
   *
   * @default none
   */
  readonly dependencies?: Readonly<Record<string, DependencyProps>>;

  /**
   * Pauses its event source while a dependency is ill, and resumes it.
   *
   * @default nobody; needed with `dependencies`
   */
  readonly circuitBreakers?: CircuitBreakers;

  /**
   * Further environment variables of the function. `BATON_*`, `POWERTOOLS_*` and `AWS_*` are taken.
   *
   * @default none
   */
  readonly environment?: Readonly<Record<string, string>>;

  /**
   * When its alarms fire; `false` leaves one out.
   *
   * @default what follows from `maxAge`, `expectedRate`, `timeout` and `retention`
   */
  readonly alarms?: AlarmThresholds;

  /**
   * How long its log is kept.
   *
   * @default logs.RetentionDays.THREE_MONTHS
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * What happens to queues, dead letters and log when they leave the stack.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE: nobody's messages are lost with a stack
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** What the constructs on top of {@link QueueFunction} decide for it. */
export interface QueueFunctionDecisions {
  readonly ordered: boolean;
  readonly encryptionKey: kms.IKey;
  readonly description: string;
  /** Where the data of what it is given is, if that is too large to travel. */
  readonly claimCheck: IClaimCheck | undefined;
  /** How long a message can wait before it is in the queue. @default it is sent there directly */
  readonly undeliverable?: Duration;
}

/**
 * A queue whose messages one function handles, with all that keeps them from being lost: a DLQ, a guard against doing
 * things twice, partial batch responses, alarms. What {@link Consumer} and {@link CommandQueue} have in common.
 */
export abstract class QueueFunction extends Construct implements iam.IGrantable {
  /** Its name in metrics, idempotency records and dead letters. */
  readonly name: string;
  readonly queue: sqs.Queue;
  readonly deadLetterQueue: sqs.Queue;
  readonly function: lambda.Function;
  readonly eventSource: lambda.EventSourceMapping;
  readonly alarms: ConsumerAlarms;
  /** The promise: how old a message may get. */
  readonly maxAge: Duration;
  /** What its handler publishes, as far as it was said. */
  readonly produces: readonly AnyContract[];
  /** Where it publishes that. */
  readonly publications: readonly Publication[];
  /** The names of what its handler calls behind circuit breakers. */
  readonly dependencies: readonly string[];
  /** Speaks for its alarms. */
  readonly health: Health;
  readonly encryptionKey: kms.IKey;
  readonly grantPrincipal: iam.IPrincipal;

  protected constructor(scope: Construct, id: string, props: QueueFunctionProps, decisions: QueueFunctionDecisions) {
    super(scope, id);
    installRules(this);
    const { ordered, encryptionKey } = decisions;
    const delivery = safeDelivery(props, ordered);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
    refuseUnsafeDelivery(this, { ...delivery, maxAge: props.maxAge, dependencies: props.dependencies }, ordered);
    refuseReservedVariables(this, props.environment ?? {});
    refuseStrictWithoutOrder(this, props.ordering, ordered);
    refuseHastyObjective(this, props.latencyObjective);

    this.name = props.name ?? kebabCase(id);
    refuseBadName(this, this.name);
    this.maxAge = props.maxAge;
    this.produces = producedBy(this, props);
    this.publications = publicationsOf(props);
    this.dependencies = Object.keys(props.dependencies ?? {});
    this.health = new Health(this, 'Health', { subject: this.name, owner: props.owner, onCall: props.onCall });
    this.encryptionKey = encryptionKey;
    const wayBack = delivery.retention.plus(DEAD_LETTER_RETENTION);
    props.idempotency.guard(this, this.name, wayBack);
    const claimCheck = claimCheckOf(this, props, decisions, wayBack);

    const { queue, deadLetterQueue } = guardedQueue(this, { ...delivery, ordered, encryptionKey, removalPolicy });
    this.queue = queue;
    this.deadLetterQueue = deadLetterQueue;
    this.function = handlerFunction(this, {
      entry: props.entry,
      description: decisions.description,
      timeout: delivery.timeout,
      memorySize: props.memorySize ?? 512,
      encryptionKey,
      logRetention: props.logRetention ?? logs.RetentionDays.THREE_MONTHS,
      removalPolicy,
      environment: {
        ...props.environment,
        BATON_CONSUMER: this.name,
        BATON_QUEUE_URL: queue.queueUrl,
        BATON_DLQ_URL: deadLetterQueue.queueUrl,
        BATON_IDEMPOTENCY_TABLE: props.idempotency.table.tableName,
        BATON_IDEMPOTENCY_TTL_SECONDS: String(props.idempotency.ttl.toSeconds()),
        BATON_MAX_ATTEMPTS: String(delivery.maxAttempts),
        BATON_MAX_RECEIVES: String(delivery.maxReceiveCount),
        BATON_RETENTION_SECONDS: String(delivery.retention.toSeconds()),
        BATON_VISIBILITY_SECONDS: String(delivery.visibilityTimeout.toSeconds()),
        BATON_LATE_AFTER_SECONDS: String((props.latencyObjective ?? props.maxAge).toSeconds()),
        ...(props.ordering && { BATON_ORDERING: props.ordering }),
        ...(props.backoff?.base && { BATON_BACKOFF_BASE_SECONDS: String(props.backoff.base.toSeconds()) }),
        ...(props.backoff?.cap && { BATON_BACKOFF_CAP_SECONDS: String(props.backoff.cap.toSeconds()) }),
        ...(props.publishes && { BATON_TOPIC_ARN: props.publishes.topic.topicArn }),
        ...props.outbox?.environment,
        ...claimCheck?.environment,
        ...(props.dependencies && props.circuitBreakers?.environment(this, props.dependencies)),
        POWERTOOLS_SERVICE_NAME: this.name,
        POWERTOOLS_METRICS_NAMESPACE: METRICS_NAMESPACE,
      },
    });
    this.grantPrincipal = this.function.grantPrincipal;
    this.#grantDelivery();
    props.idempotency.grantGuard(this);
    decisions.claimCheck?.grantRead(this);
    props.publishes?.grantPublish(this);
    props.publishes?.claimCheck?.grantWrite(this);
    props.outbox?.grantPublish(this);

    this.eventSource = new lambda.EventSourceMapping(this, 'EventSource', {
      target: this.function,
      eventSourceArn: queue.queueArn,
      batchSize: delivery.batchSize,
      maxBatchingWindow: delivery.batchWindow.toSeconds() === 0 ? undefined : delivery.batchWindow,
      maxConcurrency: props.maximumConcurrency,
      ...(delivery.provisionedPollers && {
        provisionedPollerConfig: {
          // an empty object would not arrive in the template, and leave the pollers on demand
          minimumPollers: delivery.provisionedPollers.minimum ?? 2,
          maximumPollers: delivery.provisionedPollers.maximum ?? 200,
        },
      }),
      reportBatchItemFailures: true,
    });
    this.#watchDependencies(props, delivery);
    Tags.of(this).add('baton:consumer', this.name);
    this.alarms = consumerAlarms(this.health, {
      consumer: this.name,
      maxAge: props.maxAge,
      expectedRate: props.expectedRate,
      retention: delivery.retention,
      ordered,
      queue,
      deadLetterQueue,
      function: this.function,
      timeout: delivery.timeout,
      thresholds: props.alarms ?? {},
    });
  }

  /** One of the counts that its runtime writes. Sum over a minute unless told otherwise. */
  metric(name: ConsumerMetric, props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return consumerMetric(this.name, name, props);
  }

  /** Failures among what the handler was given, in percent. */
  metricFailureRate(period?: Duration): cloudwatch.MathExpression {
    return failureRate(this.name, period);
  }

  /** Messages that wait. */
  metricDepth(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.queue.metricApproximateNumberOfMessagesVisible(props);
  }

  /** Age of the oldest message, in seconds. */
  metricAge(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.queue.metricApproximateAgeOfOldestMessage(props);
  }

  /** Dead letters that nobody has received; those in flight are not in it. */
  metricDeadLetters(props?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.deadLetterQueue.metricApproximateNumberOfMessagesVisible(props);
  }

  #watchDependencies({ dependencies, circuitBreakers, ...props }: QueueFunctionProps, delivery: SafeDelivery): void {
    if (dependencies === undefined) return;
    if (circuitBreakers === undefined) {
      throw new UnsafePropsError(
        this,
        `It has dependencies (${Object.keys(dependencies).join(', ')}), but nobody pauses it while one of them is ill: its messages would use up their receives.`,
        'Set `circuitBreakers`.',
      );
    }
    circuitBreakers.grantWake(this);
    circuitBreakers.watch(this, {
      name: this.name,
      health: this.health,
      eventSource: this.eventSource,
      idempotency: props.idempotency,
      dependencies,
      batchSize: delivery.batchSize,
      batchWindow: delivery.batchWindow,
      ...(props.maximumConcurrency !== undefined && { maximumConcurrency: props.maximumConcurrency }),
    });
  }

  #grantDelivery(): void {
    iam.Grant.addToPrincipal({
      grantee: this,
      actions: ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'],
      resourceArns: [this.queue.queueArn],
    });
    iam.Grant.addToPrincipal({
      grantee: this,
      actions: ['sqs:SendMessage'],
      resourceArns: [this.deadLetterQueue.queueArn],
    });
    grantMessageKey(this.encryptionKey, this);
  }
}

function refuseStrictWithoutOrder(scope: Construct, ordering: 'strict' | undefined, ordered: boolean): void {
  if (ordering === undefined || ordered) return;
  throw new UnsafePropsError(
    scope,
    "`ordering` is 'strict', but its queue keeps no order that could be kept strictly.",
    'Make it ordered, or leave `ordering` out.',
  );
}

function refuseHastyObjective(scope: Construct, objective: Duration | undefined): void {
  const milliseconds = objective?.toMilliseconds() ?? 1000;
  if (milliseconds >= 1000 && milliseconds % 1000 === 0) return;
  throw new UnsafePropsError(
    scope,
    `\`latencyObjective\` is ${milliseconds} ms, which the clocks of producer and consumer cannot tell.`,
    'Use whole seconds, a second or more.',
  );
}

function refuseReservedVariables(scope: Construct, environment: Readonly<Record<string, string>>): void {
  const reserved = Object.keys(environment).filter((name) => /^(BATON|POWERTOOLS|AWS)_/.test(name));
  if (reserved.length > 0) {
    throw new UnsafePropsError(
      scope,
      `The environment variables ${reserved.join(', ')} are set by the construct or by Lambda.`,
      'Rename them; BATON_*, POWERTOOLS_* and AWS_* are taken.',
    );
  }
}
