import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { CfnGuardValidator } from '@cdklabs/cdk-validator-cfnguard';
import { App } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, describe, expect, it } from 'vitest';
import cdkJson from '../../cdk.json' with { type: 'json' };
import { addPipeline } from '../../lib/stacks/app.ts';
import { environmentNamed, environmentNames } from '../../lib/stacks/environments.ts';
import { type Resource, type Statement, statements } from '../constructs/fixtures/wiring.ts';

// Every environment in one app, synthesized once: each rule looks at what would be deployed.
const folder = mkdtempSync(path.join(tmpdir(), 'baton-findings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const app = new App({ outdir: folder, context: { ...cdkJson.context, 'aws:cdk:enable-path-metadata': true } });
for (const name of environmentNames) addPipeline(app, environmentNamed(name));
const templates = app.synth().stacks.map(({ stackName, template }) => ({ stackName, template: template as Template }));

interface Template {
  Resources: Record<string, Resource>;
  Outputs?: Record<string, { Value: unknown; Export?: { Name: string } }>;
}

/** A resource with where it is: `Baton-prod-Orders/Billing/Queue`. */
interface Placed extends Resource {
  at: string;
}

const resources: readonly Placed[] = templates.flatMap(({ stackName, template }) =>
  Object.entries(template.Resources).map(([id, resource]) => ({
    ...resource,
    at: String(resource.Metadata?.['aws:cdk:path'] ?? `${stackName}/${id}`).replace(/\/Resource$/, ''),
  })),
);

function ofType(type: RegExp): Placed[] {
  const found = resources.filter((resource) => type.test(resource.Type));
  expect(found.length).toBeGreaterThan(0);
  return found;
}

/** Something that a rule finds and that stays, and why: at least forty characters. */
interface Accepted {
  rule: RegExp;
  /** Where, in the path of the construct. */
  at: RegExp;
  reason: string;
}

/** What is found and not accepted, and what is accepted and not found. */
function judge(found: readonly { rule: string; at: string }[], accepted: readonly Accepted[]) {
  const covers = (one: Accepted, { rule, at }: { rule: string; at: string }) => one.rule.test(rule) && one.at.test(at);
  return {
    open: found.filter((each) => !accepted.some((one) => covers(one, each))).map(({ rule, at }) => `${rule} ${at}`),
    stale: accepted.filter((one) => !found.some((each) => covers(one, each))).map(({ rule, at }) => `${rule} ${at}`),
  };
}

const CLEAN = { open: [], stale: [] };

describe('AwsSolutions', () => {
  /** As if nothing had been acknowledged. */
  class EverythingChecks extends AwsSolutionsChecks {}
  Object.assign(EverythingChecks.prototype, { isAcknowledged: () => false });

  const acknowledged = app.node.findAll().flatMap(({ node }) =>
    node.metadata
      .filter(({ type }) => type.includes('acknowledged'))
      .flatMap(({ data }) => Object.entries(data as Record<string, string>))
      .map(([id, reason]) => ({ rule: id.replace(/^Annotation::/i, ''), at: node.path, reason }))
      .filter(({ rule }) => rule.startsWith('AwsSolutions-')),
  );

  it('has no finding that is not acknowledged beside its construct', () => {
    const { violations } = new AwsSolutionsChecks().validateScope(app);
    const found = violations.map((each) => [each.ruleName, each.violatingResources.map((one) => one.constructPath)]);
    expect(found).toEqual([]);
  });

  it('has no acknowledgement without a reason, and none that acknowledges nothing', () => {
    const { violations } = new EverythingChecks().validateScope(app);
    const found = violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map((one) => `${ruleName} ${one.constructPath}`),
    );
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(acknowledged.filter(({ reason }) => reason.length < 40)).toEqual([]);
    const stale = acknowledged.filter(
      ({ rule, at }) => !found.some((each) => each === `${rule} ${at}` || each.startsWith(`${rule} ${at}/`)),
    );
    expect(stale.map(({ rule, at }) => `${rule} ${at}`)).toEqual([]);
  });
});

/**
 * CT.CLOUDWATCH.PR.1 wants an action of every alarm. Here composites speak for alarms, so that one cause is heard once: the
 * test `every alarm is heard` asks for more, and in a second instead of half a minute.
 */
const ASKED_DIFFERENTLY = ['ct-cloudwatch-pr-1'];

/** What the rules of AWS Control Tower find and what stays. */
const CONTROL_TOWER: Accepted[] = [
  {
    rule: /^CT\.CLOUDWATCH\.PR\.2$/,
    at: /^Baton-(dev|staging)-/,
    reason: 'What happens before production is of no interest after weeks; prod keeps its logs for a year.',
  },
  {
    rule: /^CT\.LAMBDA\.PR\.3$/,
    at: /^Baton-/,
    reason:
      'The functions call AWS and public APIs only. In a VPC of nobody they would reach neither without NAT; who has one puts them there.',
  },
  {
    rule: /^CT\.S3\.PR\.2$/,
    at: /\/ClaimCheck\//,
    reason:
      'Functions read and write it under roles of their own; CloudTrail data events tell who did, and logs of a month of objects nobody reads.',
  },
  {
    rule: /^CT\.S3\.PR\.4$/,
    at: /\/ClaimCheck\//,
    reason:
      'An object is announced by the event that refers to it: a notification of S3 would say the same, to nobody.',
  },
  {
    rule: /^CT\.S3\.PR\.9$/,
    at: /\/ClaimCheck\//,
    reason:
      'Data of events has to be forgotten in time, which a lock would forbid; nobody may delete, and versions are kept for 7 days.',
  },
  {
    rule: /^CT\.SQS\.PR\.1$/,
    at: /\/(Undeliverable|Undelivered)/,
    reason:
      'It is itself the dead-letter queue of SNS subscriptions, which the rule does not know; nothing receives from it but people.',
  },
];

describe('the guard rules of AWS Control Tower', () => {
  const Guard = guard();

  // The package brings cfn-guard for Linux and macOS only.
  it.skipIf(Guard === undefined)(
    'find nothing that is not accepted with a reason (skipped where cfn-guard has no binary)',
    { timeout: 120_000 },
    () => {
      const found = findings(Guard!);
      const numbers = new Set(found.map(({ rule }) => rule));
      for (const rule of numbers) expect(rule).toMatch(/^CT\.[A-Z0-9]+\.PR\.\d+$/);
      expect(judge(found, CONTROL_TOWER)).toEqual(CLEAN);
      for (const { reason } of CONTROL_TOWER) expect(reason.length).toBeGreaterThan(40);
    },
  );

  /** The package brings binaries for Linux and macOS, on x64 and arm64, and throws elsewhere. */
  function guard(): CfnGuardValidator | undefined {
    if (!['linux', 'darwin'].includes(process.platform) || !['x64', 'arm64'].includes(process.arch)) return undefined;
    const load = createRequire(import.meta.url);
    const { CfnGuardValidator: Validator } = load('@cdklabs/cdk-validator-cfnguard');
    return new Validator({
      controlTowerRulesEnabled: true,
      disabledRules: [...ASKED_DIFFERENTLY, ...withoutSubject(load)],
    }) as CfnGuardValidator;
  }

  /** Rules about types of resources that are not there find nothing, and take most of the time. */
  function withoutSubject(load: NodeJS.Require): string[] {
    const root = path.join(path.dirname(load.resolve('@cdklabs/cdk-validator-cfnguard/package.json')), 'rules');
    const types = new Set(resources.map(({ Type }) => Type));
    const rules = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.guard'));
    expect(rules.length).toBeGreaterThan(200);
    return rules
      .filter((file) => {
        const named = readFileSync(path.join(root, file), 'utf8').match(/AWS::\w+::\w+/g) ?? [];
        return !named.some((type) => types.has(type));
      })
      .map((file) => path.parse(file).name);
  }

  function findings(validator: CfnGuardValidator): { rule: string; at: string }[] {
    const paths = new Map(
      templates.map((each) => {
        const file = path.join(folder, `${each.stackName}.resolved.json`);
        writeFileSync(file, JSON.stringify(withoutImports(each.template)));
        return [path.basename(file), each];
      }),
    );
    const templatePaths = [...paths.keys()].map((name) => path.join(folder, name));
    const { violations } = validator.validate({ templatePaths, appConstruct: app });
    return violations.flatMap(({ description, violatingResources }) =>
      violatingResources.map(({ resourceLogicalId, templatePath = '' }) => {
        const { stackName, template } = paths.get(path.basename(templatePath))!;
        const constructPath = template.Resources[resourceLogicalId ?? '']?.Metadata?.['aws:cdk:path'];
        return {
          rule: /CT\.[A-Z0-9]+\.PR\.\d+/.exec(description)?.[0] ?? description,
          at: String(constructPath ?? `${stackName}/${resourceLogicalId}`),
        };
      }),
    );
  }

  /** With imports as CloudFormation resolves them before it asks a hook: the rules take a reference elsewhere for nothing. */
  function withoutImports(template: Template): unknown {
    return JSON.parse(JSON.stringify(template), (_, value) => {
      const imported = (value as { 'Fn::ImportValue'?: unknown } | null)?.['Fn::ImportValue'];
      return typeof imported === 'string' ? `arn:aws:imported:eu-central-1:111111111111:${imported}` : value;
    });
  }
});

describe('what roles may do', () => {
  const granted = resources.flatMap((resource) =>
    documentsOf(resource).flatMap((document) =>
      statements(document)
        .filter(({ Effect }) => Effect === 'Allow')
        .map((statement) => ({ at: resource.at, statement })),
    ),
  );

  /** Where a statement reaches further than one resource, by its action. */
  const WIDE: Accepted[] = [
    {
      rule: /^xray:Put(TraceSegments|TelemetryRecords)$/,
      at: /^Baton-/,
      reason: 'Traces have no resources in IAM: whoever may write them may write all of them.',
    },
    {
      rule: /^cloudwatch:(DescribeAlarms|GetMetricData)$/,
      at: /\/OnCall\/Heartbeat\//,
      reason: 'Reads of alarms and metrics, which IAM cannot limit to some of them; what it sets is one alarm.',
    },
    {
      rule: /^(cloudwatch:(Describe|Get|List)|logs:(DescribeLogGroups|GetQueryResults|StopQuery)$|sqs:ListQueues$)/,
      at: /\/Access\/(Reader|Operator)\//,
      reason: 'Lists, metrics and query results, which IAM cannot limit to some of them; none shows a message.',
    },
    {
      rule: /^(sqs:(?!ListQueues)|logs:(DescribeLogStreams|FilterLogEvents|GetLogEvents|StartQuery)$)/,
      at: /\/Access\/(Reader|Operator)\//,
      reason:
        'Queues and log groups by the names that their stack gives them: a role has no room for hundreds of ARNs.',
    },
    {
      rule: /^s3:(Get|Put)Object$/,
      at: /^Baton-/,
      reason:
        'The objects of one bucket: each event that is too large to travel has one, under a name that follows from its id.',
    },
  ];

  it('has no action with a wildcard', () => {
    expect(granted.length).toBeGreaterThan(20);
    const wild = granted.filter(({ statement }) => statement.Action.some((action) => action.includes('*')));
    expect(wild).toEqual([]);
  });

  it('has no resource with a wildcard that is not explained', () => {
    const wide = granted
      .filter(({ statement }) => JSON.stringify(statement.Resource).includes('*'))
      .flatMap(({ at, statement }) => statement.Action.map((rule) => ({ rule, at })));
    expect(judge(wide, WIDE)).toEqual(CLEAN);
  });
});

describe('what resources let others do', () => {
  it('wildcard actions are those of the account over its key, and those that AWS documents for a service', () => {
    const wild = resources.flatMap((resource) =>
      policiesOf(resource)
        .filter(({ Effect }) => Effect === 'Allow')
        .flatMap(({ Action, Principal }) =>
          Action.filter((action) => action.includes('*')).map((action) => ({ action, Principal, type: resource.Type })),
        ),
    );
    for (const { action, Principal, type } of wild) {
      expect(type).toBe('AWS::KMS::Key');
      const ofAccount = JSON.stringify(Principal).includes(':root');
      // the administrators of the account keep the key; without them nobody could (source: KMS, "Default key policy")
      expect(action).toMatch(ofAccount ? /^kms:\*$/ : /^kms:(GenerateDataKey|ReEncrypt)\*$/);
    }
    expect(wild.length).toBeGreaterThan(0);
  });

  it('every queue and every topic refuses what does not come over TLS', () => {
    const refusing = new Set(
      resources
        .filter(({ Type }) => /^AWS::(SQS::Queue|SNS::Topic)Policy$/.test(Type))
        .filter((policy) =>
          policiesOf(policy).some(
            ({ Effect, Condition, Principal }) =>
              Effect === 'Deny' &&
              JSON.stringify(Principal).includes('"*"') &&
              JSON.stringify(Condition).includes('"aws:SecureTransport":"false"'),
          ),
        )
        .flatMap(({ Properties, at }) =>
          [...(Properties.Queues ?? []), ...(Properties.Topics ?? [])].map(
            (each: { Ref: string }) => `${at.split('/')[0]} ${each.Ref}`,
          ),
        ),
    );
    const all = templates.flatMap(({ stackName, template }) =>
      Object.entries(template.Resources)
        .filter(([, { Type }]) => /^AWS::(SQS::Queue|SNS::Topic)$/.test(Type))
        .map(([id]) => `${stackName} ${id}`),
    );
    expect(all.length).toBeGreaterThan(20);
    expect(all.filter((each) => !refusing.has(each))).toEqual([]);
  });
});

describe('every alarm', () => {
  it('is heard: by an action of its own, or by a composite that names it and is heard', () => {
    const alarms = ofType(/^AWS::CloudWatch::(Composite)?Alarm$/);
    const nameOf = ({ Properties }: Resource) => String(Properties.AlarmName);
    const heard = new Set(alarms.filter(({ Properties }) => Properties.AlarmActions?.length > 0));
    // a composite that is heard is added after those that it names may have been looked at
    for (let before = -1; before < heard.size; ) {
      before = heard.size;
      const rules = [...heard].map(({ Properties }) => JSON.stringify(Properties.AlarmRule ?? ''));
      for (const alarm of alarms) {
        if (rules.some((rule) => rule.includes(`ALARM(\\"${nameOf(alarm)}\\")`))) heard.add(alarm);
      }
    }
    const mute = alarms.filter((alarm) => !heard.has(alarm)).map(({ at }) => at);
    const windows = environmentNames.map((name) => `Baton-${name}-Foundation/OnCall/Maintenance/Alarm`);
    // opened and closed by people, to hold others back
    expect(mute.toSorted()).toEqual(windows.toSorted());
  });
});

describe('what lasts', () => {
  it('every log group is encrypted with a key of ours, and forgets in the end', () => {
    for (const { at, Properties } of ofType(/^AWS::Logs::LogGroup$/)) {
      expect([at, Properties.KmsKeyId, Properties.RetentionInDays]).toEqual([
        at,
        expect.anything(),
        expect.any(Number),
      ]);
    }
  });

  it('every bucket is encrypted with a key of ours, and forgets in the end', () => {
    const buckets = ofType(/^AWS::S3::Bucket$/);
    expect(buckets.length).toBeGreaterThan(0);
    for (const { at, Properties } of buckets) {
      const [rule] = Properties.BucketEncryption?.ServerSideEncryptionConfiguration ?? [];
      const lifetimes = Properties.LifecycleConfiguration?.Rules.map(
        (each: { ExpirationInDays?: number }) => each.ExpirationInDays,
      );
      expect([at, rule?.ServerSideEncryptionByDefault.KMSMasterKeyID, lifetimes]).toEqual([
        at,
        expect.anything(),
        [expect.any(Number)],
      ]);
    }
  });

  it('every function has a log group of its own', () => {
    for (const { at, Properties } of ofType(/^AWS::Lambda::Function$/)) {
      expect([at, Properties.LoggingConfig?.LogGroup]).toEqual([at, expect.anything()]);
    }
  });

  it('every key rotates', () => {
    for (const { at, Properties } of ofType(/^AWS::KMS::Key$/)) {
      expect([at, Properties.EnableKeyRotation]).toEqual([at, true]);
    }
  });

  it('every table is encrypted, and can be restored to any second', () => {
    for (const { at, Properties } of ofType(/^AWS::DynamoDB::(Global)?Table$/)) {
      const { PointInTimeRecoverySpecification: recovery, SSESpecification: encryption } = Properties;
      expect([at, recovery?.PointInTimeRecoveryEnabled, encryption?.SSEType ?? encryption?.SSEEnabled]).toEqual([
        at,
        true,
        expect.anything(),
      ]);
    }
  });

  it('every queue and every topic is encrypted with a key of ours', () => {
    for (const { at, Properties } of ofType(/^AWS::(SQS::Queue|SNS::Topic)$/)) {
      expect([at, Properties.KmsMasterKeyId]).toEqual([at, expect.anything()]);
    }
  });
});

/** The policies of identities. */
function documentsOf({ Type, Properties }: Resource): { Statement: Record<string, unknown>[] }[] {
  if (/^AWS::IAM::(Managed)?Policy$/.test(Type)) return [Properties.PolicyDocument];
  if (Type !== 'AWS::IAM::Role') return [];
  return (Properties.Policies ?? []).map((each: { PolicyDocument: object }) => each.PolicyDocument);
}

/** The statements of a policy that is a resource's own. */
function policiesOf({ Type, Properties }: Resource): Statement[] {
  if (Type.startsWith('AWS::IAM::')) return [];
  const document = Properties?.KeyPolicy ?? Properties?.PolicyDocument ?? Properties?.ResourcePolicy?.PolicyDocument;
  return document ? statements(document) : [];
}
