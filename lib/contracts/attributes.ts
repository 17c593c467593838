import { MalformedEnvelopeError } from './errors.ts';
import { preview } from './preview.ts';

const NEEDED = ['id', 'source', 'type', 'time', 'dataschema', 'subject', 'correlationid'] as const;
const OPTIONAL = [
  'causationid',
  'traceparent',
  'dataref',
  'datahash',
  'datasize',
  'readablefrom',
  'versions',
  'headers',
  'tenant',
] as const;

/** Source: RFC 3339, section 5.6. `Date.parse` decides on days and hours, but takes much else for a date too. */
const TIMESTAMP = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/**
 * Checks the attributes of an envelope: everything but its data.
 * @throws MalformedEnvelopeError naming the attribute, the value found and what belongs there
 */
export function checkAttributes(envelope: Readonly<Record<string, unknown>>): void {
  for (const attribute of NEEDED) {
    const found = envelope[attribute];
    if (typeof found !== 'string' || found === '') {
      throw new MalformedEnvelopeError(`${attribute} is ${preview(found)}; a CloudEvents envelope needs a text there.`);
    }
    checkCharacters(attribute, found);
  }
  for (const attribute of OPTIONAL) {
    const found = envelope[attribute];
    if (found === undefined) continue;
    if (typeof found !== 'string') {
      throw new MalformedEnvelopeError(`${attribute} is ${preview(found)}; leave it out or give a text.`);
    }
    checkCharacters(attribute, found);
  }
  const { time, readablefrom, versions, datasize } = envelope as Record<string, string | undefined> & { time: string };
  if (!TIMESTAMP.test(time) || Number.isNaN(Date.parse(time)) || !isDay(time)) {
    throw new MalformedEnvelopeError(`time is ${preview(time)}; CloudEvents wants an RFC 3339 timestamp.`);
  }
  if (readablefrom !== undefined && !/^[1-9]\d*$/.test(readablefrom)) {
    throw new MalformedEnvelopeError(`readablefrom is ${preview(readablefrom)}; leave it out or give a version.`);
  }
  if (datasize !== undefined && !/^\d{1,15}$/.test(datasize)) {
    throw new MalformedEnvelopeError(`datasize is ${preview(datasize)}; leave it out or give a number of bytes.`);
  }
  if (versions !== undefined && !/^[1-9]\d*(,[1-9]\d*)*$/.test(versions)) {
    throw new MalformedEnvelopeError(`versions is ${preview(versions)}; leave it out or give versions, as in '1,2'.`);
  }
}

/**
 * Whether a text can be an attribute of a message, a key of DynamoDB and a part of CloudEvents alike: no control characters but
 * tab and line ends, no noncharacters U+FFFE and U+FFFF, no half pair (source: XML 1.0, "Characters", which SNS and SQS follow;
 * CloudEvents 1.0.2, "Type System").
 */
export function isPortable(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.isWellFormed() && !/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(text);
}

function checkCharacters(attribute: string, text: string): void {
  if (isPortable(text)) return;
  throw new MalformedEnvelopeError(
    `${attribute} is ${preview(text)}, with characters that messages cannot carry (control characters, U+FFFE, U+FFFF, or half a pair).`,
  );
}

/** `Date.parse` takes February 30th for March 2nd. */
function isDay(time: string): boolean {
  const day = time.slice(0, 10);
  return Number(time.slice(8, 10)) <= 28 || new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}
