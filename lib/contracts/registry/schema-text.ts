/** As wide as a line gets before a list is written with an item a line. */
const COLUMNS = 120;

/** A document as text: two spaces, an entry a line, short lists of plain values in one. Ends with a line break. */
export function schemaText(document: unknown): string {
  return `${written(document, '', 0)}\n`;
}

/** @param taken columns that stand before the value in its line, without the indent */
function written(value: unknown, indent: string, taken: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const plain = value.every((item) => typeof item !== 'object' || item === null || isEmpty(item));
    const line = plain ? `[${value.map((item) => JSON.stringify(item)).join(', ')}]` : undefined;
    // the comma that may follow is part of the line
    if (line !== undefined && indent.length + taken + line.length + 1 <= COLUMNS) return line;
    return `[\n${value.map((item) => inner + written(item, inner, 0)).join(',\n')}\n${indent}]`;
  }
  if (isEmpty(value)) return '{}';
  const entries = Object.entries(value).map(([key, one]) => {
    const name = `${JSON.stringify(key)}: `;
    return inner + name + written(one, inner, name.length);
  });
  return `{\n${entries.join(',\n')}\n${indent}}`;
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}
