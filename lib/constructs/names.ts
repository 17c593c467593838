import { createHash } from 'node:crypto';
import { Names, Stack, Token } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/**
 * The physical name of a resource, readable and stable: the stack's name, the ids down to the construct, and a suffix,
 * joined by dashes (`Baton-prod-Orders-Inventory-dead-letters`). What is too long is cut and gets a hash of the whole.
 *
 * @param maxLength in characters; the ending is always kept
 * @param ending what the service wants at the end, such as `.fifo`
 */
export function physicalName(scope: IConstruct, suffix: string, maxLength: number, ending = ''): string {
  const stack = Stack.of(scope);
  const inStack = scope.node.scopes.slice(stack.node.scopes.length).map((each) => each.node.id);
  const whole = Token.isUnresolved(stack.stackName)
    ? `${Names.uniqueId(scope)}-${suffix}`
    : [stack.stackName, ...inStack, suffix].join('-');
  const name = whole.replace(/[^A-Za-z0-9-]+/g, '-').replace(/-+$/, '');
  const room = maxLength - ending.length;
  if (name.length <= room) return name + ending;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, room - hash.length - 1)}-${hash}${ending}`;
}

/** `PlaceOrder` -> `place-order`: how a consumer is called in metrics, records and dead letters. */
export function kebabCase(id: string): string {
  return id
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1-$2')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .toLowerCase();
}
