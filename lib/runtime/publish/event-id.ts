import { hash } from 'node:crypto';

/**
 * An event id that follows from what it is made of: the same parts give the same id on every attempt, so that what a
 * retried handler publishes again is recognised as the same event. Shaped as a UUID of version 8 (RFC 9562: custom).
 */
export function deterministicId(...parts: readonly string[]): string {
  // JSON keeps the parts apart: ('a', 'bc') and ('ab', 'c') differ
  const hex = hash('sha256', JSON.stringify(parts), 'hex');
  const variant = ((Number.parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
