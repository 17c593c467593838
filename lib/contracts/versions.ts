import type { AnyContract, Contract } from './contract.ts';
import { InvalidDataError, UpcastError } from './errors.ts';
import { thrownText } from './preview.ts';
import { createMask } from './sensitive.ts';

/** The versions that a reader of a contract accepts: its own and those that lead to it, newest first. */
export function accepted(contract: AnyContract): readonly AnyContract[] {
  const versions: AnyContract[] = [];
  for (let one: AnyContract | undefined = contract; one !== undefined; one = one.previous?.contract) versions.push(one);
  return versions;
}

/**
 * The oldest version whose readers can read what a version writes, as far as its compatibility promises that: its own when it
 * promises nothing forward.
 */
export function readableFrom({ version, major, compatibility, previous }: AnyContract): number {
  const before: AnyContract | undefined = previous?.contract;
  if (before === undefined || before.major !== major || !/^(FORWARD|FULL)/.test(compatibility)) return version;
  if (!compatibility.endsWith('_TRANSITIVE')) return before.version;
  return Math.min(...accepted(before).flatMap((one) => (one.major === major ? [one.version] : [])));
}

/**
 * Reads data of an accepted version as data of the contract's own, by one upcaster after the other.
 * @throws InvalidDataError when the data does not fit its own version; UpcastError when an upcaster fails, or what it returns
 * does not fit the next version
 */
export function readVersion<Data>(contract: Contract<string, Data>, version: number, data: unknown): Data {
  const { previous } = contract;
  if (version === contract.version || previous === undefined) return contract.parse(data);
  const before: AnyContract = previous.contract;
  const read = readVersion(before, version, data);
  const failure = (problem: string, cause: unknown) =>
    new UpcastError(contract.type, before.version, contract.version, problem, { cause });
  // as it is before the upcaster may have changed it
  const mask = createMask(before, read);
  let upcast: unknown;
  try {
    upcast = (previous.upcast as (data: unknown) => unknown)(read);
  } catch (cause) {
    throw failure(`failed: ${mask(thrownText(cause))}`, cause);
  }
  if (upcast instanceof Promise) {
    upcast.catch(() => undefined);
    throw failure('returned a promise. An upcaster is a pure function: make it return the data.', undefined);
  }
  try {
    return contract.parse(upcast);
  } catch (cause) {
    if (!(cause instanceof InvalidDataError)) throw cause;
    throw failure(`returned what does not fit: ${mask(cause.message)}`, cause);
  }
}

/**
 * What reads events of a version, given contracts of one type; undefined when none of them does.
 * @param readablefrom the oldest version whose readers can read the event, as its envelope says
 */
export function readerOf<C extends AnyContract>(
  contracts: readonly C[],
  version: number,
  readablefrom: number = version,
): { contract: C; version: number } | undefined {
  const exact = contracts.find((contract) => contract.version === version);
  if (exact) return { contract: exact, version };
  const ascending = contracts.toSorted((a, b) => a.version - b.version);
  // the nearest one: the fewer upcasters, the closer to what was said
  const upcasting = ascending.find((contract) => accepted(contract).some((one) => one.version === version));
  if (upcasting) return { contract: upcasting, version };
  const newest = ascending.findLast(
    (contract) => contract.version < version && (contract.partial || contract.version >= readablefrom),
  );
  return newest && { contract: newest, version: newest.version };
}
