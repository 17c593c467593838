import { NAME_LIMITS, physicalName, stableUuid } from './physical-name.ts';
import {
  attributes,
  type Declared,
  type Deployment,
  type Provisioned,
  type ResourceType,
  textOf,
} from './resource-type.ts';

const PERMISSIONS = 'permissions are not enforced on the laptop';
const ENCRYPTION = 'nothing is encrypted on the laptop';

type Identity = (
  declared: Declared,
  place: { region: string; accountId: string; name: string; id: string },
) => Provisioned;

const role: Identity = (declared, { accountId, name, id }) => {
  const ref = textOf(declared, 'RoleName') ?? name;
  return { ref, getAtt: attributes({ Arn: `arn:aws:iam::${accountId}:role/${ref}`, RoleId: id }) };
};

const managedPolicy: Identity = (declared, { accountId, name }) => {
  const arn = `arn:aws:iam::${accountId}:policy/${textOf(declared, 'ManagedPolicyName') ?? name}`;
  return { ref: arn, getAtt: attributes({ PolicyArn: arn }) };
};

const key: Identity = (_, { region, accountId, id }) => ({
  ref: id,
  getAtt: attributes({ Arn: `arn:aws:kms:${region}:${accountId}:key/${id}`, KeyId: id }),
});

const keyAlias: Identity = (declared, { name }) => ({
  ref: textOf(declared, 'AliasName') ?? `alias/${name}`,
  getAtt: () => undefined,
});

const logGroup: Identity = (declared, { region, accountId, name }) => {
  const ref = textOf(declared, 'LogGroupName') ?? name;
  return { ref, getAtt: attributes({ Arn: `arn:aws:logs:${region}:${accountId}:log-group:${ref}:*` }) };
};

const parameter: Identity = (declared, { name }) => {
  const ref = textOf(declared, 'Name') ?? name;
  return {
    ref,
    getAtt: attributes({ Value: textOf(declared, 'Value') ?? '', Type: textOf(declared, 'Type') ?? 'String' }),
  };
};

const secret: Identity = (declared, { region, accountId, name }) => {
  const arn = `arn:aws:secretsmanager:${region}:${accountId}:secret:${textOf(declared, 'Name') ?? name}`;
  return { ref: arn, getAtt: attributes({ Id: arn }) };
};

const chat: Identity = (declared, { accountId, name }) => {
  const kind = declared.type.includes('Slack') ? 'slack-channel' : 'microsoft-teams-channel';
  const arn = `arn:aws:chatbot::${accountId}:chat-configuration/${kind}/${textOf(declared, 'ConfigurationName') ?? name}`;
  return { ref: arn, getAtt: attributes({ Arn: arn }) };
};

const named: Identity = (_, { name }) => ({ ref: name, getAtt: () => undefined });

const KNOWN: Record<string, [reason: string, identity: Identity]> = {
  'AWS::IAM::Role': [PERMISSIONS, role],
  'AWS::IAM::Policy': [PERMISSIONS, named],
  'AWS::IAM::ManagedPolicy': [PERMISSIONS, managedPolicy],
  'AWS::Lambda::Permission': [PERMISSIONS, named],
  'AWS::S3::BucketPolicy': [PERMISSIONS, named],
  'AWS::KMS::Key': [ENCRYPTION, key],
  'AWS::KMS::Alias': [ENCRYPTION, keyAlias],
  'AWS::Logs::LogGroup': ['logs are not sent to CloudWatch from here', logGroup],
  'AWS::SSM::Parameter': ['there is no parameter store here; references in the templates get the value', parameter],
  'AWS::SecretsManager::Secret': ['there are no secrets here; references to them stay as they are', secret],
  'AWS::Chatbot::SlackChannelConfiguration': ['nothing is sent to chat applications from the laptop', chat],
  'AWS::Chatbot::MicrosoftTeamsChannelConfiguration': ['nothing is sent to chat applications from the laptop', chat],
  'AWS::CloudWatch::Dashboard': ['there are no dashboards here', named],
  'AWS::Lambda::EventInvokeConfig': ['a failed asynchronous invocation is tried again as its schedule says', named],
  'AWS::Scheduler::ScheduleGroup': ['schedules need no group here', named],
  'AWS::CloudFormation::Stack': [
    'what is in a nested stack is not provisioned here; make it a stack of its own',
    invented,
  ],
};

/**
 * A resource that nothing here stands for. It goes on the list of what is not emulated, and references to it resolve: to
 * what AWS would give where the type is known, else to a name and attributes that are made up from its logical id.
 */
export function provisionWithoutEffect(declared: Declared, { engines, notEmulated }: Deployment): Provisioned {
  const [, service = declared.type] = declared.type.split('::');
  const custom = declared.type.startsWith('Custom::') || declared.type === 'AWS::CloudFormation::CustomResource';
  const [reason, identity] = KNOWN[declared.type] ?? [
    custom ? 'custom resources are not run here' : `there is no ${service} here`,
    invented,
  ];
  notEmulated(declared, reason);
  return identity(declared, {
    region: engines.region,
    accountId: engines.accountId,
    name: physicalName(declared.stack, declared.logicalId, NAME_LIMITS.role),
    id: stableUuid(`${declared.stack}/${declared.logicalId}`),
  });
}

/** AWS::CDK::Metadata says which constructs made the template; there is nothing to emulate. */
export const cdkMetadata: ResourceType = {
  honoured: ['Analytics'],
  provision: ({ logicalId }) => ({ ref: logicalId, getAtt: () => undefined }),
};

function invented(declared: Declared, place: { region: string; accountId: string; name: string }): Provisioned {
  const { region, accountId, name } = place;
  const [, service = 'custom', kind = 'resource'] = declared.type.split('::');
  const arn = `arn:aws:${service.toLowerCase()}:${region}:${accountId}:${kind.toLowerCase()}/${name}`;
  return { ref: name, getAtt: (attribute) => (attribute.endsWith('Arn') ? arn : `${name}.${attribute}`) };
}
