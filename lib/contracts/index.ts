export type * from './compatibility-mode.ts';
export * from './contract.ts';
export * from './envelope.ts';
export * from './errors.ts';
export * from './headers.ts';
export * from './needs.ts';
export * from './versions.ts';
