import { below } from './json-pointer.ts';

interface Open {
  /** The keys so far; undefined in an array. */
  readonly keys: Set<string> | undefined;
  /** The key or index of what is being read. */
  step: string | number;
}

/**
 * The pointer of the first key that is in its object twice; undefined when there is none. `JSON.parse` keeps the last one and says
 * nothing. The text has to be valid JSON.
 */
export function duplicateKey(json: string): string | undefined {
  const open: Open[] = [];
  // Strings as a whole, so that what looks like structure in them is not taken for it.
  for (const [token] of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"(?:\s*:)?|[[\]{},]/g)) {
    const at = open.at(-1);
    if (token === '{' || token === '[')
      open.push({ keys: token === '{' ? new Set() : undefined, step: token === '{' ? '' : 0 });
    else if (token === '}' || token === ']') open.pop();
    else if (token === ',') {
      if (typeof at?.step === 'number') at.step++;
    } else if (token.endsWith(':')) {
      const key = JSON.parse(token.slice(0, token.lastIndexOf('"') + 1)) as string;
      at!.step = key;
      if (at!.keys!.has(key)) return below('#', ...open.map(({ step }) => step));
      at!.keys!.add(key);
    }
  }
  return undefined;
}
