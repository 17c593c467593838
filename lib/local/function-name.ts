/** The name in what `FunctionName` may be: a name, an ARN, or either with a version or alias. */
export function functionNameOf(reference: string): string {
  const match = /^(?:arn:[^:]*:lambda:[^:]*:[^:]*:function:|[0-9]+:function:)?([^:]+)/.exec(reference);
  return match?.[1] ?? reference;
}
