import { ArnFormat, Stack, Token } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { IOnCall } from '../on-call/on-call.ts';

/**
 * Addresses in the AWS console of the region of a construct's stack. Of the partition `aws` only: the consoles of China and
 * GovCloud are at other addresses.
 */
export function consoleLinks(scope: IConstruct) {
  const { region, account } = Stack.of(scope);
  const home = (service: string) => `https://${region}.console.aws.amazon.com/${service}/home?region=${region}#`;
  return {
    dashboard: (name: string) => `${home('cloudwatch')}dashboards/dashboard/${name}`,
    logGroup: (name: string) => `${home('cloudwatch')}logsV2:log-groups/log-group/${fragment(name)}`,
    function: (name: string) => `${home('lambda')}/functions/${name}?tab=monitoring`,
    queue: (name: string) =>
      `${home('sqs/v3')}/queues/https%3A%2F%2Fsqs.${region}.amazonaws.com%2F${account}%2F${name}`,
  };
}

/** The ARN of an alarm that is known by its name, in the region of a construct's stack. */
export function alarmArn(scope: IConstruct, alarmName: string): string {
  return Stack.of(scope).formatArn({
    service: 'cloudwatch',
    resource: 'alarm',
    resourceName: alarmName,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/** A link in Markdown. */
export function link(text: string, address: string): string {
  return `[${text}](${address})`;
}

/** A runbook in Markdown: a link where there is an address, its path otherwise. */
export function runbookLink(onCall: IOnCall, name: string): string {
  const place = onCall.runbook(name);
  return Token.isUnresolved(place) || /^https?:\/\//.test(place) ? link(name, place) : `\`${place}\``;
}

/** The console encodes what follows the `#` twice, and writes `$` for the second `%`. Generated names need no encoding. */
function fragment(name: string): string {
  return Token.isUnresolved(name) ? name : encodeURIComponent(encodeURIComponent(name)).replaceAll('%', '$');
}
