import { code, list, text } from './markdown.ts';
import { nameOfPattern } from './named-texts.ts';

/** As many values as a reader takes in; the schema itself has them all. */
export const MOST_VALUES = 12;
const SAFE = Number.MAX_SAFE_INTEGER;

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  object: 'object',
  array: 'list',
  null: 'null',
};

/** The name of a JSON type for people. */
export function typeWord(type: string): string {
  return TYPES[type] ?? type;
}

/** A value of `const` or `enum`, as JSON. */
export function valueWord(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return code(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

/** The values of an enum; of long ones the first. */
export function valueWords(values: readonly unknown[]): string {
  const shown = values.slice(0, MOST_VALUES).map(valueWord);
  const more = values.length - shown.length;
  if (more > 0) return `${shown.join(', ')} and ${more.toLocaleString('en-GB')} more`;
  return list(shown, 'or');
}

/** What a schema asks of a value beyond its type, in the order in which one would say it. */
export function constraintWords(keywords: Readonly<Record<string, unknown>>, patterns: readonly string[]): string[] {
  const number = (keyword: string) => (typeof keywords[keyword] === 'number' ? keywords[keyword] : undefined);
  const least = number('minimum');
  const most = number('maximum');
  const over = number('exclusiveMinimum');
  const under = number('exclusiveMaximum');
  const step = number('multipleOf');
  return [
    ...sizeWords('characters', 'character', number('minLength'), number('maxLength')),
    // what stands for a kind of text is named by the type
    ...patterns.filter((pattern) => nameOfPattern(pattern) === undefined).map(patternWords),
    ...(over === undefined ? [] : [`more than ${over}`]),
    ...(least === undefined || least <= -SAFE ? [] : [`at least ${least}`]),
    ...(under === undefined ? [] : [`less than ${under}`]),
    ...(most === undefined || most >= SAFE ? [] : [`at most ${most}`]),
    ...(step === undefined ? [] : [`a multiple of ${step}`]),
    ...sizeWords('items', 'item', number('minItems'), number('maxItems')),
    ...(keywords.uniqueItems === true ? ['no item twice'] : []),
    ...sizeWords('entries', 'entry', number('minProperties'), number('maxProperties')),
    ...(keywords.additionalProperties === false ? ['no other properties'] : []),
    ...('default' in keywords ? [`default ${valueWord(keywords.default)}`] : []),
    ...(keywords.deprecated === true ? ['deprecated'] : []),
    ...(typeof keywords.$comment === 'string' ? [commentWords(keywords.$comment)] : []),
  ];
}

function patternWords(pattern: string): string {
  return pattern === 'Z$' ? `ends in ${code('Z')}` : `matches ${code(pattern)}`;
}

/** What code checks or converts, as the schema tells of it; expressions as code. */
function commentWords(comment: string): string {
  const sentence = /^[A-Z][a-z]/.test(comment) ? comment[0]!.toLowerCase() + comment.slice(1) : comment;
  const [before, expression, after] = [/^(.*?\bmatches )(\/.+\/[a-z]*)(\..*)?$/s.exec(sentence)].flatMap((found) =>
    found === null ? [sentence, '', ''] : [found[1]!, code(found[2]!), found[3] ?? ''],
  );
  return `${text(before!)}${before!.endsWith(' ') ? ' ' : ''}${expression}${text(after!)}`.replace(/\.$/, '');
}

function sizeWords(many: string, one: string, least: number | undefined, most: number | undefined): string[] {
  const counted = (count: number) => `${count.toLocaleString('en-GB')} ${count === 1 ? one : many}`;
  if (least !== undefined && least === most) return [`exactly ${counted(least)}`];
  return [
    ...(least === undefined || least <= 0 ? [] : [`at least ${counted(least)}`]),
    ...(most === undefined || most >= SAFE ? [] : [`at most ${counted(most)}`]),
  ];
}
