import { fileURLToPath } from 'node:url';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { runtimeMetric } from './alarms/consumer-metrics.ts';
import { Health, type Monitored } from './alarms/health.ts';
import { tableAlarms } from './alarms/table-alarms.ts';
import { everyMinute } from './code/every-minute.ts';
import { handlerFunction } from './code/handler-function.ts';
import { UnsafePropsError } from './errors.ts';
import type { IEventTopic } from './event-topic.ts';
import { kebabCase } from './names.ts';
import type { IOnCall } from './on-call/on-call.ts';
import { outboxLimit, refuseLargerThanOutbox, topicEnvironment } from './routing/payload-limit.ts';
import { installRules } from './rules/rules.ts';
import { grantTableKey } from './security/encryption.ts';

/** What an {@link Outbox} takes. */
export interface OutboxProps {
  /** Where the committed events are published. When it is ordered, each key's events are published in commit order. */
  readonly topic: IEventTopic;

  /** Who hears of its alarms. */
  readonly onCall: IOnCall;

  /** The team that answers for it; part of every alarm's description. */
  readonly owner: string;

  /**
   * What starts the relay. `stream`: the table's stream, within a second of the commit; a sweep every minute fetches what a
   * stream that expired has left behind. `polling`: a function that looks at the table all the time; it takes up to a second
   * after a pause, and costs the same whether anything is committed or not.
   *
   * @default 'stream'
   */
  readonly relay?: 'stream' | 'polling';

  /**
   * The promise: how long after its commit an event is published at the latest, before somebody is paged. 10 seconds or more.
   *
   * @default Duration.minutes(1)
   */
  readonly maxLag?: Duration;

  /**
   * Partitions that the entries are spread over, 1 to 256: about 300 small commits a second each
   * (a partition takes 1,000 write units a second, an entry 2 to write and 1 to delete). Change it only while the
   * outbox is empty: a key may move to another shard, and lower numbers leave shards that nobody relays.
   *
   * @default 8
   */
  readonly shards?: number;

  /**
   * Whether a key's events are kept in commit order whatever the clocks of their producers say. It costs each commit a write
   * for each key. Without it, two events of a key that are committed within the difference of two clocks (milliseconds,
   * on Lambda), and neither because the other was published, may change places. Where each producer commits one event of a
   * key only, there is nothing to keep.
   *
   * @default true when the topic is ordered
   */
  readonly fenced?: boolean;

  /**
   * Its name in metrics and logs. Unique among consumers and outboxes.
   *
   * @default the construct's id in kebab case
   */
  readonly name?: string;

  /**
   * The customer managed key that encrypts table and log.
   *
   * @default that of the topic
   */
  readonly encryptionKey?: kms.IKey;

  /**
   * What happens to table and log when they leave the stack. Unless it is DESTROY, the table is also protected from deletion.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE: events that were committed are published, or kept
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * How long the relay's log is kept.
   *
   * @default logs.RetentionDays.THREE_MONTHS
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * Memory of the relay, in MiB: 128 to 10,240.
   *
   * @default 512
   */
  readonly memorySize?: number;
}

const HANDLERS = {
  stream: fileURLToPath(new URL('../runtime/outbox/stream-handler.ts', import.meta.url)),
  polling: fileURLToPath(new URL('../runtime/outbox/relay-handler.ts', import.meta.url)),
};
const MINUTE = Duration.minutes(1);
/** A polling relay works for 58 seconds; the rest is for a call that is under way at the end. */
const TIMEOUT = Duration.seconds(70);

/**
 * A table into which producers write events in the same transaction as their own data, and a relay that publishes them:
 * at least once, under their own ids, each key's in order. A producer gets {@link environment} and {@link grantPublish}.
 *
 * The alarm pages when an event waits longer than `maxLag`, and when the relay says nothing at all.
 *
 * @throws UnsafePropsError when `shards` or `maxLag` are out of bounds
 */
export class Outbox extends Construct implements Monitored {
  /** Where the committed events are published. */
  readonly topic: IEventTopic;
  readonly table: dynamodb.Table;
  readonly function: lambda.Function;
  /** Events wait, or the relay is silent. A page. */
  readonly alarm: cloudwatch.Alarm;
  /** The promise: how long after its commit an event is published at the latest. */
  readonly maxLag: Duration;
  /** Speaks for the alarms of outbox and table. */
  readonly health: Health;
  readonly encryptionKey: kms.IKey;
  /** Its name in metrics and logs. */
  readonly name: string;
  /** The variables by which a producer's function finds it. */
  readonly environment: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, props: OutboxProps) {
    super(scope, id);
    installRules(this);
    const { topic, relay = 'stream', shards = 8, maxLag = MINUTE } = props;
    refuseOutOfBounds(this, shards, maxLag);
    refuseLargerThanOutbox(this, topic);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
    this.name = props.name ?? kebabCase(id);
    this.maxLag = maxLag;
    this.topic = topic;
    const encryptionKey = props.encryptionKey ?? topic.encryptionKey;
    if (encryptionKey === undefined) {
      throw new UnsafePropsError(this, `Nobody said what key encrypts ${topic.node.path}.`, 'Set `encryptionKey`.');
    }
    this.encryptionKey = encryptionKey;
    this.table = new dynamodb.Table(this, 'Table', {
      partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING },
      sortKey: { name: 'sk', type: dynamodb.AttributeType.STRING },
      timeToLiveAttribute: 'expiration',
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      // The relay reads the entries from the table: the stream only says where there is something.
      ...(relay === 'stream' && { stream: dynamodb.StreamViewType.KEYS_ONLY }),
      encryption: dynamodb.TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: this.encryptionKey,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: removalPolicy !== RemovalPolicy.DESTROY,
      removalPolicy,
    });
    const environment = {
      BATON_OUTBOX_TABLE: this.table.tableName,
      BATON_OUTBOX_SHARDS: String(shards),
      // Order that the topic does not keep is not worth a write.
      BATON_OUTBOX_FENCED: String(props.fenced ?? topic.ordered),
      ...outboxLimit(topic),
    };
    // The relay hands references on, and has nothing to do with what they stand for.
    this.environment = { ...environment, ...topic.claimCheck?.environment };
    this.function = handlerFunction(this, {
      entry: HANDLERS[relay],
      description: `Publishes what is committed to the outbox ${this.node.path}`,
      timeout: TIMEOUT,
      memorySize: props.memorySize ?? 512,
      encryptionKey: this.encryptionKey,
      logRetention: props.logRetention ?? logs.RetentionDays.THREE_MONTHS,
      removalPolicy,
      environment: {
        ...environment,
        ...topicEnvironment(topic),
        POWERTOOLS_SERVICE_NAME: this.name,
      },
    });
    this.#grantTable(this.function, ['BatchWriteItem', 'DeleteItem', 'Query', 'UpdateItem']);
    topic.grantPublish(this.function);
    if (relay === 'stream') this.#listen();
    // Each relay's next start, or the sweep; in either case the lag metric's heartbeat.
    everyMinute(this, this.function, 'the relay');
    this.health = new Health(this, 'Health', { subject: this.name, owner: props.owner, onCall: props.onCall });
    this.alarm = this.#lagAlarm();
    tableAlarms(this.health, this.table);
  }

  /** Lets a producer add entries to its transactions, use the table's key for that, and write to the topic's claim check. */
  grantPublish(grantee: iam.IGrantable): iam.Grant {
    const grant = this.#grantTable(grantee, ['PutItem', 'UpdateItem']);
    const { claimCheck } = this.topic;
    return claimCheck ? grant.combine(claimCheck.grantWrite(grantee)) : grant;
  }

  /** Age of the oldest entry that the relay found, in milliseconds; 0 when there was none. Maximum over a minute unless told otherwise. */
  metricLag(props: cloudwatch.MetricOptions = {}): cloudwatch.Metric {
    return this.#metric('OutboxLag', { statistic: 'Maximum', ...props });
  }

  /** Events that the topic accepted. Sum over a minute unless told otherwise. */
  metricRelayed(props: cloudwatch.MetricOptions = {}): cloudwatch.Metric {
    return this.#metric('Relayed', props);
  }

  /** Attempts to publish that the topic did not accept. Sum over a minute unless told otherwise. */
  metricRelayFailed(props: cloudwatch.MetricOptions = {}): cloudwatch.Metric {
    return this.#metric('RelayFailed', props);
  }

  #metric(metricName: string, props: cloudwatch.MetricOptions): cloudwatch.Metric {
    return runtimeMetric(metricName, { service: this.name }, props);
  }

  #grantTable(grantee: iam.IGrantable, actions: readonly string[]): iam.Grant {
    return iam.Grant.addToPrincipal({
      grantee,
      actions: actions.map((action) => `dynamodb:${action}`),
      resourceArns: [this.table.tableArn],
    }).combine(grantTableKey(this.encryptionKey, grantee));
  }

  #listen(): void {
    const streamArn = this.table.tableStreamArn!;
    const grant = iam.Grant.addToPrincipal({
      grantee: this.function,
      actions: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'],
      resourceArns: [streamArn],
    });
    const source = new lambda.EventSourceMapping(this, 'EventSource', {
      target: this.function,
      eventSourceArn: streamArn,
      startingPosition: lambda.StartingPosition.TRIM_HORIZON,
      batchSize: 100,
      parallelizationFactor: 1,
      // Neither age nor number of attempts is limited: a stream record is dropped for nothing but its retention.
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      filters: [
        lambda.FilterCriteria.filter({
          eventName: lambda.FilterRule.isEqual('INSERT'),
          dynamodb: { Keys: { pk: { S: lambda.FilterRule.beginsWith('shard#') } } },
        }),
      ],
    });
    // Lambda reads the stream as soon as the mapping is there.
    grant.applyBefore(source);
  }

  #lagAlarm(): cloudwatch.Alarm {
    return this.health.add('LagAlarm', 'page', {
      runbook: 'outbox-lag',
      meaning: `Events committed to ${this.name} wait longer than the ${this.maxLag.toHumanString()} it promises, or its relay says nothing.`,
      first:
        'Look whether the relay runs (throttled, failing at start), then in its log for events that the topic refuses.',
      metric: this.metricLag(),
      threshold: this.maxLag.toMilliseconds(),
      datapointsToAlarm: 2,
      evaluationPeriods: 3,
      // The relay writes it every minute, also when the outbox is empty: silence is a dead relay.
      treatMissingData: cloudwatch.TreatMissingData.BREACHING,
    });
  }
}

function refuseOutOfBounds(scope: Construct, shards: number, maxLag: Duration): void {
  if (!Number.isInteger(shards) || shards < 1 || shards > 256) {
    throw new UnsafePropsError(scope, `\`shards\` is ${shards}.`, 'Give a whole number from 1 to 256.');
  }
  if (maxLag.toMilliseconds() < 10_000) {
    throw new UnsafePropsError(
      scope,
      `\`maxLag\` is ${maxLag.toHumanString()}, and a relay that starts cold or waits for its turn would page.`,
      'Give it 10 seconds or more.',
    );
  }
}
