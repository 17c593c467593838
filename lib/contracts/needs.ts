import type { z } from 'zod';
import type { AnyContract, Contract, DataOf } from './contract.ts';
import { parserOf } from './parser.ts';

/**
 * A consumer's view of an event: the same type and version, read through a schema of its own that has only what the consumer
 * needs. The handler sees nothing else, nothing else is checked on receipt, and a change of anything else does not break it:
 * versions that it does not know yet are read as well, as long as they have what it needs. `baton contracts check` tells such
 * consumers apart.
 *
 * Types refuse a schema that needs what the event does not have; `baton contracts check` judges the rest.
 *
 * @example consume(needs(OrderPlaced, z.object({ orderId: z.string() })), async (event) => ...)
 */
export function needs<C extends AnyContract, Schema extends z.ZodType>(
  contract: C,
  schema: DataOf<C> extends z.input<Schema> ? Schema : never,
): Contract<C['type'], z.output<Schema>> {
  const view = { ...contract, schema: schema as z.ZodType<z.output<Schema>>, partial: true };
  return { ...view, ...parserOf(view) };
}
