import { Lazy, Stack, Token, Validations } from 'aws-cdk-lib';
import * as chatbot from 'aws-cdk-lib/aws-chatbot';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { physicalName } from '../names.ts';
import type { OnCallTopic } from './on-call-topic.ts';
import type { SlackChannel, TeamsChannel } from './target.ts';

/** What a channel may ask AWS for, so that it can show the graph of an alarm. */
const READS = [
  'cloudwatch:DescribeAlarmHistory',
  'cloudwatch:DescribeAlarms',
  'cloudwatch:GetMetricData',
  'cloudwatch:GetMetricStatistics',
  'cloudwatch:GetMetricWidgetImage',
  'cloudwatch:ListMetrics',
];

type Channel = { readonly slack: SlackChannel } | { readonly teams: TeamsChannel };

/**
 * Channels of Slack and Microsoft Teams that get notifications through Amazon Q Developer in chat applications. A channel can
 * have one configuration in an account, so one that pages and tickets go to has one with both topics. What people may do from
 * a channel is bounded by a guardrail: look at metrics and alarms. Without one it would be AdministratorAccess.
 */
export class ChatChannels extends Construct {
  readonly #topics = new Map<string, Set<OnCallTopic>>();
  #reads: iam.ManagedPolicy | undefined;
  #role: iam.Role | undefined;

  subscribe(channel: Channel, topic: OnCallTopic): void {
    const id = 'slack' in channel ? `Slack-${channel.slack.channelId}` : `Teams-${channel.teams.channelId}`;
    topic.reached();
    const known = this.#topics.get(id);
    if (known) {
      known.add(topic);
      return;
    }
    const topics = new Set([topic]);
    this.#topics.set(id, topics);
    this.#configure(id.replace(/[^\w-]+/g, '-'), channel, topics);
  }

  #configure(id: string, channel: Channel, topics: ReadonlySet<OnCallTopic>): void {
    const [role, reads] = this.#access();
    const { region } = Stack.of(this);
    const props = {
      // Names are unique in an account, over all its regions.
      configurationName: physicalName(this, Token.isUnresolved(region) ? id : `${id}-${region}`, 128),
      iamRoleArn: role.roleArn,
      guardrailPolicies: [reads.managedPolicyArn],
      snsTopicArns: Lazy.list({ produce: () => [...topics].map((each) => each.topicArn) }),
      // Its log group would be in us-east-1, without a key of ours and without an end.
      loggingLevel: 'NONE',
    };
    if ('slack' in channel) {
      const { workspaceId, channelId } = channel.slack;
      new chatbot.CfnSlackChannelConfiguration(this, id, {
        ...props,
        slackWorkspaceId: workspaceId,
        slackChannelId: channelId,
      });
    } else {
      const { tenantId, teamId, channelId } = channel.teams;
      new chatbot.CfnMicrosoftTeamsChannelConfiguration(this, id, {
        ...props,
        teamsTenantId: tenantId,
        teamId,
        teamsChannelId: channelId,
      });
    }
  }

  #access(): [iam.Role, iam.ManagedPolicy] {
    this.#reads ??= new iam.ManagedPolicy(this, 'Reads', {
      description: `What the chat channels of ${this.node.scope?.node.path} may read`,
      statements: [new iam.PolicyStatement({ actions: READS, resources: ['*'] })],
    });
    Validations.of(this.#reads).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason:
        'CloudWatch lets nobody name metrics in a policy, and a channel shows alarms of every stack; all of it only reads.',
    });
    this.#role ??= new iam.Role(this, 'Role', {
      description: `What the chat channels of ${this.node.scope?.node.path} may do`,
      assumedBy: new iam.ServicePrincipal('chatbot.amazonaws.com'),
      managedPolicies: [this.#reads],
    });
    return [this.#role, this.#reads];
  }
}
