import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { App, Duration } from 'aws-cdk-lib';
import { afterAll, describe, expect, it } from 'vitest';
import cdkJson from '../../cdk.json' with { type: 'json' };
import { ClaimCheck } from '../../lib/constructs/claim-check.ts';
import {
  CircuitBreakers,
  CommandQueue,
  Consumer,
  type ConsumerProps,
  EventTopic,
  IdempotencyTable,
  OnCall,
  Outbox,
} from '../../lib/constructs/index.ts';
import { SplittingStack } from '../../lib/constructs/splitting-stack.ts';
import { addPipeline } from '../../lib/stacks/app.ts';
import { environmentNamed } from '../../lib/stacks/environments.ts';
import { BookSeat, ECHO, SeatBooked, SeatFreed } from './fixtures/wiring.ts';

/** What holds something that a replacement would lose. */
const STATEFUL: Readonly<Record<string, string>> = {
  'AWS::DynamoDB::GlobalTable': 'TableName',
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::KMS::Key': '',
  'AWS::Logs::LogGroup': 'LogGroupName',
  'AWS::S3::Bucket': 'BucketName',
  'AWS::SNS::Topic': 'TopicName',
  'AWS::SQS::Queue': 'QueueName',
  'AWS::SecretsManager::Secret': 'Name',
};

/** Type and physical name by stack and logical id. */
type Inventory = Record<string, Record<string, string>>;

const UPDATE = 'BATON_RECORD_LOGICAL_IDS';
const HOW_TO_RECORD = `If that is meant: ${UPDATE}=1 npx vitest run test/constructs/logical-ids.test.ts, and say in the changelog what has to be drained or moved before the deployment.`;

const placementsDirectory = mkdtempSync(path.join(tmpdir(), 'baton-logical-ids-'));
afterAll(() => rmSync(placementsDirectory, { recursive: true }));

function newApp(): App {
  return new App({ context: cdkJson.context });
}

function inventory(app: App): Inventory {
  return Object.fromEntries(
    app.synth().stacks.map(({ stackName, template }) => {
      const resources = template.Resources as Record<string, { Type: string; Properties?: Record<string, unknown> }>;
      const stateful = Object.entries(resources).filter(([, { Type }]) => STATEFUL[Type] !== undefined);
      const described = stateful.map(([logicalId, { Type, Properties = {} }]) => {
        const name = Properties[STATEFUL[Type]!];
        return [
          logicalId,
          [Type, ...(name === undefined ? [] : [JSON.stringify(name).replace(/^"|"$/g, '')])].join(' '),
        ];
      });
      return [stackName, Object.fromEntries(described.toSorted(([a], [b]) => (a! < b! ? -1 : 1)))];
    }),
  );
}

/** What differs from the record, a line each, with what it means. */
function differences(recorded: Inventory, found: Inventory): string[] {
  const lines: string[] = [];
  for (const stack of new Set([...Object.keys(recorded), ...Object.keys(found)])) {
    const [before, after] = [recorded[stack] ?? {}, found[stack] ?? {}];
    for (const id of new Set([...Object.keys(before), ...Object.keys(after)])) {
      if (before[id] === after[id]) continue;
      const what = `${stack}: ${id} (${before[id] ?? after[id]})`;
      if (after[id] === undefined) lines.push(`${what} is gone: CloudFormation would take it out, with what is in it.`);
      else if (before[id] === undefined) lines.push(`${what} is new, and not in the record yet.`);
      else lines.push(`${what} is now ${after[id]}: CloudFormation would replace it, and leave what is in it behind.`);
    }
  }
  return lines;
}

function hold(name: string, found: Inventory): void {
  const file = path.join(import.meta.dirname, 'recorded', `${name}.json`);
  if (process.env[UPDATE] === '1') {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`);
    return;
  }
  const recorded = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Inventory) : {};
  const lines = differences(recorded, found);
  expect(lines, [`${file} does not fit any more.`, ...lines, HOW_TO_RECORD].join('\n')).toEqual([]);
}

/** One of everything, in the simplest form. */
function theatre(
  consumerProps: Partial<ConsumerProps> = {},
  { owner = 'box-office', runbooks = 'docs/runbooks', extra = false } = {},
): App {
  const app = newApp();
  const stack = new SplittingStack(app, 'Theatre', { placementsDirectory });
  const claimCheck = new ClaimCheck(stack, 'ClaimCheck');
  const topic = new EventTopic(stack, 'Seats', { events: [SeatBooked, SeatFreed], ordered: true, claimCheck });
  const idempotency = new IdempotencyTable(stack, 'Idempotency');
  const onCall = new OnCall(stack, 'OnCall', { runbooks });
  const shared = { entry: ECHO, maxAge: Duration.minutes(5), owner, idempotency, onCall };
  if (extra) new Consumer(stack, 'BeforeAll', { ...shared, topic, events: [SeatFreed] });
  const outbox = new Outbox(stack, 'Outbox', { topic, onCall, owner });
  const circuitBreakers = new CircuitBreakers(stack, 'CircuitBreakers', shared);
  new CommandQueue(stack, 'BookSeat', { ...shared, command: BookSeat, outbox });
  new Consumer(stack, 'SeatPlan', { ...shared, topic, events: [SeatBooked], ...consumerProps });
  new Consumer(stack, 'Mails', {
    ...shared,
    topic,
    events: [SeatBooked, SeatFreed],
    ordered: false,
    circuitBreakers,
    dependencies: { mail: {} },
  });
  return app;
}

describe('the logical ids and names of what holds data', () => {
  it('are those of the record: the reference pipeline in prod', () => {
    const app = newApp();
    addPipeline(app, environmentNamed('prod'));
    hold('reference-pipeline', inventory(app));
  });

  it('are those of the record: one of every construct', () => {
    hold('every-construct', inventory(theatre()));
  });

  it('are compared so that nothing is replaced, gone or forgotten unseen', () => {
    const before = { Shop: { Queue1: 'AWS::SQS::Queue Shop-A', Queue2: 'AWS::SQS::Queue Shop-B' } };
    const after = { Shop: { Queue1: 'AWS::SQS::Queue Shop-C', Queue3: 'AWS::SQS::Queue Shop-B' } };
    expect(differences(before, after)).toEqual([
      'Shop: Queue1 (AWS::SQS::Queue Shop-A) is now AWS::SQS::Queue Shop-C: CloudFormation would replace it, and leave what is in it behind.',
      'Shop: Queue2 (AWS::SQS::Queue Shop-B) is gone: CloudFormation would take it out, with what is in it.',
      'Shop: Queue3 (AWS::SQS::Queue Shop-B) is new, and not in the record yet.',
    ]);
    expect(differences(before, before)).toEqual([]);
  });
});

describe('no queue, table, topic, key or log is replaced', () => {
  const before = inventory(theatre());

  it.each<[what: string, props: Partial<ConsumerProps>]>([
    ['the handler file', { entry: 'functions/analytics/handler.ts' }],
    ['the owner', { owner: 'somebody-else' }],
    ['the timeout, and the visibility with it', { timeout: Duration.minutes(3) }],
    ['the events', { events: [SeatFreed] }],
    ['the promise', { maxAge: Duration.minutes(30) }],
    ['the retention and the attempts', { retention: Duration.days(2), maxAttempts: 8 }],
    ['the batches', { batchSize: 5, maximumConcurrency: 20 }],
    ['the name in metrics', { name: 'seating' }],
    ['the memory and the environment', { memorySize: 1024, environment: { A: 'b' } }],
  ])('when this changes: %s', (_, props) => {
    expect(inventory(theatre(props))).toEqual(before);
  });

  it('when the team, the runbooks or the other consumers change', () => {
    expect(inventory(theatre({}, { owner: 'theatre', runbooks: 'https://wiki.example/runbooks' }))).toEqual(before);
    expect(inventory(theatre({}, { extra: true }))).toMatchObject(before);
  });
});
