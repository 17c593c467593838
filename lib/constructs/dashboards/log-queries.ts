import { Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { QueueFunction } from '../delivery/queue-function.ts';
import { givenName } from './physical-names.ts';
import { chunks } from './widgets.ts';

/** Source: StartQuery in the CloudWatch Logs API reference. */
const MOST_LOG_GROUPS = 50;

/** The name of a consumer's log group; undefined when CloudFormation makes it, because only its own stack knows it then. */
export function logGroupName(consumer: QueueFunction): string | undefined {
  return givenName(consumer.function.logGroup);
}

/** What a {@link logQueries} shows. */
export interface LogQueryProps {
  readonly title: string;
  /** In columns. */
  readonly width: number;
  /** In rows of the grid. */
  readonly height: number;
  /** The commands of the query, in CloudWatch Logs Insights' language. */
  readonly query: readonly string[];
}

/**
 * Tables of what a query finds in the logs of consumers: one for each region and 50 of their log groups. Log groups without a
 * name of their own are left out.
 */
export function logQueries(consumers: readonly QueueFunction[], props: LogQueryProps): cloudwatch.LogQueryWidget[] {
  const byRegion = new Map<string, string[]>();
  for (const consumer of consumers) {
    const name = logGroupName(consumer);
    const { region } = Stack.of(consumer);
    if (name !== undefined) byRegion.set(region, [...(byRegion.get(region) ?? []), name]);
  }
  const parts = [...byRegion].flatMap(([region, names]) =>
    chunks(names, MOST_LOG_GROUPS).map((part) => ({ region, part })),
  );
  return parts.map(
    ({ region, part }, index) =>
      new cloudwatch.LogQueryWidget({
        title: parts.length === 1 ? props.title : `${props.title} (${index + 1} of ${parts.length})`,
        width: props.width,
        height: props.height,
        region,
        logGroupNames: part,
        queryLines: [...props.query],
        view: cloudwatch.LogQueryVisualizationType.TABLE,
      }),
  );
}
