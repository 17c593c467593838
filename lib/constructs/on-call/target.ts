import { Token } from 'aws-cdk-lib';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { UnsafePropsError } from '../errors.ts';

/**
 * Where a URL is kept that is as good as a password: in a secret (`field`: of a JSON secret; @default the whole value), or in an
 * SSM parameter, by name. For `https` targets the parameter is of type String; `version` (@default the newest at deployment)
 * makes CloudFormation notice a new one.
 */
export type KeptUrl =
  | { readonly secret: secretsmanager.ISecret; readonly field?: string }
  | { readonly parameter: string; readonly version?: number };

/** A channel of Slack. */
export interface SlackChannel {
  /** `T...`: of the workspace, once authorized in Amazon Q Developer in chat applications. */
  readonly workspaceId: string;
  /** `C...`, from the channel's details. */
  readonly channelId: string;
}

/** A channel of Microsoft Teams. */
export interface TeamsChannel {
  /** A UUID. */
  readonly tenantId: string;
  /** A UUID: `groupId` in the link to the team. */
  readonly teamId: string;
  /** `19:...@thread.tacv2`, as it is or URL-encoded as in the link to the channel. */
  readonly channelId: string;
}

/** Who hears of an alarm: an e-mail address, a URL that takes SNS notifications, or a channel of a chat. */
export type OnCallTarget =
  | string
  | { readonly email: string }
  | { readonly https: KeptUrl }
  | { readonly slack: SlackChannel }
  | { readonly teams: TeamsChannel };

/** The targets by name. */
export const OnCallTarget = {
  /** Has to confirm the subscription once. */
  email: (address: string): OnCallTarget => ({ email: address }),
  /** PagerDuty, Opsgenie, or anything else that confirms SNS subscriptions by itself. */
  https: (url: KeptUrl): OnCallTarget => ({ https: url }),
  /** Through Amazon Q Developer in chat applications. */
  slack: (channel: SlackChannel): OnCallTarget => ({ slack: channel }),
  /** Through Amazon Q Developer in chat applications. */
  teams: (channel: TeamsChannel): OnCallTarget => ({ teams: channel }),
} as const;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The target with its short forms spelled out: an address is `{ email }`, a Teams channel is URL-encoded.
 *
 * @throws UnsafePropsError when its ids or addresses are none, or when it is a URL in plain text
 */
export function checkedTarget(scope: Construct, target: OnCallTarget): Exclude<OnCallTarget, string> {
  if (typeof target === 'string') return checkedTarget(scope, { email: target });
  if ('email' in target) {
    refuseUrl(scope, target.email);
    refuse(scope, 'an e-mail address', target.email, /^[^\s@:]+@[^\s@]+\.[^\s@]+$/, 'night@shop.example');
  } else if ('https' in target) {
    checkKeptUrl(scope, target.https);
  } else if ('slack' in target) {
    const { workspaceId, channelId } = target.slack;
    refuse(scope, 'the id of a Slack workspace', workspaceId, /^[TE][A-Z0-9]{5,}$/, 'T012ABCDEFG');
    refuse(scope, 'the id of a Slack channel', channelId, /^[CG][A-Z0-9]{5,}$/, 'C012ABCDEFG');
  } else {
    const { tenantId, teamId, channelId } = target.teams;
    refuse(scope, 'the id of a Teams tenant', tenantId, UUID, 'a UUID');
    refuse(scope, 'the id of a team', teamId, UUID, 'a UUID');
    const encoded = channelId.includes(':') ? encodeURIComponent(channelId) : channelId;
    refuse(
      scope,
      'the id of a Teams channel',
      encoded,
      /^[\w=+/.,-]*%3a[\w=+/.,-]*%40[\w=+/.,-]*$/i,
      '19:...@thread.tacv2',
    );
    return { teams: { tenantId, teamId, channelId: encoded } };
  }
  return target;
}

/** @throws UnsafePropsError when it is no place, but the URL itself */
export function checkKeptUrl(scope: Construct, url: KeptUrl): void {
  // Plain JavaScript may hand over anything; a URL that got here is about to be published.
  if (typeof (url as unknown) === 'string') refuseUrl(scope, url as unknown as string);
  if ('parameter' in url) {
    refuseUrl(scope, url.parameter);
    refuse(scope, 'the name of an SSM parameter', url.parameter, /^[\w./-]+$/, '/shop/prod/pager-url');
  } else if ('secret' in url && typeof (url.secret as unknown) !== 'object') {
    refuseUrl(scope, String(url.secret));
  }
}

function refuseUrl(scope: Construct, text: string): void {
  if (Token.isUnresolved(text) || !/^https?:/i.test(text)) return;
  throw new UnsafePropsError(
    scope,
    'A target is a URL in plain text. Whoever reads the template could page, or silence, the people on call.',
    'Put it into Secrets Manager or an SSM parameter, and give `OnCallTarget.https({ secret })` or `OnCallTarget.https({ parameter })`.',
  );
}

function refuse(scope: Construct, what: string, text: string, shape: RegExp, example: string): void {
  if (Token.isUnresolved(text) || shape.test(text)) return;
  throw new UnsafePropsError(scope, `'${text}' is not ${what}.`, `It looks like this: ${example}.`);
}
