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
  // Where a key may follow: after the brace that opens an object, and after a comma in it.
  let keyFollows = false;
  for (let index = 0; index < json.length; index++) {
    const at = open.at(-1);
    const character = json[index];
    if (character === '{') open.push({ keys: new Set(), step: '' });
    else if (character === '[') open.push({ keys: undefined, step: 0 });
    else if (character === '}' || character === ']') open.pop();
    else if (character === ',' && typeof at?.step === 'number') at.step++;
    if (character === '{' || character === ',') keyFollows = character === '{' || at?.keys !== undefined;
    if (character !== '"') continue;
    // Strings as a whole, so that what looks like structure in them is not taken for it.
    const end = endOfString(json, index);
    if (keyFollows) {
      keyFollows = false;
      const key = JSON.parse(json.slice(index, end + 1)) as string;
      at!.step = key;
      if (at!.keys!.has(key)) return below('#', ...open.map(({ step }) => step));
      at!.keys!.add(key);
    }
    index = end;
  }
  return undefined;
}

/** Where the quote is that ends the string that begins at an index. */
function endOfString(json: string, start: number): number {
  let end = start + 1;
  while (json[end] !== '"') end += json[end] === '\\' ? 2 : 1;
  return end;
}
