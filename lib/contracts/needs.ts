import type { z } from 'zod';
import type { AnyContract, Contract, InputOf } from './contract.ts';
import { parserOf } from './parser.ts';

/** What a view of an event would have to be made for: the data as it travels. */
export interface NeedsMoreThanTheEventPromises<Travels> {
  readonly travels: Travels;
}

/**
 * A consumer's view of an event: the same type and version, read through a schema of its own that has only what the consumer
 * needs. The handler sees nothing else, nothing else is checked on receipt, and a change of anything else does not break it:
 * versions that it does not know yet are read as well, as long as they have what it needs. `baton contracts check` tells such
 * consumers apart.
 *
 * It reads what travels: a field that the event fills in by a default may be absent, so the view gives it a default, too; a date
 * is a text. Types refuse a view that needs what the event does not promise; `baton contracts check` judges the rest.
 *
 * @example consume(needs(OrderPlaced, z.object({ orderId: z.string() })), async (event) => ...)
 */
export function needs<C extends AnyContract, Schema extends z.ZodType>(
  contract: C,
  schema: Schema & (InputOf<C> extends z.input<Schema> ? unknown : NeedsMoreThanTheEventPromises<InputOf<C>>),
): Contract<C['type'], z.output<Schema>, z.input<Schema>> {
  const view = { ...contract, schema: schema as z.ZodType<z.output<Schema>, z.input<Schema>>, partial: true };
  return { ...view, ...parserOf(view) };
}
