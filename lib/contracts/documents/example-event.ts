import type { JsonSchema } from '../compatibility/index.ts';
import type { AnyContract } from '../contract.ts';
import { createEnvelope, type Envelope, parseEvent } from '../envelope.ts';
import { exampleData } from './example-data.ts';

/** An event as it travels, or a sentence that says why there is none. */
export type ExampleEvent =
  | { readonly envelope: Envelope; readonly problem?: undefined }
  | { readonly envelope?: undefined; readonly problem: string };

const TIME = new Date('2026-03-01T09:30:00.000Z');
const ID = '5f0c2a6e-8f3b-4a53-9f0e-3c1b7d2a9e10';

/** An example of an event that readers of its contract can really read, key, headers and tenant included. The same each time. */
export function exampleEvent(contract: AnyContract, schema: JsonSchema): ExampleEvent {
  let envelope: Envelope | undefined;
  const { problem } = exampleData(schema, (data) => {
    const made: Envelope = createEnvelope(contract, data, {
      source: `/${contract.type.split('.')[0]}`,
      id: ID,
      time: TIME,
    });
    // what travels is text: it has to be the same when it arrives
    const arrived = JSON.parse(JSON.stringify(made)) as Envelope;
    parseEvent(arrived, [contract]);
    envelope = arrived;
  });
  return envelope === undefined ? { problem: problem ?? 'nothing fits its schema' } : { envelope };
}
