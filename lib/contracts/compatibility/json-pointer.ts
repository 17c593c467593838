/** A JSON pointer in fragment form, one step further (RFC 6901); left readable, so nothing but `~` and `/` is escaped. */
export function below(pointer: string, ...steps: readonly (string | number)[]): string {
  return steps.reduce<string>(
    (text, step) => `${text}/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    pointer,
  );
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
