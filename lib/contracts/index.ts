export * from './contract.ts';
export * from './envelope.ts';
export * from './errors.ts';
export * from './headers.ts';
