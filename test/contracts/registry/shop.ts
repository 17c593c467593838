import * as z from 'zod';
import {
  type AnyContract,
  accepted,
  type CompatibilityMode,
  defineEvent,
  needs,
} from '../../../lib/contracts/index.ts';
import type { ConsumerFacts } from '../../../lib/contracts/pipeline.ts';
import { type DeclaredVersion, declaredVersions } from '../../../lib/contracts/registry/declared.ts';
import type { ReaderView } from '../../../lib/contracts/registry/reader-view.ts';
import { type RegisteredVersion, type Registry, schemaFile } from '../../../lib/contracts/registry/registry.ts';
import { schemaDocument } from '../../../lib/contracts/registry/schema-document.ts';
import type { SchemaObject } from '../../../lib/contracts/registry/subschemas.ts';

/** What an order has in these tests. */
export const Order = z.object({ orderId: z.string(), total: z.number(), note: z.string() });

/** A version of `order.placed`. */
export function version(
  number: number,
  schema: z.ZodObject<{ orderId: z.ZodString }>,
  given: {
    major?: number;
    compatibility?: CompatibilityMode;
    previous?: AnyContract;
    type?: string;
    headers?: readonly string[];
  } = {},
): AnyContract {
  const { previous, type = 'order.placed', headers = [], ...promise } = given;
  return defineEvent({
    type,
    version: number,
    description: 'A customer committed to buy.',
    key: (order: { orderId: string }) => order.orderId,
    schema: schema as z.ZodType<{ orderId: string }>,
    ...(previous && { previous: { contract: previous, upcast: (data: unknown) => data as { orderId: string } } }),
    headers: Object.fromEntries(headers.map((name) => [name, () => name])),
    ...promise,
  });
}

/** As the module of an event declares them. */
export function declaredIn(...contracts: AnyContract[]): DeclaredVersion[] {
  return declaredVersions(contracts.map((contract) => ({ contract, file: 'events/order-placed.ts' })));
}

/** A registry as `accept` would have written it of these contracts. */
export function registryOf(...contracts: AnyContract[]): Registry {
  const versions = contracts.map((contract): RegisteredVersion => {
    const document = JSON.parse(JSON.stringify(schemaDocument(contract))) as SchemaObject;
    const facts = document['x-baton'] as RegisteredVersion['facts'];
    const { type, version } = contract;
    return { type, version, file: schemaFile(type, version), document, facts };
  });
  return { directory: 'events/registry', versions, broken: [] };
}

/** A consumer whose handler is written against a contract; with `only`, against what it needs of it. */
export function reader(consumer: string, contract: AnyContract, only?: z.ZodType, pinned = false): ReaderView {
  const view: AnyContract = only === undefined ? contract : (needs(contract, only as never) as unknown as AnyContract);
  return {
    consumer,
    owner: `team-${consumer}`,
    kind: 'consumer',
    type: view.type,
    version: view.version,
    accepts: accepted(view).map(({ version }) => version),
    partial: view.partial,
    pinned,
    schema: schemaDocument(view),
  };
}

/** What a template says of a consumer. */
export function facts(name: string, events: readonly AnyContract[], given: Partial<ConsumerFacts> = {}): ConsumerFacts {
  return {
    name,
    owner: `team-${name}`,
    kind: 'consumer',
    queue: `${name}-queue`,
    deadLetterQueue: `${name}-dlq`,
    topic: 'orders',
    ordered: false,
    events: events.map(({ dataschema }) => dataschema),
    pinned: false,
    produces: [],
    ...given,
  };
}
