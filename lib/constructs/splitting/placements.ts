import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ConstructError } from '../errors.ts';

/** In which stack of a {@link SplittingStack} each consumer is: the number of the stack by the id of the consumer. 1 is itself. */
export type Placements = Readonly<Record<string, number>>;

/** A record of placements that cannot be read: nobody can tell which queue is in which stack. */
export class PlacementsError extends ConstructError {
  override name = 'PlacementsError';
}

/**
 * Reads a record; there is none before the first synthesis.
 *
 * @throws PlacementsError when it is not what {@link writePlacements} writes
 */
export function readPlacements(file: string): Placements {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new PlacementsError(`${file} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
  const placements = parsed(text, file);
  for (const [id, stack] of Object.entries(placements)) {
    if (Number.isInteger(stack) && (stack as number) >= 1) continue;
    throw new PlacementsError(
      `${file}: the stack of '${id}' is ${JSON.stringify(stack)}, not a number of 1 or more. Restore the file as it was at the last deployment.`,
    );
  }
  return placements as Placements;
}

/** Writes a record whole or not at all; consumers in the order of their ids, so that branches merge. */
export function writePlacements(file: string, placements: Placements): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, textOf(placements));
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Whether two records say the same. */
export function samePlacements(one: Placements, other: Placements): boolean {
  return textOf(one) === textOf(other);
}

function textOf(placements: Placements): string {
  const sorted = Object.entries(placements).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`;
}

function parsed(text: string, file: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PlacementsError(
      `${file} is not JSON (${(cause as Error).message}). Resolve the merge by keeping all lines of both sides: where both place a consumer, the side that was deployed is right.`,
      { cause },
    );
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new PlacementsError(`${file} is no record of placements. Restore the file as it was at the last deployment.`);
}
