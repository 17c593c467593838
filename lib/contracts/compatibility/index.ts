export type { CompatibilityMode } from '../compatibility-mode.ts';
export * from './bad-schema-error.ts';
export { CHANGE_KINDS, type Change, type ChangeKind, type Direction, MODES } from './change.ts';
export { closed } from './closed.ts';
export * from './compare.ts';
export type { JsonSchema } from './keywords.ts';
export * from './policy.ts';
export { readSchema } from './read-schema.ts';
