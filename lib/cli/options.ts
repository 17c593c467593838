import { InvalidArgumentError } from 'commander';

/** Parsers of option values: each throws an error that commander shows with the option's name and the value. */

/** The number that a text is in decimal notation; NaN for any other text, the empty one included. */
function decimal(value: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)$/.test(value) ? Number(value) : Number.NaN;
}

/** A whole number, at least `minimum`. */
export function wholeNumber(minimum: number) {
  return (value: string): number => {
    const number = decimal(value);
    if (!Number.isSafeInteger(number) || number < minimum) {
      throw new InvalidArgumentError(`Give a whole number of ${minimum} or more.`);
    }
    return number;
  };
}

/** A number over zero. */
export function positiveNumber(value: string): number {
  const number = decimal(value);
  if (!Number.isFinite(number) || number <= 0) throw new InvalidArgumentError('Give a number over 0.');
  return number;
}

/** A share from 0 to 1; `5%` is 0.05. */
export function share(value: string): number {
  const number = value.endsWith('%') ? decimal(value.slice(0, -1)) / 100 : decimal(value);
  if (!Number.isFinite(number) || number < 0 || number > 1) {
    throw new InvalidArgumentError("Give a share such as '0.05' or '5%'.");
  }
  return number;
}

/** A TCP port that can be listened on. */
export function port(value: string): number {
  const number = decimal(value);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) {
    throw new InvalidArgumentError('Give a port from 1 to 65535.');
  }
  return number;
}

/** An http or https URL. */
export function endpoint(value: string): string {
  if (!URL.canParse(value) || !/^https?:/.test(value)) {
    throw new InvalidArgumentError("Give a URL such as 'http://127.0.0.1:4566'.");
  }
  return value.replace(/\/$/, '');
}

/** A length of time such as `90s`, `10m`, `2h` or `1h30m`, in milliseconds. */
export function duration(value: string): number {
  const [, hours, minutes, seconds] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(value) ?? [];
  const length = Number(hours ?? 0) * 3_600_000 + Number(minutes ?? 0) * 60_000 + Number(seconds ?? 0) * 1_000;
  if (!Number.isSafeInteger(length) || length === 0) {
    throw new InvalidArgumentError("Give a length of time such as '10m', '2h' or '1h30m'.");
  }
  return length;
}
