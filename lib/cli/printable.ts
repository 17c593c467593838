/** Control characters other than line ends and tabs. */
const OBEYED = /(?![\n\t])\p{Cc}/gu;

/** A text without what a terminal would obey: control characters are written as JSON writes them. */
export function printable(text: string): string {
  return text.replace(OBEYED, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
