import type { Payload, Schema } from './definition.ts';
import { REFUSED, type Reader } from './reader.ts';

/** A promise where there should be an answer: zod throws, but not everywhere, so that only zod as a whole can tell. */
class Asynchronous extends Error {}

/** Has zod read a node, without the checks that follow. */
export function zodReader({ _zod }: Schema): Reader {
  return (value) => {
    const payload = _zod.parse({ value, issues: [] }, { async: false });
    if (payload instanceof Promise) throw new Asynchronous();
    return payload.issues.length > 0 ? REFUSED : payload.value;
  };
}

/** Has zod run a check: refinements, and what is not written down here. */
export function zodCheck({ _zod }: Schema): Reader {
  const { when } = _zod.def;
  return (value) => {
    const payload: Payload = { value, issues: [] };
    if (when !== undefined && !when(payload)) return value;
    if (_zod.check(payload) instanceof Promise) throw new Asynchronous();
    return payload.issues.length > 0 ? REFUSED : payload.value;
  };
}
