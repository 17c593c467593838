import { ContractError } from '../errors.ts';

/** The text or object is not a JSON Schema that can be compared: it is malformed, leaves its file, or is beyond a limit. */
export class BadSchemaError extends ContractError {
  override name = 'BadSchemaError';
  /** The place in the schema, as a JSON pointer in fragment form (`#/properties/id`); undefined when the text is not JSON. */
  readonly pointer: string | undefined;

  constructor(schema: string, pointer: string | undefined, problem: string, options?: ErrorOptions) {
    super(`${schema}${pointer === undefined ? '' : `, at ${pointer}`}: ${problem}`, options);
    this.pointer = pointer;
  }
}
