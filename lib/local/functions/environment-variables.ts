import type { FunctionResource } from '../resources.ts';

/** Where a function's logs would be: what Lambda calls them. */
export function logGroupNameOf(fn: FunctionResource): string {
  return `/aws/lambda/${fn.name}`;
}

/**
 * The whole environment of a function: the variables that Lambda reserves, then `extra` (endpoints and credentials of the
 * local cloud), then what the template says. Of this process it gets `PATH`, `HOME` and `TMPDIR`, and nothing else, so a
 * handler cannot come to depend on the developer's shell.
 */
export function environmentVariablesOf(
  fn: FunctionResource,
  extra: Record<string, string>,
  logStreamName: string,
): Record<string, string> {
  const region = fn.arn.split(':')[3] ?? '';
  return {
    ...inherited(['PATH', 'HOME', 'TMPDIR']),
    LANG: 'en_US.UTF-8',
    TZ: 'UTC',
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: fn.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(fn.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: logGroupNameOf(fn),
    AWS_LAMBDA_LOG_STREAM_NAME: logStreamName,
    LAMBDA_TASK_ROOT: fn.codeDirectory,
    _HANDLER: fn.handler,
    ...extra,
    ...fn.environment,
  };
}

function inherited(names: string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
