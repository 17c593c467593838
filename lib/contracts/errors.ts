/** What is wrong with one place of a payload. */
export interface Violation {
  /** The place, as a path from the root of the data: `lines[0].quantity`; empty for the root itself. */
  path: string;
  /** The value found there, shortened, as JSON; `undefined` (the text) when nothing is there. */
  value: string;
  message: string;
}

/** The root of everything that can be wrong with an event or a command. None of these is worth a retry. */
export class ContractError extends Error {
  override name = 'ContractError';
}

/** The text is not JSON, or not a CloudEvents 1.0 envelope. */
export class MalformedEnvelopeError extends ContractError {
  override name = 'MalformedEnvelopeError';
}

/** The envelope is sound, but its type is not one that the reader accepts. */
export class UnknownEventTypeError extends ContractError {
  override name = 'UnknownEventTypeError';
}

/** The type is known, but its version is not one that the reader accepts. */
export class UnsupportedVersionError extends ContractError {
  override name = 'UnsupportedVersionError';
}

/** The version is older than those that the reader knows a way from. */
export class MissingUpcasterError extends UnsupportedVersionError {
  override name = 'MissingUpcasterError';
}

/** The data of an earlier version fits it, but could not be made into data of the version that the reader is written against. */
export class UpcastError extends ContractError {
  override name = 'UpcastError';
  readonly from: number;
  readonly to: number;

  constructor(type: string, from: number, to: number, problem: string, options?: ErrorOptions) {
    super(`${type}: the upcaster from version ${from} to ${to} ${problem}`, options);
    this.from = from;
    this.to = to;
  }
}

/** More violations than these are counted, not listed: a payload can have a million. */
export const MOST_VIOLATIONS = 20;

/** The data does not fit the schema of its contract. */
export class InvalidDataError extends ContractError {
  override name = 'InvalidDataError';
  /** The first {@link MOST_VIOLATIONS} at most. */
  readonly violations: readonly Violation[];

  /** @param options.more how many violations there are that are not listed. @default 0 */
  constructor(
    type: string,
    version: number,
    violations: readonly Violation[],
    { more = 0, ...options }: ErrorOptions & { more?: number } = {},
  ) {
    const listed = violations.map(({ path, value, message }) => `${placeOf(path)} is ${value}: ${message}`);
    if (more > 0) listed.push(`and ${more} more`);
    super(`${type} version ${version} does not fit its contract: ${listed.join('; ')}`, options);
    this.violations = violations;
  }
}

function placeOf(path: string): string {
  if (path === '') return 'data';
  return path.startsWith('[') ? `data${path}` : `data.${path}`;
}

/** A header or the tenant of an event could not be made, or could not travel: the event was not published. */
export class HeaderError extends ContractError {
  override name = 'HeaderError';
  /** The header's name, or `tenant`. */
  readonly header: string;

  constructor(type: string, version: number, header: string, problem: string, options?: ErrorOptions) {
    super(
      `${type} version ${version}: ${header === 'tenant' ? 'its tenant' : `its header '${header}'`} ${problem}`,
      options,
    );
    this.header = header;
  }
}

/** A contract is declared in a way that could not work. */
export class InvalidContractError extends ContractError {
  override name = 'InvalidContractError';
}
