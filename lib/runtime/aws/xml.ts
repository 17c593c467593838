/** What an XML answer of a Query service says: a text, a list, or parts by name. */
export type XmlValue = string | XmlValue[] | { [name: string]: XmlValue };

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/**
 * Reads the plain XML that AWS Query services answer with: elements within elements, no mixed content, attributes that
 * say nothing. A general parser would be larger than all the code that speaks to AWS.
 */
export function readXml(text: string): XmlValue {
  const root: Element = { name: '', text: '', children: [] };
  const open = [root];
  for (const [, closing, name, empty, content] of text.matchAll(/<(\/?)([\w:.-]+)[^<>]*?(\/?)>([^<]*)/g)) {
    if (closing === '/') {
      if (open.length > 1) open.pop();
      continue;
    }
    const element: Element = { name: name!, text: content ?? '', children: [] };
    open.at(-1)!.children.push(element);
    if (empty !== '/') open.push(element);
  }
  return toValue(root);
}

/** The text of a value, when it is one. */
export function textOf(value: XmlValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

interface Element {
  name: string;
  text: string;
  children: Element[];
}

function toValue({ text, children }: Element): XmlValue {
  if (children.length === 0) return decode(text);
  if (children.every(({ name }) => name === 'member')) return children.map(toValue);
  return Object.fromEntries(children.map((child) => [child.name, toValue(child)]));
}

function decode(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (entity, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal) return String.fromCodePoint(Number(decimal));
    return ENTITIES[name] ?? entity;
  });
}
