/**
 * Whether a regular expression says in a JSON Schema what it says in code. There it has no flags and is read as if it had `u`
 * (source: JSON Schema Core 2020-12, section 6.4, "Regular Expressions").
 *
 * - `same`: it does
 * - `counts`: it does, but where code counts UTF-16 units the schema counts characters: an emoji is two and one
 * - `other`: it says something else, or nothing at all
 */
export type Portability = 'same' | 'counts' | 'other';

/** How far the meaning of a regular expression reaches beyond code. Decides by what is written, and rather too strictly. */
export function portabilityOf({ source, flags }: RegExp): Portability {
  if (/[imsy]/.test(flags) || !compiles(source)) return 'other';
  if (flags.includes('u')) return 'same';
  // sets and strings of `v` are written in classes
  if (flags.includes('v')) return source.includes('[') ? 'other' : 'same';
  let inClass = false;
  let isWide = false;
  let counts = false;
  for (const { 0: token, index } of source.matchAll(/\\[\s\S]|\[\^?|[\s\S]/gu)) {
    const after = source.slice(index + token.length);
    // without `u`, \p is a p, \u{61} is 61 times a u, and a surrogate is a character
    if (/^\\[pP]$/.test(token) || (token === '\\u' && /^(\{|d[89a-f])/i.test(after))) return 'other';
    if (token.length === 2 && /^[\u{10000}-\u{10ffff}]$/u.test(token) && (inClass || /^[*+?{]/.test(after)))
      return 'other';
    if (!inClass && token.startsWith('[')) {
      inClass = true;
      isWide = token === '[^';
    } else if (inClass && token === ']') {
      inClass = false;
      counts ||= isWide && !isRepeated(after);
    } else if (/^\\[WDS]$/.test(token)) {
      if (inClass) isWide = true;
      else counts ||= !isRepeated(after);
    } else if (!inClass && token === '.') counts ||= !isRepeated(after);
  }
  return counts ? 'counts' : 'same';
}

/** As often as one likes: then it makes no difference what counts as one. */
function isRepeated(after: string): boolean {
  return /^([*+]|\{[01],\})/.test(after);
}

function compiles(source: string): boolean {
  try {
    new RegExp(source, 'u');
    return true;
  } catch {
    return false;
  }
}
