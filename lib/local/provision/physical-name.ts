import { createHash } from 'node:crypto';

/** How long a name may be, by service (AWS service quotas). */
export const NAME_LIMITS = {
  queue: 80,
  topic: 256,
  table: 255,
  function: 64,
  bucket: 63,
  alarm: 255,
  role: 64,
  schedule: 64,
} as const;

/**
 * The name of a resource that was given none: `<stack>-<logical id>`, always the same so that it is found again after a
 * restart. One that is too long loses its end to a hash of the whole; `suffix` (`.fifo`) stays.
 */
export function physicalName(stack: string, logicalId: string, limit: number, suffix = ''): string {
  const whole = `${stack}-${logicalId}`;
  const name = whole.replace(/[^A-Za-z0-9_-]/g, '-');
  const room = limit - suffix.length;
  if (name.length <= room) return name + suffix;
  return `${name.slice(0, room - 9)}-${shortHash(whole)}${suffix}`;
}

/** The {@link physicalName} of a bucket, which has small letters only (source: "Bucket naming rules", Amazon S3 user guide). */
export function bucketName(stack: string, logicalId: string): string {
  return physicalName(stack, logicalId, NAME_LIMITS.bucket).toLowerCase().replaceAll('_', '-');
}

/** An id in the form of a UUID that is always the same for the same text. */
export function stableUuid(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
