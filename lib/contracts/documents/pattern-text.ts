/** Makes a text: `extra` is how often what may repeat does so beyond what it must, `turn` moves every choice of a character on. */
export type TextMaker = (extra: number, turn: number) => string;

/** What a pattern has that no text is made for. */
export class UnsupportedPatternError extends Error {
  override name = 'UnsupportedPatternError';
}

/** Tried in this order: an example is to be read by people. */
const ALPHABET = [
  ...'abcdefghijklmnopqrstuvwxyz',
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  ...'1234567890',
  ...'-_ .,:;/@#+*~!?$%&()[]{}<>=|\'"^`\\\t\n',
];

/** Beyond these a text is no example any more. */
const LONGEST = 10_000;
const DEEPEST = 50;

/**
 * Reads a regular expression as something that makes texts for it. Assertions (`\b`, look-ahead, look-behind) are taken for fulfilled:
 * whoever uses a text has to test it.
 * @throws UnsupportedPatternError for back references, and for what is no regular expression
 */
export function textMaker(pattern: string): TextMaker {
  return new PatternReader(pattern).read();
}

/** Characters that a piece of a pattern matches: a class, an escape, a dot. */
function charactersOf(source: string): readonly string[] {
  const tests = ['u', ''].flatMap((flags) => {
    try {
      return [new RegExp(`^(?:${source})$`, flags)];
    } catch {
      return [];
    }
  });
  const [test] = tests;
  if (test === undefined) throw new UnsupportedPatternError(`'${source}' is no part of a regular expression`);
  const known = ALPHABET.filter((character) => test.test(character));
  if (known.length > 0) return known;
  for (let point = 0; point <= 0x1ffff; point++) {
    if ((point < 0xd800 || point > 0xdfff) && test.test(String.fromCodePoint(point)))
      return [String.fromCodePoint(point)];
  }
  throw new UnsupportedPatternError(`no character fits '${source}'`);
}

class PatternReader {
  readonly #characters: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#characters = [...pattern];
  }

  read(): TextMaker {
    const maker = this.#alternatives();
    if (this.#at < this.#characters.length)
      throw new UnsupportedPatternError('a bracket is closed that was not opened');
    return maker;
  }

  #alternatives(): TextMaker {
    if (++this.#depth > DEEPEST) throw new UnsupportedPatternError('its groups are nested too deeply');
    const options = [this.#sequence()];
    while (this.#taken('|')) options.push(this.#sequence());
    this.#depth--;
    return (extra, turn) => options[turn % options.length]!(extra, turn);
  }

  #sequence(): TextMaker {
    const parts: TextMaker[] = [];
    for (let next = this.#peek(); next !== undefined && next !== '|' && next !== ')'; next = this.#peek()) {
      parts.push(this.#repeated(this.#atom()));
    }
    return (extra, turn) => {
      let text = '';
      for (const part of parts) {
        text += part(extra, turn);
        if (text.length > LONGEST) throw new UnsupportedPatternError('its texts are too long for an example');
      }
      return text;
    };
  }

  #repeated(atom: TextMaker): TextMaker {
    const times = this.#quantifier();
    if (times === undefined) return atom;
    this.#taken('?');
    return (extra, turn) => {
      const count = Math.min(times.least + extra, times.most);
      if (count > LONGEST) throw new UnsupportedPatternError('its texts are too long for an example');
      // each repetition moves on, so that a text reads 'abc' rather than 'aaa'
      return Array.from({ length: count }, (_, nth) => atom(extra, turn + nth)).join('');
    };
  }

  #quantifier(): { least: number; most: number } | undefined {
    if (this.#taken('*')) return { least: 0, most: Number.POSITIVE_INFINITY };
    if (this.#taken('+')) return { least: 1, most: Number.POSITIVE_INFINITY };
    if (this.#taken('?')) return { least: 0, most: 1 };
    const match = /^\{(\d+)(,?)(\d*)\}/.exec(this.#characters.slice(this.#at, this.#at + 40).join(''));
    if (match === null) return undefined;
    this.#at += match[0].length;
    const least = Number(match[1]);
    if (match[2] === '') return { least, most: least };
    return { least, most: match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3]) };
  }

  #atom(): TextMaker {
    const character = this.#characters[this.#at++]!;
    switch (character) {
      case '^':
      case '$':
        return () => '';
      case '(':
        return this.#group();
      case '[':
        return oneOf(charactersOf(`[${this.#classRest()}`));
      case '.':
        return oneOf(ALPHABET);
      case '\\':
        return this.#escape();
      default:
        return () => character;
    }
  }

  #group(): TextMaker {
    const head = /^\?(?:[:=!]|<[=!]|<[^>]*>|[a-z-]*:)/.exec(
      this.#characters.slice(this.#at, this.#at + 80).join(''),
    )?.[0];
    if (head !== undefined) this.#at += [...head].length;
    const inside = this.#alternatives();
    if (!this.#taken(')')) throw new UnsupportedPatternError('a bracket is not closed');
    const asserts = head !== undefined && /^\?<?[=!]$/.test(head);
    return asserts ? () => '' : inside;
  }

  #classRest(): string {
    let source = '';
    for (let next = this.#characters[this.#at++]; next !== undefined; next = this.#characters[this.#at++]) {
      source += next;
      if (next === ']') return source;
      if (next === '\\') source += this.#characters[this.#at++] ?? '';
    }
    throw new UnsupportedPatternError('a character class is not closed');
  }

  #escape(): TextMaker {
    const rest = this.#characters.slice(this.#at, this.#at + 60).join('');
    const source = /^(?:u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[pP]\{[^}]*\}|c[A-Za-z]|.)/su.exec(rest)?.[0];
    if (source === undefined) throw new UnsupportedPatternError('it ends in a backslash');
    this.#at += [...source].length;
    if (/^[1-9k]/.test(source)) throw new UnsupportedPatternError('it refers back to a group');
    if (source === 'b' || source === 'B') return () => '';
    return oneOf(charactersOf(`\\${source}`));
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #taken(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }
}

function oneOf(characters: readonly string[]): TextMaker {
  return (_extra, turn) => characters[turn % characters.length]!;
}
