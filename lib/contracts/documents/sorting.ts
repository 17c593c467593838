/** By name, whatever order the templates came in. */
export function sorted<Named extends { readonly name: string }>(list: readonly Named[]): Named[] {
  return list.toSorted((a, b) => order(a.name, b.name));
}

/** By code units: the same everywhere, whatever the machine's language is. */
export function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
