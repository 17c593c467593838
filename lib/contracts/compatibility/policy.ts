export const POLICIES = ['STRICT', 'LENIENT'] as const;

/**
 * What is held of properties that a schema neither names nor refuses. STRICT: they may have been written. LENIENT: nobody writes
 * what the schema does not name. Both are Confluent's.
 */
export type Policy = (typeof POLICIES)[number];
