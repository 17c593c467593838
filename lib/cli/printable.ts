/** A text without what a terminal would obey: control characters other than line ends and tabs are written as JSON writes them. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(
    /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
