import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { App, Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import cdkJson from '../../cdk.json' with { type: 'json' };
import { ClaimCheck } from '../../lib/constructs/claim-check.ts';
import {
  AuditTrail,
  CircuitBreakers,
  CommandQueue,
  Consumer,
  Dashboards,
  EventTopic,
  Flow,
  IdempotencyTable,
  OnCall,
  OnCallTarget,
  Outbox,
  SplittingStack,
} from '../../lib/constructs/index.ts';
import { BookSeat, ECHO, SeatBooked, SeatFreed } from './fixtures/wiring.ts';

/** The longest that each service takes, by type and property (source: the API reference of each Create and Put call). */
const LIMITS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'AWS::CloudWatch::Alarm': { AlarmName: 255, AlarmDescription: 1024 },
  'AWS::CloudWatch::CompositeAlarm': { AlarmName: 255, AlarmDescription: 1024 },
  'AWS::CloudWatch::Dashboard': { DashboardName: 255 },
  'AWS::Chatbot::SlackChannelConfiguration': { ConfigurationName: 128 },
  'AWS::DynamoDB::Table': { TableName: 255 },
  'AWS::IAM::ManagedPolicy': { ManagedPolicyName: 128, Description: 1000 },
  'AWS::IAM::Policy': { PolicyName: 128 },
  'AWS::IAM::Role': { RoleName: 64, Description: 1000 },
  'AWS::KMS::Key': { Description: 8192 },
  'AWS::Lambda::Function': { FunctionName: 64, Description: 256 },
  'AWS::Logs::LogGroup': { LogGroupName: 512 },
  'AWS::SNS::Topic': { TopicName: 256, DisplayName: 100 },
  'AWS::SQS::Queue': { QueueName: 80 },
  'AWS::Scheduler::Schedule': { Name: 64, Description: 512 },
};
/** Of a logical id and of the name of an output or an export (source: AWS CloudFormation user guide, quotas). */
const LONGEST_ID = 255;
/** In bytes (source: AWS Lambda developer guide, quotas); what is known at deployment only, such as a table's name, needs the rest. */
const LARGEST_ENVIRONMENT = 4_096 - 1_500;

const placementsDirectory = mkdtempSync(path.join(tmpdir(), 'baton-long-names-'));
afterAll(() => rmSync(placementsDirectory, { recursive: true }));

interface Resource {
  Type: string;
  Properties?: Record<string, unknown>;
}

interface Template {
  Resources: Record<string, Resource>;
  Outputs?: Record<string, { Export?: { Name: unknown } }>;
}

/** 100 characters, told apart by their end alone. */
function long(end: string): string {
  return 'TheGrandOldTheatreOnTheHarbour'.repeat(4).slice(0, 100 - end.length) + end;
}

/**
 * One of everything, under names that are as long as people make them, in stacks with the longest name there is.
 *
 * @param depth how many constructs with such names are around it
 */
function theatre(depth: number): Template[] {
  const app = new App({ context: cdkJson.context });
  const stack = new SplittingStack(app, 'Theatre', {
    // 128 is the most, `-2` and `-Boards-2` included
    stackName: 'Baton-prod-Theatre-'.repeat(7).slice(0, 120),
    placementsDirectory,
  });
  let scope: Construct = stack;
  for (let n = 0; n < depth; n++) scope = new Construct(scope, long(`Wing${n}`));
  const owner = 'box-office';
  const onCall = new OnCall(scope, long('OnCall'), {
    page: [
      'page@theatre.test',
      OnCallTarget.slack({ workspaceId: 'T012ABCDEFG', channelId: 'C012ABCDEFG' }),
      OnCallTarget.https({ parameter: '/theatre/pager' }),
    ],
    ticket: ['ticket@theatre.test'],
    escalate: ['lead@theatre.test'],
  });
  const events = [SeatBooked, SeatFreed];
  const claimCheck = new ClaimCheck(scope, long('Data'));
  const topic = new EventTopic(scope, long('Topic'), { events, ordered: true, claimCheck, onCall, owner });
  const idempotency = new IdempotencyTable(scope, long('Table'), { onCall, owner });
  new AuditTrail(scope, long('Audit'));
  const shared = { entry: ECHO, maxAge: Duration.minutes(5), owner, idempotency, onCall };
  const outbox = new Outbox(scope, long('Outbox'), { topic, onCall, owner });
  const circuitBreakers = new CircuitBreakers(scope, long('Circuits'), shared);
  const parts = [
    new CommandQueue(scope, long('Command'), { ...shared, command: BookSeat, outbox }),
    // told apart by their ends alone, which is what is cut
    new Consumer(scope, long('ConsumerOne'), { ...shared, topic, events }),
    new Consumer(scope, long('ConsumerTwo'), {
      ...shared,
      topic,
      events,
      ordered: false,
      circuitBreakers,
      dependencies: { ['d'.repeat(64)]: { alarm: 'page' } },
    }),
  ];
  const flow = new Flow(scope, long('Flow'), {
    name: 'f'.repeat(100),
    parts: [...parts, outbox, circuitBreakers, topic, idempotency],
    owner,
    onCall,
    objectives: { success: 99.9, latency: 99, delivery: 99.99 },
  });
  new Dashboards(scope, long('Boards'), { flows: [flow], onCall });
  return app.synth().stacks.map(({ template }) => template as Template);
}

describe.each([0, 2])('names of 100 characters, %d levels down', (depth) => {
  let templates: Template[];
  let resources: [logicalId: string, resource: Resource][];

  beforeAll(() => {
    templates = theatre(depth);
    resources = templates.flatMap(({ Resources }) => Object.entries(Resources));
  });

  it.each(Object.entries(LIMITS))('fit: %s', (type, limits) => {
    const found = resources.filter(([, { Type }]) => Type === type);
    expect(found.length).toBeGreaterThan(0);
    const tooLong = found.flatMap(([id, { Properties = {} }]) =>
      Object.entries(limits)
        .filter(([property, limit]) => lengthOf(Properties[property]) > limit)
        .map(([property]) => ({ id, property, length: lengthOf(Properties[property]) })),
    );
    expect(tooLong).toEqual([]);
  });

  it('fit as logical ids and as exports', () => {
    const exports = templates.flatMap(({ Outputs = {} }) => Object.values(Outputs).map(({ Export }) => Export?.Name));
    const all = [...resources.map(([id]) => id), ...exports.filter((name) => typeof name === 'string')];
    expect(all.filter((id) => id.length > LONGEST_ID)).toEqual([]);
  });

  it('stay apart: no two resources of a type are called the same', () => {
    for (const [type, limits] of Object.entries(LIMITS)) {
      const property = Object.keys(limits).find((name) => name.endsWith('Name'));
      if (property === undefined) continue;
      const names = resources.flatMap(([, { Type, Properties = {} }]) =>
        Type === type && typeof Properties[property] === 'string' ? [Properties[property]] : [],
      );
      expect(new Set(names).size, `${type}: ${names.join(', ')}`).toBe(names.length);
    }
  });

  it('say whose a queue is, and which of them are FIFO queues', () => {
    const queues = resources.flatMap(([, { Type, Properties = {} }]) =>
      Type === 'AWS::SQS::Queue' ? [Properties] : [],
    );
    for (const { QueueName: name, FifoQueue: fifo = false } of queues) {
      expect(name).toMatch(/^Baton-prod-Theatre-/);
      expect(String(name).endsWith('.fifo')).toBe(fifo);
    }
  });

  it('leave the environment of every function room in the 4 KB that Lambda takes', () => {
    const functions = resources.filter(([, { Type }]) => Type === 'AWS::Lambda::Function');
    for (const [id, { Properties = {} }] of functions) {
      const { Variables = {} } = (Properties.Environment ?? {}) as { Variables?: Record<string, unknown> };
      const bytes = Object.entries(Variables).reduce((sum, [name, value]) => sum + name.length + lengthOf(value), 0);
      expect(bytes, id).toBeLessThan(LARGEST_ENVIRONMENT);
    }
  });
});

/** Of a text; references in it count for nothing. */
function lengthOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  const join = (value as { 'Fn::Join'?: [string, unknown[]] } | undefined)?.['Fn::Join'];
  return join ? join[1].reduce((sum: number, part) => sum + lengthOf(part), 0) : 0;
}
