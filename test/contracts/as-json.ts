/**
 * What is left of data that JSON can carry: of a Date its text, of -0 zero, nothing of what is undefined. By hand, since JSON.parse of
 * Node 24 takes some names for others (nodejs/node, issue 63785).
 */
export function asJson(data: unknown): unknown {
  if (typeof data === 'number') return data + 0;
  if (typeof data !== 'object' || data === null) return data;
  if ('toJSON' in data && typeof data.toJSON === 'function') return asJson(data.toJSON());
  if (Array.isArray(data)) return data.map(asJson);
  const kept = Object.entries(data).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept.map(([name, value]) => [name, asJson(value)]));
}
