import { functionNameOf } from '../function-name.ts';
import { isRecord } from '../intrinsics.ts';
import type { ScheduleResource, ScheduleTarget } from '../resources.ts';
import { parseScheduleExpression } from '../schedules/schedule-expression.ts';
import { NAME_LIMITS, physicalName } from './physical-name.ts';
import {
  attributes,
  type Declared,
  type Deployment,
  originOf,
  ProvisionError,
  type ResourceType,
  recordsOf,
  requiredText,
  textOf,
} from './resource-type.ts';

/** What a target does when its template does not say (AWS::Scheduler::Schedule, AWS::Events::Rule). */
const RETRIES = { attempts: 185, ageSeconds: 86_400 };

/** Properties of a target that take effect, or are met by everything here. */
const TARGET_HONOURED = ['Arn', 'Id', 'Input', 'RetryPolicy', 'SqsParameters'];
const TARGET_NOT_HONOURED: Record<string, string> = {
  RoleArn: 'permissions are not enforced on the laptop',
  DeadLetterConfig: 'what could not be delivered goes nowhere here, and is reported',
  InputTransformer: 'inputs are not transformed here; the target gets the whole event',
  InputPath: 'no part is taken out of an event here; the target gets the whole',
};

/** AWS::Scheduler::Schedule, of functions and queues. */
export const schedule: ResourceType = {
  honoured: [
    'Name',
    'Description',
    'GroupName',
    'ScheduleExpression',
    'ScheduleExpressionTimezone',
    'StartDate',
    'EndDate',
    'State',
    'FlexibleTimeWindow',
    'Target',
  ],
  notHonoured: { KmsKeyArn: 'nothing is encrypted on the laptop' },
  provision(declared, deployment) {
    const { engines } = deployment;
    const name = nameOf(declared);
    const group = textOf(declared, 'GroupName') ?? 'default';
    const arn = `arn:aws:scheduler:${engines.region}:${engines.accountId}:schedule/${group}/${name}`;
    const { FlexibleTimeWindow: window, Target: target } = declared.properties;
    if (isRecord(window) && window.Mode === 'FLEXIBLE') {
      deployment.notEmulated(declared, 'schedules fire when they are due here', 'FlexibleTimeWindow');
    }
    add(declared, deployment, {
      kind: 'schedule',
      ...originOf(declared),
      name,
      arn,
      expression: requiredText(declared, 'ScheduleExpression'),
      timezone: textOf(declared, 'ScheduleExpressionTimezone') ?? 'UTC',
      ...momentOf(declared, 'StartDate', 'startAt'),
      ...momentOf(declared, 'EndDate', 'endAt'),
      enabled: textOf(declared, 'State') !== 'DISABLED',
      targets: targetsOf(declared, 'Target', isRecord(target) ? [target] : [], deployment),
    });
    return { ref: name, getAtt: attributes({ Arn: arn }) };
  },
};

/** AWS::Events::Rule with a schedule. */
export const rule: ResourceType = {
  honoured: ['Name', 'Description', 'ScheduleExpression', 'State', 'Targets', 'EventBusName', 'EventPattern'],
  notHonoured: {
    RoleArn: 'permissions are not enforced on the laptop',
    Tags: 'rules have no tags here',
  },
  provision(declared, deployment) {
    const { engines } = deployment;
    const name = nameOf(declared);
    const arn = `arn:aws:events:${engines.region}:${engines.accountId}:rule/${name}`;
    const expression = textOf(declared, 'ScheduleExpression');
    if (expression === undefined) {
      deployment.notEmulated(declared, 'there is no event bus here: only rules with a schedule fire');
    } else {
      add(declared, deployment, {
        kind: 'rule',
        ...originOf(declared),
        name,
        arn,
        expression,
        timezone: 'UTC',
        enabled: textOf(declared, 'State') !== 'DISABLED',
        targets: targetsOf(declared, 'Targets', recordsOf(declared, 'Targets'), deployment),
      });
    }
    return { ref: name, getAtt: attributes({ Arn: arn }) };
  },
};

/** Takes out the schedules that lead nowhere: none of their functions and queues is in the templates. */
export function dropLooseSchedules({ resources, notEmulated }: Deployment): void {
  const functions = new Set(resources.functions.map(({ name }) => name));
  const queues = new Set(resources.queues.map(({ name }) => name));
  resources.schedules = resources.schedules.filter((one) => {
    const { stack, logicalId, path, kind } = one;
    const type = kind === 'rule' ? 'AWS::Events::Rule' : 'AWS::Scheduler::Schedule';
    const declared = { stack, logicalId, path, type, properties: {} };
    const found = one.targets.filter(({ to }) =>
      to.kind === 'function' ? functions.has(to.functionName) : queues.has(to.queueUrl.split('/').at(-1) ?? ''),
    );
    const reason = 'its function or queue does not run here';
    if (found.length === 0) notEmulated(declared, reason);
    else if (found.length < one.targets.length) notEmulated(declared, `a target is left out: ${reason}`, 'Targets');
    one.targets = found;
    return found.length > 0;
  });
}

function add(declared: Declared, { resources }: Deployment, resource: ScheduleResource): void {
  try {
    parseScheduleExpression(resource.expression, resource.timezone, 0);
  } catch (cause) {
    throw new ProvisionError(`${declared.path}: ${(cause as Error).message}`, { cause });
  }
  resources.schedules.push(resource);
}

function targetsOf(
  declared: Declared,
  property: string,
  targets: readonly Record<string, unknown>[],
  deployment: Deployment,
): ScheduleTarget[] {
  return targets.flatMap((target): ScheduleTarget[] => {
    const to = destinationOf(target, deployment);
    if (to === undefined) {
      deployment.notEmulated(
        declared,
        `only functions and queues are targets here, not ${String(target.Arn)}`,
        property,
      );
      return [];
    }
    for (const name of Object.keys(target)) {
      if (TARGET_HONOURED.includes(name)) continue;
      deployment.notEmulated(declared, TARGET_NOT_HONOURED[name] ?? 'has no effect here', `${property}.${name}`);
    }
    const policy = isRecord(target.RetryPolicy) ? target.RetryPolicy : {};
    return [
      {
        to,
        ...(target.Input !== undefined && { input: String(target.Input) }),
        maximumRetryAttempts: Number(policy.MaximumRetryAttempts ?? RETRIES.attempts),
        maximumEventAgeSeconds: Number(policy.MaximumEventAgeInSeconds ?? RETRIES.ageSeconds),
      },
    ];
  });
}

function destinationOf(target: Record<string, unknown>, { engines }: Deployment): ScheduleTarget['to'] | undefined {
  const arn = String(target.Arn);
  const service = arn.split(':')[2];
  if (service === 'lambda') return { kind: 'function', functionName: functionNameOf(arn) };
  if (service !== 'sqs') return undefined;
  const { MessageGroupId: group } = isRecord(target.SqsParameters) ? target.SqsParameters : {};
  const queueUrl = engines.queueUrl(arn.split(':').at(-1) ?? '');
  return { kind: 'queue', queueUrl, ...(group !== undefined && { messageGroupId: String(group) }) };
}

function nameOf(declared: Declared): string {
  return textOf(declared, 'Name') ?? physicalName(declared.stack, declared.logicalId, NAME_LIMITS.schedule);
}

function momentOf<Key extends string>(declared: Declared, property: string, key: Key): { [K in Key]?: number } {
  const text = textOf(declared, property);
  if (text === undefined) return {};
  const moment = Date.parse(text);
  if (!Number.isNaN(moment)) return { [key]: moment } as { [K in Key]?: number };
  throw new ProvisionError(`${declared.path} (${declared.type}): ${property} has to be a date, and is '${text}'.`);
}
