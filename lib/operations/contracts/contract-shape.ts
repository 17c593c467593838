import type { AnyContract } from '../../contracts/contract.ts';

/**
 * Whether a value is a contract, told by what it has: the contracts of a bundle were made by that bundle's own copy of the
 * library, so there is no class or symbol to go by.
 */
export function isContract(value: unknown): value is AnyContract {
  if (typeof value !== 'object' || value === null) return false;
  const own = (name: string): unknown =>
    Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  const { kind, type, version } = { kind: own('kind'), type: own('type'), version: own('version') };
  const schema = own('schema');
  return (
    (kind === 'event' || kind === 'command') &&
    typeof type === 'string' &&
    Number.isSafeInteger(version) &&
    own('dataschema') === `urn:baton:${type}:${version}` &&
    typeof own('parse') === 'function' &&
    typeof schema === 'object' &&
    schema !== null
  );
}
