/** Of a function, in characters (source: CreateFunction, AWS Lambda API reference). */
const LONGEST = 256;

/** Says what a function does and for whom, within what Lambda takes: names that do not fit are counted. */
export function describe(verb: string, names: readonly string[], owner: string): string {
  for (let shown = names.length; ; shown--) {
    const rest = names.length - shown;
    const list = names.slice(0, shown).join(', ');
    const text = `${verb} ${list}${rest > 0 ? `${shown > 0 ? ' and ' : ''}${rest} ${shown > 0 ? 'more' : 'types'}` : ''} for ${owner}`;
    if (text.length <= LONGEST || shown === 0) return text.slice(0, LONGEST);
  }
}
