import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { PAGE_MARK } from '../../../lib/contracts/documents/catalog-page.ts';
import { dataReads } from '../../../lib/contracts/documents/data-reads.ts';
import { changesBetween } from '../../../lib/contracts/documents/history.ts';
import { catalog, type DescribedPipeline } from '../../../lib/contracts/documents/index.ts';
import { code, codeBlock, text } from '../../../lib/contracts/documents/markdown.ts';
import { schemaRows } from '../../../lib/contracts/documents/schema-rows.ts';
import { type AnyContract, defineEvent, parseEnvelope, parseEvent } from '../../../lib/contracts/index.ts';
import type { RegisteredVersion } from '../../../lib/contracts/registry/registry.ts';
import { schemaDocument } from '../../../lib/contracts/registry/schema-document.ts';
import * as shop from './hostile-shop.ts';

const hostile: DescribedPipeline = { contracts: shop.contracts, facts: shop.facts, readers: shop.readers };
const pages = catalog(hostile, { title: 'Shop | <b>', asyncApiFile: 'asyncapi.json' });
const parcel = pages.get('parcel.sent.md')!;

function schemaOf(schema: z.ZodType) {
  return schemaDocument(defineEvent({ type: 'a', version: 1, description: 'A.', key: () => 'a', schema }));
}
function rowsOf(schema: z.ZodType): string[][] {
  return schemaRows(schemaOf(schema)).rows.map(({ path, type, required, constraints }) => [
    path,
    type,
    required ? 'yes' : 'no',
    constraints.join('; '),
  ]);
}
/** The cells of the table under a heading. */
function tableUnder(page: string, heading: string): string[][] {
  const [, rest = ''] = page.split(`\n${heading}\n`);
  const lines = rest
    .split(/\n#/)[0]!
    .split('\n')
    .filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
}

/** The part of a page that describes a version. */
function versionIn(page: string, version: number): string {
  return page.split(`\n## Version ${version}\n`)[1]!.split(/\n## /)[0]!;
}

describe('the catalog', () => {
  it('has an index and a page for each type, all marked, with links that lead somewhere', () => {
    expect([...pages.keys()]).toEqual([
      'README.md',
      'all.refuse.md',
      'everything.happened.md',
      'folder.moved.md',
      'parcel.send.md',
      'parcel.sent.md',
    ]);
    for (const page of pages.values()) {
      expect(page.startsWith(`${PAGE_MARK}\n`)).toBe(true);
      for (const [, target] of page.matchAll(/\]\(([^)]+)\)/g)) {
        if (target!.startsWith('#'))
          expect(page).toContain(`\n## ${target!.slice(1).replace('version-', 'Version ')}\n`);
        else expect([...pages.keys(), 'asyncapi.json']).toContain(target);
      }
    }
  });

  it('says on the index who owns, sends and reads what', () => {
    const index = pages.get('README.md')!;
    expect(tableUnder(index, '## Events').at(-1)).toEqual([
      '[parcel.sent](parcel.sent.md)',
      '3, 2 and 1',
      'A parcel is on its way \\| with \\*stars\\*, \\`ticks\\` and &lt;b&gt;tags&lt;/b&gt;.',
      'logistics',
      'sender',
      'pinned and tracking',
    ]);
    expect(tableUnder(index, '## Commands').map(([type]) => type)).toEqual([
      '[all.refuse](all.refuse.md)',
      '[parcel.send](parcel.send.md)',
    ]);
    expect(tableUnder(index, '## Owners').find(([owner]) => owner === 'search')).toEqual([
      'search',
      '',
      '',
      '[folder.moved](folder.moved.md)',
    ]);
  });

  it('says of a type what its contract says, and which fields make its key, headers and tenant', () => {
    const facts = versionIn(parcel, 3);
    expect(facts).toContain('| Its readers accept | versions 3, 2 and 1 |');
    expect(facts).toContain('| Major | 2 |');
    expect(facts).toContain('| Compatibility | `BACKWARD`:');
    expect(facts).toContain('| Key | `id` (in the example `id`) |');
    expect(facts).toContain('| Header `carrier` | `carrier` (in the example `dhl`) |');
    expect(facts).toContain('| Tenant | `receiver.country` (in the example `AB`) |');
  });

  it('marks what is sensitive, with everything below', () => {
    const rows = tableUnder(versionIn(parcel, 3), '### Data');
    expect(rows.map(([field, , , , description]) => [field, description])).toEqual([
      ['`id`', ''],
      ['`grams`', ''],
      ['`carrier`', ''],
      ['`receiver`', '**Sensitive.**'],
      ['`receiver.name`', '**Sensitive.**'],
      ['`receiver.country`', '**Sensitive.**'],
    ]);
  });

  it('shows an example that can be read', () => {
    const [, json] = /### Example\n\n```json\n([\s\S]*?)\n```/.exec(parcel)!;
    expect(parseEvent(parseEnvelope(json!), [shop.ParcelSent]).data).toMatchObject({ carrier: 'dhl' });
    expect(parcel).toContain(
      'Message attributes beside it: `carrier` `dhl`, `grams` `1`, `type` `parcel.sent`, `version` `3` and `key` `id`.',
    );
    expect(pages.get('all.refuse.md')).toContain('No example could be made of the schema');
  });

  it('says of each consumer what it gets, what it accepts, and what it needs of it', () => {
    expect(tableUnder(parcel, '## Consumers')).toEqual([
      [
        'pinned',
        'logistics',
        '`pinned.fifo`',
        'by key',
        '1',
        'everything; written against version 1; pinned: its filter lets no other version pass',
      ],
      ['tracking', 'care \\| and more', '`tracking`', 'none', '3, 2 and 1', 'only `id` and `receiver.country`'],
    ]);
    expect(tableUnder(parcel, '## Producers')).toEqual([['sender', 'logistics', '3 and 2']]);
    expect(tableUnder(parcel, '## Topics')).toEqual([['`parcels.fifo`', 'logistics', 'by key', '3, 2 and 1']]);
    const unread = { ...hostile, readers: [{ ...shop.readers[0]!, accepts: [3], partial: false }] };
    const [, tracking] = tableUnder(catalog(unread, { title: '' }).get('parcel.sent.md')!, '## Consumers');
    expect(tracking!.at(-1)).toBe('everything; its code accepts version 3');
    const choosy = shop.facts.consumers.map((one) => ({ ...one, headers: ['carrier'] }));
    const filtered = catalog({ ...hostile, facts: { ...shop.facts, consumers: choosy } }, { title: '' });
    expect(tableUnder(filtered.get('parcel.sent.md')!, '## Consumers')[1]!.at(-1)).toBe(
      'only `id` and `receiver.country`; only what its filter on `carrier` lets pass',
    );
  });

  it('tells topics apart where there is more than one, those made elsewhere among them', () => {
    const folder = pages.get('folder.moved.md')!;
    expect(tableUnder(folder, '## Topics')).toEqual([
      ['`rest`', 'nobody said so', 'none', '1'],
      ['`a-topic-of-others`', 'made elsewhere', 'none', '1'],
      ['the topic of no topic known', 'made elsewhere', 'none', '1'],
    ]);
    expect(tableUnder(folder, '## Consumers').map((row) => row[2])).toEqual([
      '`a-topic-of-others`',
      'the topic of no topic known',
    ]);
    const told = {
      ...shop.facts.consumers[4]!,
      produces: [shop.FolderMoved.dataschema],
      publishesTo: [{ topic: 'a-topic-of-others', events: [shop.FolderMoved.dataschema] }],
    };
    const facts = { ...shop.facts, consumers: [...shop.facts.consumers.slice(0, 4), told] };
    const page = catalog({ ...hostile, facts }, { title: '' }).get('folder.moved.md')!;
    expect(tableUnder(page, '## Producers')).toEqual([['sender', 'logistics', '1', '`a-topic-of-others`']]);
  });

  it('leaves out a column that has nothing in it', () => {
    expect(pages.get('folder.moved.md')).toContain('\n| Field | Type | Required |\n');
    expect(parcel).toContain('\n| Field | Type | Required | Constraints | Description |\n');
  });

  it('tells the history: what changed, who can read whom, and how it is upcast', () => {
    const history = parcel.split('## History')[1]!;
    const [, third, second, first] = history.split('### ');
    expect(third).toContain('- a new major: 2 after 1');
    expect(third).toContain('- added `grams`: whole number, required, more than 0');
    expect(third).toContain('- removed `weight`');
    // two lists, not one: something stands between them
    expect(third).toMatch(/- removed `express`\n\nWho can read whom:\n\n- Readers/);
    expect(third).toMatch(/- Readers of version 3 can read what version 2 writes: no\n {2}- `grams`: Only version 3/);
    expect(third).toMatch(/becomes:\n\n```json\n\{\n {2}"id": "id",\n {2}"grams": 1,/);
    expect(second).toContain('- added `express`: true or false, optional');
    expect(second).toContain('- Readers of version 2 can read what version 1 writes: yes');
    expect(second).toContain('- Readers of version 1 can read what version 2 writes: yes');
    expect(first).toMatch(/^Version 1\n\nThe first version\./);
  });

  it('keeps versions that only the registry knows, and names types that are gone', () => {
    const registered = (type: string): RegisteredVersion => {
      const contract = defineEvent({
        type,
        version: 1,
        description: 'Old.',
        key: () => 'a',
        schema: z.object({ a: z.string() }),
      });
      const facts = { kind: 'event', version: 1, major: 1, compatibility: 'NONE' } as const;
      return {
        type,
        version: 1,
        file: `${type}.v1.json`,
        document: schemaDocument(contract) as RegisteredVersion['document'],
        facts,
      };
    };
    const current: AnyContract = defineEvent({
      type: 'kept',
      version: 2,
      description: 'Kept.',
      key: () => 'a',
      schema: z.object({ a: z.number() }),
    });
    const made = catalog(
      {
        contracts: [current],
        facts: { topics: [], consumers: [] },
        registered: [registered('kept'), registered('lost')],
      },
      { title: 'T' },
    );
    expect(made.get('README.md')).toContain('Only the registry knows them: `lost`.');
    expect(made.get('kept.md')).toMatch(
      /changed `a`: was text, required; is number, required[\s\S]*### Version 1\n\nRetired/,
    );
    expect(made.get('kept.md')).toContain('| Its readers accept | version 2 |');
    expect(made.get('kept.md')).toContain('| Versions | declared: 2 |');
    expect(made.get('kept.md')).not.toContain('## Version 1\n\n| Version');
    expect([...made.keys()]).toEqual(['README.md', 'kept.md']);
  });

  it('tells of an upcaster that fails instead of failing', () => {
    const first = defineEvent({
      type: 'up',
      version: 1,
      description: 'Up.',
      key: () => 'a',
      schema: z.object({ a: z.string() }),
    });
    const upcast = () => {
      throw new Error('no way');
    };
    const second = defineEvent({
      ...first,
      version: 2,
      schema: z.object({ b: z.string() }),
      key: () => 'a',
      tenant: undefined,
      headers: {},
      previous: { contract: first, upcast },
    });
    const page = catalog({ contracts: [second], facts: { topics: [], consumers: [] } }, { title: 'T' }).get('up.md');
    expect(page).toContain('The upcaster fails for the example of version 1: no way');
  });

  it('is the same whatever the order of what it is made of', () => {
    const turned = {
      contracts: hostile.contracts.toReversed(),
      facts: { topics: shop.facts.topics.toReversed(), consumers: shop.facts.consumers.toReversed() },
      readers: shop.readers.toReversed(),
    };
    expect([...catalog(turned, { title: 'Shop | <b>', asyncApiFile: 'asyncapi.json' })]).toEqual([...pages]);
  });

  it('keeps the page of a type called readme apart from the index', () => {
    const contract = defineEvent({
      type: 'readme',
      version: 1,
      description: 'R.',
      key: () => 'a',
      schema: z.object({}),
    });
    const made = catalog({ contracts: [contract], facts: { topics: [], consumers: [] } }, { title: 'T' });
    expect([...made.keys()].map((name) => name.toLowerCase())).toEqual(['readme.md', 'readme-.md']);
    expect(made.get('README.md')).toContain('[readme](readme-.md)');
  });
});

describe('a schema as a table', () => {
  it('says types, bounds and lists in words', () => {
    const rows = rowsOf(
      z.object({
        lines: z
          .array(z.object({ quantity: z.int().positive(), tags: z.array(z.string().max(5)).max(3).optional() }))
          .min(1),
        state: z.enum(['open', 'closed']).nullable(),
        price: z.number().min(0).lt(100).multipleOf(0.01),
        day: z.iso.date(),
        code: z
          .string()
          .regex(/^[a|b]$/)
          .length(1),
        pair: z.tuple([z.string(), z.int()]),
        map: z.record(z.string(), z.number()),
        kind: z.literal('a'),
        any: z.unknown(),
      }),
    );
    expect(rows).toEqual([
      ['lines', 'list of objects', 'yes', 'at least 1 item'],
      ['lines[].quantity', 'whole number', 'yes', 'more than 0'],
      ['lines[].tags', 'list of texts', 'no', 'at most 3 items'],
      ['lines[].tags[]', 'text', 'yes', 'at most 5 characters'],
      ['state', 'one of `"open"` or `"closed"` or null', 'yes', ''],
      ['price', 'number', 'yes', 'at least 0; less than 100; a multiple of 0.01'],
      ['day', 'text (date)', 'yes', ''],
      ['code', 'text', 'yes', 'exactly 1 character; matches `^[a\\|b]$`'],
      ['pair', 'list of these 2', 'yes', 'exactly 2 items'],
      ['pair[0]', 'text', 'yes', ''],
      ['pair[1]', 'whole number', 'yes', ''],
      ['map', 'object', 'yes', ''],
      ['map.*', 'number', 'no', ''],
      ['kind', 'always `"a"`', 'yes', ''],
      ['any', 'anything', 'yes', ''],
    ]);
  });

  it('names the kind of a text instead of its expression, and says what code checks', () => {
    const rows = rowsOf(
      z.object({
        token: z.jwt(),
        id: z.ulid(),
        at: z.iso.datetime(),
        sku: z.string().regex(/^a|b$/i),
        trimmed: z.string().trim(),
        own: z.string().regex(/^[a-z]+$/),
      }),
    );
    expect(rows).toEqual([
      ['token', 'text (jwt)', 'yes', ''],
      ['id', 'text (ulid)', 'yes', ''],
      ['at', 'text (date-time)', 'yes', 'ends in `Z`'],
      ['sku', 'text', 'yes', 'code checks that it matches `/^a\\|b$/i`'],
      ['trimmed', 'text', 'yes', 'code checks more than this schema says'],
      ['own', 'text', 'yes', 'matches `^[a-z]+$`'],
    ]);
  });

  it('names alternatives after what tells them apart', () => {
    const rows = rowsOf(
      z.object({
        pay: z.discriminatedUnion('by', [
          z.object({ by: z.literal('card'), number: z.string() }),
          z.object({ by: z.literal('cash') }),
        ]),
      }),
    );
    expect(rows.map(([path, type]) => [path, type])).toEqual([
      ['pay', 'one of 2 objects'],
      ['pay(card).by', 'always `"card"`'],
      ['pay(card).number', 'text'],
      ['pay(cash).by', 'always `"cash"`'],
    ]);
  });

  it('shows the names that a record can have, or says what they have to be', () => {
    const rows = rowsOf(
      z.object({
        all: z.record(z.enum(['a', 'b']), z.int()),
        some: z.partialRecord(z.enum(['a', 'b']), z.int()),
        many: z.partialRecord(z.enum(Array.from({ length: 20 }, (_, index) => `v${index}`)), z.int()),
        codes: z.record(
          z
            .string()
            .regex(/^[A-Z]+$/)
            .max(3),
          z.int(),
        ),
        ids: z.record(z.uuid(), z.int()),
      }),
    );
    expect(rows).toEqual([
      ['all', 'object', 'yes', ''],
      ['all.a', 'whole number', 'yes', ''],
      ['all.b', 'whole number', 'yes', ''],
      ['some', 'object', 'yes', ''],
      ['some.a', 'whole number', 'no', ''],
      ['some.b', 'whole number', 'no', ''],
      ['many', 'object', 'yes', expect.stringMatching(/^each name: one of `"v0"`, .* and 8 more$/)],
      ['many.*', 'whole number', 'no', ''],
      ['codes', 'object', 'yes', 'each name: at most 3 characters, matches `^[A-Z]+$`'],
      ['codes.*', 'whole number', 'no', ''],
      ['ids', 'object', 'yes', 'each name: text (uuid)'],
      ['ids.*', 'whole number', 'no', ''],
    ]);
  });

  it('says what is asked of what may be null, and of each of several forms', () => {
    const rows = rowsOf(
      z.object({
        name: z.string().min(2).nullable(),
        place: z.object({ lines: z.array(z.string()).min(1).nullable() }).nullable(),
        either: z.union([z.string().max(5), z.number(), z.boolean().describe('Or not.')]),
        pay: z.discriminatedUnion('by', [
          z.object({ by: z.literal('card'), number: z.string() }).refine(() => true),
          z.object({ by: z.literal('cash') }),
        ]),
      }),
    );
    expect(rows).toEqual([
      ['name', 'text or null', 'yes', 'at least 2 characters'],
      ['place', 'object or null', 'yes', ''],
      ['place.lines', 'list of texts or null', 'yes', 'at least 1 item'],
      ['either', 'text, number or true or false', 'yes', ''],
      ['either(1)', 'text', 'no', 'at most 5 characters'],
      ['either(3)', 'true or false', 'no', ''],
      ['pay', 'one of 2 objects', 'yes', ''],
      ['pay(card)', 'object', 'no', 'code checks more than this schema says'],
      ['pay(card).by', 'always `"card"`', 'yes', ''],
      ['pay(card).number', 'text', 'yes', ''],
      ['pay(cash).by', 'always `"cash"`', 'yes', ''],
    ]);
  });

  it('ends a recursion with where it leads back to', () => {
    const rows = schemaRows(schemaDocument(shop.FolderMoved)).rows.map(({ path, type }) => [path, type]);
    expect(rows).toContainEqual(['folder.children[]', 'like `folder`']);
    expect(rows.length).toBeLessThan(20);
  });

  it('ends, and says so, where a schema branches at every level', () => {
    const wide = (depth: number): object =>
      depth === 0
        ? { type: 'string' }
        : {
            type: 'object',
            properties: Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, wide(depth - 1)])),
          };
    expect(schemaRows(wide(6) as never)).toMatchObject({ complete: false });
    let deep: object = { type: 'string' };
    for (let depth = 0; depth < 200; depth++) deep = { type: 'object', properties: { a: deep } };
    expect(schemaRows(deep as never)).toMatchObject({ complete: false });
  });

  it('shows the first of many values', () => {
    const many = z.object({ many: z.enum(Array.from({ length: 10_000 }, (_, index) => `v${index}`)) });
    expect(rowsOf(many)[0]![1]).toMatch(/^one of `"v0"`, .* and 9,988 more$/);
    expect(schemaRows(schemaOf(many)).complete).toBe(false);
    expect(schemaRows(schemaOf(z.object({ few: z.enum(['a', 'b']) }))).complete).toBe(true);
  });

  it('says what two schemas do not have in common', () => {
    const before = schemaOf(z.object({ a: z.string(), b: z.int().min(1), c: z.string() }));
    const after = schemaOf(z.object({ a: z.string(), b: z.number().min(0).optional(), d: z.string() }));
    expect(changesBetween(before, after)).toEqual([
      'added `d`: text, required',
      'removed `c`',
      'changed `b`: was whole number, required, at least 1; is number, optional, at least 0',
    ]);
    expect(changesBetween(before, before)).toEqual([]);
  });
});

describe('Markdown', () => {
  it.each([
    ['a | b', 'a \\| b'],
    ['<script>&', '&lt;script&gt;&amp;'],
    ['*a* _b_ `c` [d](e) ~f~', '\\*a\\* \\_b\\_ \\`c\\` \\[d\\](e) \\~f\\~'],
    ['1. no list', '1\\. no list'],
    ['0.2 means 20%', '0.2 means 20%'],
    ['- no list', '\\- no list'],
    ['# no heading', '\\# no heading'],
    ['two\n\nlines\u0000', 'two lines'],
    ['half \ud800', 'half \ufffd'],
  ])('shows %j as it is', (given, shown) => {
    expect(text(given)).toBe(shown);
  });

  it('fences code whatever ticks are in it', () => {
    expect(code('a`b')).toBe('``a`b``');
    expect(code('`')).toBe('`` ` ``');
    expect(code('a|b')).toBe('`a\\|b`');
    expect(codeBlock('json', '```')).toBe('````json\n```\n````');
  });
});

describe('the fields that a function reads', () => {
  it.each<[string, (data: never) => unknown, string[] | undefined]>([
    ['one', (data: { a: string }) => data.a, ['a']],
    [
      'of the items of a list',
      (data: { lines: { id: string }[] }) => data.lines.map(({ id }) => id).join(),
      ['lines[].id'],
    ],
    [
      'inside of another',
      (data: { b: { c: string } }) => `${data.b.c}${(data as unknown as { a: string }).a}`,
      ['b.c', 'a'],
    ],
    ['nothing', () => 'fixed', []],
    ['what fails', () => (undefined as unknown as { x: string }).x, undefined],
  ])('are told: %s', (_, read, paths) => {
    expect(dataReads(read, Object.freeze({ a: '1', b: Object.freeze({ c: '2' }), lines: [{ id: '3' }] }))).toEqual(
      paths,
    );
  });
});
