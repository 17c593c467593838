import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Command, CommanderError } from 'commander';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { addContractsDiff } from '../../lib/cli/contracts-diff.ts';
import { UsageError } from '../../lib/cli/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'baton-diff-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

const file = (name: string, content: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content));
  return path;
};
const short = file('short.json', { type: 'string', maxLength: 3 });
const long = file('long.json', { type: 'string', maxLength: 5 });
const order = (properties: object) => ({ type: 'object', properties });

async function run(...args: string[]): Promise<{ code: number | undefined; out: string }> {
  let code: number | undefined;
  let out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text;
    return true;
  });
  const program = new Command('baton').exitOverride().configureOutput({ writeErr: () => {} });
  addContractsDiff(program.command('contracts').exitOverride(), (ended) => {
    code = ended;
  });
  for (const command of program.commands.flatMap((each) => each.commands))
    command.exitOverride().configureOutput({ writeErr: () => {} });
  await program.parseAsync(['node', 'baton', 'contracts', 'diff', ...args]);
  return { code, out };
}

describe('baton contracts diff', () => {
  it('exits with 0 when nothing breaks, and says what changed and why', async () => {
    const { code, out } = await run(short, long);
    expect(code).toBe(0);
    expect(out).toBe(
      [
        'ok      #/maxLength  MAX_LENGTH_INCREASED',
        '        The maxLength is 3 in the old schema and 5 in the new schema: what fits the old schema still fits the new schema.',
        '',
        'Compatible (BACKWARD): 1 change, none of which breaks.',
        '',
      ].join('\n'),
    );
  });

  it('exits with 1 when something breaks, and shows that first', async () => {
    const [old, next] = [
      file('o.json', order({ a: { title: 'A' }, b: {} })),
      file('n.json', order({ a: {}, b: { type: 'string' } })),
    ];
    const { code, out } = await run(old, next);
    expect(code).toBe(1);
    expect(out.split('\n').filter((line) => /^\S/.test(line))).toEqual([
      'breaks  #/properties/b  TYPE_NARROWED',
      'ok      #/properties/a  TITLE_CHANGED',
      'Not compatible (BACKWARD): 1 of 2 changes breaks.',
    ]);
    expect((await run(old, next, '--breaking')).out).not.toContain('TITLE_CHANGED');
  });

  it('writes names so that a terminal does not obey them, and a pointer is decoded to them', async () => {
    const name = '\u001b[31m100%\n';
    const one = file('odd-1.json', { properties: { [name]: { type: 'string' } } });
    const two = file('odd-2.json', { properties: { [name]: { type: 'integer' } } });
    const { out } = await run(one, two);
    expect(out).toContain('#/properties/%1B[31m100%25%0A  TYPE_CHANGED');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(out).not.toMatch(/[\x00-\x08\x0b-\x1f]/);
  });

  it('says so when nothing changed', async () => {
    expect(await run(short, short)).toEqual({ code: 0, out: 'Compatible (BACKWARD): nothing changed.\n' });
  });

  it.each([
    ['BACKWARD', 1],
    ['FORWARD', 0],
    ['FULL', 1],
    ['NONE', 0],
  ])('takes the mode %s', async (mode, code) => {
    expect((await run(long, short, '--mode', mode)).code).toBe(code);
  });

  it('takes several old schemas, oldest first, and names the one that a change is against', async () => {
    expect((await run(long, short, short)).code).toBe(0);
    const { code, out } = await run(long, short, short, '--mode', 'BACKWARD_TRANSITIVE');
    expect(code).toBe(1);
    expect(out).toContain(`breaks  #/maxLength  MAX_LENGTH_DECREASED  (against ${long})`);
  });

  it('gives the same as data', async () => {
    const { code, out } = await run(long, short, '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      compatible: false,
      changes: [
        {
          kind: 'MAX_LENGTH_DECREASED',
          path: '#/maxLength',
          compatible: false,
          reason:
            'The maxLength is 5 in the old schema and 3 in the new schema: what fits the old schema may not fit the new schema.',
          direction: 'BACKWARD',
        },
      ],
    });
  });

  it('takes the policy, and writers that write what they declare', async () => {
    const [old, next] = [file('p1.json', order({})), file('p2.json', order({ a: { type: 'string' } }))];
    expect((await run(old, next)).code).toBe(1);
    expect((await run(old, next, '--policy', 'LENIENT')).code).toBe(0);
    expect((await run(old, next, '--closed')).code).toBe(0);
  });

  it('reads standard input for -', async () => {
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(
      Readable.from(['{"type": "string", ', '"maxLength": 3}']) as never,
    );
    expect((await run('-', long)).code).toBe(0);
  });

  it.each([
    ['a file that is not there', [join(folder, 'nix.json'), short], /nix\.json cannot be read: ENOENT.* Give the path/],
    ['a folder', [folder, short], /cannot be read: EISDIR/],
    ['what is not JSON', [file('broken.json', '{"a": 1,}'), short], /broken\.json: it is not JSON, at 1:9: .*\.$/],
    ['what is no schema', [file('list.json', '[1]'), short], /list\.json, at #: \[1\] is no schema/],
    [
      'a keyword of the wrong type',
      [file('five.json', { properties: 5 }), short],
      /five\.json, at #\/properties: 5 cannot be properties/,
    ],
    [
      'a reference to another file',
      [short, file('ref.json', { $ref: 'a.json' })],
      /ref\.json, at #\/\$ref: 'a\.json' leaves the file/,
    ],
    [
      'UTF-16',
      [short, file('wide.json', Buffer.from('\ufeff{}', 'utf16le'))],
      /wide\.json is UTF-16\. Save it as UTF-8/,
    ],
    ['a bound of draft-04', [short, file('d4.json', { exclusiveMinimum: true })], /has to be the number itself/],
    ['one schema', [short], /There is only one schema, .* Give at least two files/],
    ['standard input twice', ['-', '-'], /standard input can be read once/],
  ])('refuses %s in a sentence', async (_, args, message) => {
    const error = await run(...args).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toMatch(message);
  });

  it.each([
    ['--mode', 'SIDEWAYS'],
    ['--policy', 'KIND'],
  ])('refuses %s %s', async (option, value) => {
    const error = await run(short, long, option, value).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CommanderError);
    expect((error as Error).message).toContain(`'${value}' is invalid. Allowed choices are`);
  });
});
