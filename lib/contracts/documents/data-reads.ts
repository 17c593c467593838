/** Longer walks are no walk to a field. */
const MOST_READS = 1_000;

/**
 * The fields that a function of the data reads, as paths such as `orderId` or `lines[].productId`; undefined when it fails.
 * Told from one run: what it does with other data may be more.
 */
export function dataReads(read: (data: never) => unknown, data: unknown): string[] | undefined {
  const paths = new Set<string>();
  let reads = 0;
  const watched = (value: unknown, path: string): unknown => {
    if (typeof value === 'function' || value === undefined) return value;
    if (!isPlain(value)) {
      paths.add(path);
      return value;
    }
    return new Proxy(value, {
      get(target, name) {
        if (++reads > MOST_READS) throw new RangeError('it reads too much to be told');
        const inner: unknown = Reflect.get(target, name);
        if (typeof name === 'symbol' || (Array.isArray(target) && name === 'length')) return inner;
        const isItem = Array.isArray(target) && /^\d+$/.test(name);
        return watched(inner, isItem ? `${path}[]` : path === '' ? name : `${path}.${name}`);
      },
    });
  };
  try {
    // a copy is never frozen, and a proxy must tell the truth of what is
    read(watched(structuredClone(data), '') as never);
    return [...paths].filter((path) => path !== '');
  } catch {
    return undefined;
  }
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}
