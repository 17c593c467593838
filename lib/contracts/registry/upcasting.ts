import type { JsonSchema } from '../compatibility/index.ts';
import type { AnyContract } from '../contract.ts';
import { exampleData } from '../documents/example-data.ts';
import { UpcastError } from '../errors.ts';
import { thrownText } from '../preview.ts';
import { readVersion } from '../versions.ts';
import type { DeclaredVersion } from './declared.ts';
import type { Finding } from './finding.ts';
import { isRecord } from './subschemas.ts';

/** How often data is varied: enough to meet what may be missing or empty, and nobody waits for it. */
const VARIATIONS = 40;
const NUMBERS = [0, 1, -1, 0.5, 2.25, 1_000];
const TEXTS = ['', 'a', 'Zoë 🙂', '0', ' '];

/**
 * Whether upcasters make data of their version of what may be data of the version before: of examples, and of variations of
 * them that are the same each time. Of a schema that no example fits, nothing is said.
 */
export function judgeUpcasters(declared: readonly DeclaredVersion[]): Finding[] {
  return declared.flatMap(({ contract, file }): Finding[] => {
    const before: AnyContract | undefined = contract.previous?.contract;
    const document = declared.find((one) => one.contract === before)?.document;
    if (before === undefined || document === undefined) return [];
    for (const data of dataOf(before, document)) {
      // an upcaster may change what it is given
      const given = shortened(data);
      try {
        readVersion(contract, before.version, structuredClone(data));
      } catch (error) {
        const { type, version } = contract;
        const why = error instanceof UpcastError ? error.message.replace(`${type}: the`, 'The') : thrownText(error);
        const message = `${why.replace(/\.$/, '')}. It was given what version ${before.version} allows, ${given}: every such event would be a dead letter. Make it take whatever fits version ${before.version}.`;
        return [{ kind: 'upcast', severity: 'error', type, version, file, message }];
      }
    }
    return [];
  });
}

/** Data that fits a version, each once: the likeliest first. */
function* dataOf(contract: AnyContract, document: JsonSchema): Generator<unknown> {
  const examples = examplesOf(contract, document);
  const seen = new Set<string>();
  const isNew = (data: unknown) => {
    const text = JSON.stringify(data);
    return !seen.has(text) && seen.add(text);
  };
  for (const one of examples) if (isNew(one)) yield one;
  const random = randomOf(contract.type);
  let data = examples[0];
  for (let count = 0; data !== undefined && count < VARIATIONS; count++) {
    const varied = vary(data, random);
    if (!fits(contract, varied)) continue;
    data = varied;
    if (isNew(data)) yield data;
  }
}

/** Everything that the maker of examples tries and that fits: with what may be left out and without, and other choices. */
function examplesOf(contract: AnyContract, document: JsonSchema): unknown[] {
  const found: unknown[] = [];
  exampleData(document, (data) => {
    if (fits(contract, data)) found.push(data);
    throw new Error('another one');
  });
  return found;
}

function fits(contract: AnyContract, data: unknown): boolean {
  try {
    contract.parse(structuredClone(data));
    return true;
  } catch {
    return false;
  }
}

/** Data that differs from what is given in one place. */
function vary(data: unknown, random: () => number): unknown {
  const one = (list: readonly unknown[]) => list[Math.floor(random() * list.length)];
  if (Array.isArray(data)) {
    if (data.length === 0 || random() < 0.3) return one([[], [...data, ...data]]);
    const at = Math.floor(random() * data.length);
    return data.map((item, index) => (index === at ? vary(item, random) : item));
  }
  if (isRecord(data)) {
    const name = one(Object.keys(data)) as string | undefined;
    if (name === undefined) return data;
    const entries = Object.entries(data);
    if (random() < 0.3) return Object.fromEntries(entries.filter(([key]) => key !== name));
    return Object.fromEntries(entries.map(([key, value]) => [key, key === name ? vary(value, random) : value]));
  }
  if (typeof data === 'number') return one(NUMBERS);
  if (typeof data === 'string') return one([...TEXTS, `${data}${data}`]);
  return typeof data === 'boolean' ? !data : data;
}

/** Numbers from 0 to 1 that follow from a text: FNV-1a, stirred by xorshift. */
function randomOf(text: string): () => number {
  let state = 0x811c9dc5;
  for (const character of text) state = Math.imul(state ^ character.codePointAt(0)!, 0x01000193);
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function shortened(data: unknown): string {
  const text = JSON.stringify(data);
  return text.length > 200 ? `${text.slice(0, 197)}...` : text;
}
