import { ContractError } from '../errors.ts';

/** A schema says something that JSON Schema has no words for, and that JSON could not carry. */
export class UnrepresentableSchemaError extends ContractError {
  override name = 'UnrepresentableSchemaError';
}

/** The registry's folder or one of its files could not be read or written. */
export class RegistryError extends ContractError {
  override name = 'RegistryError';
}
