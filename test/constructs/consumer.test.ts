import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { Consumer, IdempotencyTable, UnsafePropsError } from '../../lib/constructs/index.ts';
import {
  BookSeat,
  ECHO,
  logicalIdAt,
  resourceAt,
  SeatBooked,
  SeatBookedV2,
  SeatFreed,
  statements,
  wiring,
} from './fixtures/wiring.ts';

const DAY = 86_400;

describe('a consumer', () => {
  const { consumer, topic, template } = wiring();
  const plain = consumer({ publishes: topic, environment: { STAGE: 'main' } });
  const synthesized = template();
  const queue = resourceAt(synthesized, 'SeatPlan/Queue');
  const deadLetters = resourceAt(synthesized, 'SeatPlan/DeadLetters');
  const fn = resourceAt(synthesized, 'SeatPlan/Function');
  const roleStatements = statements(resourceAt(synthesized, 'SeatPlan/Role/DefaultPolicy').Properties.PolicyDocument);
  const arnOf = (path: string) => ({ 'Fn::GetAtt': [logicalIdAt(synthesized, path), 'Arn'] });

  it('hides a message for six times the timeout, and keeps it for 4 days', () => {
    expect(fn.Properties.Timeout).toBe(30);
    expect(queue.Properties.VisibilityTimeout).toBe(180);
    expect(queue.Properties.MessageRetentionPeriod).toBe(4 * DAY);
  });

  it('lets SQS dead-letter only after the runtime has', () => {
    expect(fn.Properties.Environment.Variables.BATON_MAX_ATTEMPTS).toBe('5');
    expect(queue.Properties.RedrivePolicy).toEqual({
      deadLetterTargetArn: arnOf('SeatPlan/DeadLetters'),
      maxReceiveCount: 13,
    });
  });

  it('keeps dead letters for 14 days, of its own queue only', () => {
    expect(deadLetters.Properties.MessageRetentionPeriod).toBe(14 * DAY);
    expect(deadLetters.Properties.RedriveAllowPolicy.redrivePermission).toBe('byQueue');
    const [source] = deadLetters.Properties.RedriveAllowPolicy.sourceQueueArns;
    expect(JSON.stringify(source)).toMatch(/:Theatre-SeatPlan"/);
    expect(queue.Properties.QueueName).toBe('Theatre-SeatPlan');
  });

  it.each(['Queue', 'DeadLetters', 'Undeliverable'])(
    'encrypts %s with the key of the topic, and takes TLS only',
    (id) => {
      expect(resourceAt(synthesized, `SeatPlan/${id}`).Properties.KmsMasterKeyId).toEqual(arnOf('Seats/Key'));
      const policy = statements(resourceAt(synthesized, `SeatPlan/${id}/Policy`).Properties.PolicyDocument);
      expect(policy).toContainEqual({
        Effect: 'Deny',
        Action: ['sqs:*'],
        Principal: { AWS: '*' },
        Resource: [arnOf(`SeatPlan/${id}`)],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      });
    },
  );

  it.each(['Queue', 'Undeliverable'])('admits to %s its own topic, and nothing else', (id) => {
    const allowed = statements(resourceAt(synthesized, `SeatPlan/${id}/Policy`).Properties.PolicyDocument).filter(
      ({ Effect }) => Effect === 'Allow',
    );
    expect(allowed).toHaveLength(1);
    expect(allowed[0]).toMatchObject({
      Action: ['sqs:SendMessage'],
      Principal: { Service: 'sns.amazonaws.com' },
      Condition: { ArnEquals: { 'aws:SourceArn': { Ref: logicalIdAt(synthesized, 'Seats/Topic') } } },
    });
  });

  it('lets SNS use the key, for topics of this account and region', () => {
    const policy = statements(resourceAt(synthesized, 'Seats/Key').Properties.KeyPolicy);
    const sns = policy.find(({ Sid }) => Sid === 'SnsDelivers');
    expect(sns).toMatchObject({
      Principal: { Service: 'sns.amazonaws.com' },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
    });
    expect(JSON.stringify(sns?.Condition)).toContain('AWS::AccountId');
  });

  it('subscribes raw, by event type, with a last resort of its own', () => {
    const { Properties } = resourceAt(synthesized, 'SeatPlan/Subscription');
    expect(Properties).toMatchObject({
      Protocol: 'sqs',
      RawMessageDelivery: true,
      FilterPolicy: { type: ['seat.booked'] },
      RedrivePolicy: { deadLetterTargetArn: arnOf('SeatPlan/Undeliverable') },
    });
    expect(Properties.FilterPolicyScope).toBeUndefined();
  });

  it('returns failed records one by one, in batches of 10', () => {
    expect(resourceAt(synthesized, 'SeatPlan/EventSource').Properties).toMatchObject({
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      EventSourceArn: arnOf('SeatPlan/Queue'),
    });
  });

  it('tells the runtime all it needs', () => {
    expect(fn.Properties.Environment.Variables).toEqual({
      STAGE: 'main',
      NODE_OPTIONS: '--enable-source-maps',
      BATON_CONSUMER: 'seat-plan',
      BATON_QUEUE_URL: { Ref: logicalIdAt(synthesized, 'SeatPlan/Queue') },
      BATON_DLQ_URL: { Ref: logicalIdAt(synthesized, 'SeatPlan/DeadLetters') },
      BATON_IDEMPOTENCY_TABLE: { Ref: logicalIdAt(synthesized, 'Idempotency/Table') },
      BATON_IDEMPOTENCY_TTL_SECONDS: String(30 * DAY),
      BATON_MAX_ATTEMPTS: '5',
      BATON_MAX_RECEIVES: '13',
      BATON_RETENTION_SECONDS: String(4 * DAY),
      BATON_VISIBILITY_SECONDS: '180',
      BATON_LATE_AFTER_SECONDS: '300',
      BATON_TOPIC_ARN: { Ref: logicalIdAt(synthesized, 'Seats/Topic') },
      POWERTOOLS_SERVICE_NAME: 'seat-plan',
      POWERTOOLS_METRICS_NAMESPACE: 'Baton',
    });
  });

  it('runs on Node 24 and arm64, and logs encrypted for a limited time', () => {
    expect(fn.Properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'handler.handler',
      TracingConfig: { Mode: 'Active' },
      LoggingConfig: { LogGroup: { Ref: logicalIdAt(synthesized, 'SeatPlan/Logs') } },
    });
    expect(resourceAt(synthesized, 'SeatPlan/Logs').Properties).toMatchObject({
      RetentionInDays: 90,
      KmsKeyId: arnOf('Seats/Key'),
    });
  });

  it('may do what it has to, by name', () => {
    const on = (path: string) =>
      roleStatements.filter((each) => JSON.stringify(each.Resource).includes(logicalIdAt(synthesized, path)));
    expect(on('SeatPlan/DeadLetters').flatMap((each) => each.Action)).toEqual(['sqs:SendMessage']);
    expect(on('SeatPlan/Queue').flatMap((each) => each.Action)).toEqual([
      'sqs:ChangeMessageVisibility',
      'sqs:DeleteMessage',
      'sqs:GetQueueAttributes',
      'sqs:ReceiveMessage',
    ]);
    expect(on('Seats/Topic').flatMap((each) => each.Action)).toEqual(['sns:Publish']);
    const wildcards = roleStatements.filter((each) => JSON.stringify([each.Action, each.Resource]).includes('*'));
    expect(wildcards.map((each) => each.Action)).toEqual([['xray:PutTelemetryRecords', 'xray:PutTraceSegments']]);
    expect(resourceAt(synthesized, 'SeatPlan/Role').Properties.ManagedPolicyArns).toBeUndefined();
  });

  it('keeps its queues when they leave the stack', () => {
    expect([queue.DeletionPolicy, deadLetters.DeletionPolicy]).toEqual([
      'RetainExceptOnCreate',
      'RetainExceptOnCreate',
    ]);
  });

  it('names its metrics after itself', () => {
    expect(plain.metric('Duplicates')).toMatchObject({
      namespace: 'Baton',
      metricName: 'Duplicates',
      dimensions: { service: 'seat-plan' },
    });
    expect(plain.metricAge().metricName).toBe('ApproximateAgeOfOldestMessage');
    expect(plain.metricDepth().metricName).toBe('ApproximateNumberOfMessagesVisible');
    expect(plain.metricDeadLetters().dimensions).toEqual({ QueueName: plain.deadLetterQueue.queueName });
  });
});

describe('a consumer that publishes nothing', () => {
  it('is told no topic, and may publish to none', () => {
    const { consumer, template } = wiring();
    consumer();
    const synthesized = template();
    expect(resourceAt(synthesized, 'SeatPlan/Function').Properties.Environment.Variables).not.toHaveProperty(
      'BATON_TOPIC_ARN',
    );
    expect(JSON.stringify(resourceAt(synthesized, 'SeatPlan/Role/DefaultPolicy'))).not.toContain('sns:Publish');
  });
});

describe('a consumer with props of its own', () => {
  it('derives visibility and receive count from them', () => {
    const { consumer, template } = wiring();
    consumer({
      timeout: Duration.seconds(60),
      batchWindow: Duration.seconds(5),
      batchSize: 100,
      maximumConcurrency: 2,
      maxAttempts: 8,
      backoff: { base: Duration.seconds(3), cap: Duration.minutes(2) },
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const synthesized = template();
    expect(resourceAt(synthesized, 'SeatPlan/Queue')).toMatchObject({
      DeletionPolicy: 'Delete',
      Properties: { VisibilityTimeout: 365, RedrivePolicy: { maxReceiveCount: 19 } },
    });
    expect(resourceAt(synthesized, 'SeatPlan/EventSource').Properties).toMatchObject({
      BatchSize: 100,
      MaximumBatchingWindowInSeconds: 5,
      ScalingConfig: { MaximumConcurrency: 2 },
    });
    expect(resourceAt(synthesized, 'SeatPlan/Function').Properties.Environment.Variables).toMatchObject({
      BATON_MAX_ATTEMPTS: '8',
      BATON_BACKOFF_BASE_SECONDS: '3',
      BATON_BACKOFF_CAP_SECONDS: '120',
    });
  });

  it('filters on all its event types, each once', () => {
    const { consumer, template } = wiring({ events: [SeatBooked, SeatBookedV2, SeatFreed] });
    consumer({ events: [SeatBooked, SeatBookedV2, SeatFreed] });
    expect(resourceAt(template(), 'SeatPlan/Subscription').Properties.FilterPolicy).toEqual({
      type: ['seat.booked', 'seat.freed'],
    });
  });
});

describe('an ordered consumer', () => {
  const { consumer, template } = wiring({ ordered: true });
  consumer();
  consumer({ ordered: false }, 'Posters');
  const synthesized = template();

  it.each(['SeatPlan/Queue', 'SeatPlan/DeadLetters', 'SeatPlan/Undeliverable'])(
    'has %s as a FIFO queue whose keys do not wait for each other',
    (path) => {
      const { Properties } = resourceAt(synthesized, path);
      expect(Properties).toMatchObject({
        FifoQueue: true,
        FifoThroughputLimit: 'perMessageGroupId',
        DeduplicationScope: 'messageGroup',
      });
      expect(Properties.QueueName).toMatch(/\.fifo$/);
    },
  );

  it('outlasts the failures of what is before it in its group', () => {
    expect(resourceAt(synthesized, 'SeatPlan/Queue').Properties.RedrivePolicy.maxReceiveCount).toBe(53);
  });

  it('may be unordered on the same topic, with a last resort that a FIFO topic takes', () => {
    expect(resourceAt(synthesized, 'Posters/Queue').Properties.FifoQueue).toBeUndefined();
    expect(resourceAt(synthesized, 'Posters/DeadLetters').Properties.FifoQueue).toBeUndefined();
    expect(resourceAt(synthesized, 'Posters/Undeliverable').Properties.FifoQueue).toBe(true);
  });
});

describe('a consumer refuses, with its path and the remedy,', () => {
  it.each([
    ['a visibility timeout that is too short', { visibilityTimeout: Duration.seconds(60) }, /60 s.*at least 180 s/],
    ['a visibility timeout over 12 hours', { visibilityTimeout: Duration.hours(13) }, /at most 12 hours/],
    ['strict order without order', { ordering: 'strict' }, /keeps no order that could be kept strictly/],
    ['a receive count below 5', { maxReceiveCount: 4, maxAttempts: 2 }, /5 to 1,000/],
    ['a receive count that ends before the attempts do', { maxReceiveCount: 5, maxAttempts: 5 }, /at least 6/],
    ['no attempts', { maxAttempts: 0 }, /1 or more/],
    ['a retention as long as that of its dead letters', { retention: Duration.days(14) }, /less than 14 days/],
    ['a promise that CloudWatch cannot see', { maxAge: Duration.seconds(30) }, /a minute or more/i],
    ['an objective that no clock can tell', { latencyObjective: Duration.millis(10) }, /10 ms.*a second or more/],
    [
      'a promise that the window breaks',
      { maxAge: Duration.minutes(1), batchWindow: Duration.minutes(5) },
      /60 s.*gather messages for 300 s.*Shorten `batchWindow`/,
    ],
    ['a promise longer than the retention', { maxAge: Duration.days(5) }, /less than `retention`/],
    ['a timeout that Lambda has not', { timeout: Duration.minutes(16) }, /1 second to 15 minutes/],
    ['a window that Lambda has not', { batchWindow: Duration.minutes(6) }, /at most 300 seconds/],
    ['a large batch without a window', { batchSize: 11 }, /give a `batchWindow`/],
    ['a concurrency of 1', { maximumConcurrency: 1 }, /2 to 1,000/],
    ['no events', { events: [] }, /at least one/],
    [
      'an event that the topic does not carry',
      { events: [SeatBookedV2] },
      /'seat.booked' version 2, which Theatre\/Seats does not carry/,
    ],
    ['a command', { events: [BookSeat] }, /'seat.book' version 1, which Theatre\/Seats does not carry/],
    ['order on an unordered topic', { ordered: true }, /Make the topic ordered/],
    [
      'variables that are taken',
      { environment: { BATON_QUEUE_URL: 'x', AWS_REGION: 'y' } },
      /BATON_QUEUE_URL, AWS_REGION/,
    ],
  ] as const)('%s', (_, props, message) => {
    const build = () => wiring().consumer(props);
    expect(build).toThrow(UnsafePropsError);
    expect(build).toThrow(/^Theatre\/SeatPlan: /);
    expect(build).toThrow(message);
  });

  it('a window on an ordered queue', () => {
    expect(() => wiring({ ordered: true }).consumer({ batchWindow: Duration.seconds(1) })).toThrow(
      /FIFO queue has none/,
    );
  });

  it('a name that another consumer has', () => {
    const { consumer } = wiring();
    consumer();
    expect(() => consumer({ name: 'seat-plan' }, 'Other')).toThrow(
      /^Theatre\/Other: The name 'seat-plan' is taken by Theatre\/SeatPlan/,
    );
  });

  it('records that are forgotten before its messages are', () => {
    const { consumer, stack } = wiring();
    const idempotency = new IdempotencyTable(stack, 'Short', { ttl: Duration.days(18) });
    expect(() => consumer({ idempotency })).toThrow(/live 18 days.*Raise `ttl` of Theatre\/Short above 18 days/);
  });
});

describe('a consumer in another stack than its topic and key', () => {
  it('leaves the other stack independent of its own', () => {
    const { app, topic, idempotency, onCall, stack } = wiring();
    const other = new Stack(app, 'Foyer');
    new Consumer(other, 'Posters', {
      topic,
      events: [SeatBooked],
      entry: ECHO,
      maxAge: Duration.minutes(5),
      owner: 'box-office',
      idempotency,
      onCall,
    });
    expect(Template.fromStack(other).findResources('AWS::SQS::Queue')).not.toEqual({});
    expect(other.dependencies).toEqual([stack]);
    expect(stack.dependencies).toEqual([]);
  });
});

describe('logical ids', () => {
  it('depend on the path alone, not on what else is there or in what order', () => {
    const idsOf = (build: (add: ReturnType<typeof wiring>) => void) => {
      const added = wiring();
      build(added);
      return Object.keys(added.template().toJSON().Resources).filter((id) => id.startsWith('SeatPlan'));
    };
    const alone = idsOf(({ consumer }) => consumer());
    const among = idsOf(({ consumer }) => {
      consumer({}, 'Posters');
      consumer({ events: [SeatFreed, SeatBooked] });
      consumer({}, 'Tickets');
    });
    expect(among.toSorted()).toEqual(alone.toSorted());
    expect(alone.length).toBeGreaterThan(12);
  });
});
