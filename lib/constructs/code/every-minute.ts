import { Duration, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type { Construct } from 'constructs';

const MINUTE = Duration.minutes(1);

/** Starts a function of `scope` every minute. `what` it is, is part of the descriptions: `the relay`. */
export function everyMinute(scope: Construct, fn: lambda.Function, what: string): scheduler.Schedule {
  const role = new iam.Role(scope, 'ScheduleRole', {
    description: `Lets the schedule of ${scope.node.path} start ${what}`,
    assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
  });
  // The next start is a minute away: one that failed or came late is not worth repeating.
  fn.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: MINUTE });
  const grant = iam.Grant.addToPrincipal({
    grantee: role,
    actions: ['lambda:InvokeFunction'],
    resourceArns: [fn.functionArn],
  });
  const schedule = new scheduler.Schedule(scope, 'Schedule', {
    description: `Starts ${what} of ${scope.node.path}`,
    schedule: scheduler.ScheduleExpression.rate(MINUTE),
    // Granted above, for the function alone: the target would add all its versions.
    target: new LambdaInvoke(fn, {
      role: iam.Role.fromRoleArn(scope, 'ScheduleRoleAsIs', role.roleArn, { mutable: false }),
      retryAttempts: 3,
      maxEventAge: MINUTE,
    }),
  });
  grant.applyBefore(schedule);
  return schedule;
}
