/** What an XML answer of a Query service says: a text, a truth, a list, or parts by name. */
export type XmlValue = string | boolean | XmlValue[] | { [name: string]: XmlValue };

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/**
 * Reads the plain XML that AWS Query services answer with: elements within elements, no mixed content, attributes that
 * say nothing. A general parser would be larger than all the code that speaks to AWS.
 * @param booleans names of elements that are true or false; every other one without children is a text
 */
export function readXml(text: string, booleans: readonly string[] = []): XmlValue {
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
  return toValue(root, booleans);
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

function toValue({ name, text, children }: Element, booleans: readonly string[]): XmlValue {
  if (children.length === 0) return booleans.includes(name) ? text.trim() === 'true' : decode(text);
  if (children.every((child) => child.name === 'member')) return children.map((child) => toValue(child, booleans));
  return Object.fromEntries(children.map((child) => [child.name, toValue(child, booleans)]));
}

function decode(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (entity, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal) return String.fromCodePoint(Number(decimal));
    return ENTITIES[name] ?? entity;
  });
}
