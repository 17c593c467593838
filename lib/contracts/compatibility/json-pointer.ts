/**
 * A JSON pointer in fragment form (RFC 6901), some steps further. Left readable: only what could be taken for something else (`%`,
 * white space, control characters) is percent-encoded, so that decoding it always gives the pointer.
 */
export function below(pointer: string, ...steps: readonly (string | number)[]): string {
  return steps.reduce<string>((text, step) => `${text}/${encoded(String(step))}`, pointer);
}

function encoded(step: string): string {
  const text = step.toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1');
  return text.replace(/[%\s\p{C}]/gu, encodeURIComponent);
}

/** The steps of a pointer that is the fragment of a `$ref`, percent-decoded; undefined when it is not one. */
export function stepsOf(fragment: string): string[] | undefined {
  if (fragment === '') return [];
  if (!fragment.startsWith('/')) return undefined;
  try {
    const text = decodeURIComponent(fragment);
    return text
      .slice(1)
      .split('/')
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  } catch {
    return undefined;
  }
}
