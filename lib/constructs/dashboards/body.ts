import { Lazy, Token } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';

/**
 * Writes the body of a dashboard as one `Fn::Sub`: the region is in every widget and every link, and `Fn::Join` takes five times
 * the space for it. What cannot be written so stays as it is.
 */
export function compactBody(dashboard: cloudwatch.Dashboard): void {
  const resource = dashboard.node.defaultChild as cloudwatch.CfnDashboard;
  const body = resource.dashboardBody;
  resource.dashboardBody = Token.asString(
    Lazy.uncachedAny({
      produce: (context) => {
        const resolved: unknown = context.resolve(body);
        const text = typeof resolved === 'string' ? undefined : substitution(resolved);
        return text === undefined ? resolved : { 'Fn::Sub': text };
      },
    }),
  );
}

/** Text with references, as `Fn::Sub` takes it; undefined for what is neither text nor made of references. */
export function substitution(resolved: unknown): string | undefined {
  if (typeof resolved === 'string') return resolved.replaceAll('${', '${!');
  if (typeof resolved !== 'object' || resolved === null) return undefined;
  const entries = Object.entries(resolved);
  if (entries.length !== 1) return undefined;
  const [intrinsic, argument] = entries[0]!;
  if (intrinsic === 'Ref') return `\${${argument}}`;
  if (intrinsic === 'Fn::GetAtt' && Array.isArray(argument)) return `\${${argument.join('.')}}`;
  if (intrinsic !== 'Fn::Join') return undefined;
  const [separator, parts] = argument as [string, unknown[]];
  const texts = parts.map(substitution);
  return texts.includes(undefined) ? undefined : texts.join(separator);
}

/** The characters that widgets take in a template, as {@link compactBody} writes them there. */
export function sizeOf(resolved: unknown): number {
  const body = JSON.stringify(resolved, (_, value) => substitution(value) ?? value);
  return JSON.stringify(body).length;
}
