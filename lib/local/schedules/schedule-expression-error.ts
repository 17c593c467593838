/** A schedule expression is not one of AWS's; the message says what is wrong with it. */
export class ScheduleExpressionError extends Error {
  override name = 'ScheduleExpressionError';

  constructor(expression: string, why: string) {
    super(
      `'${expression}' is not a schedule: ${why}. Use rate(5 minutes), cron(0 8 * * ? *) or at(2030-01-01T00:00:00).`,
    );
  }
}
