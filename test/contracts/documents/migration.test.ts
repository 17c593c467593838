import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { catalog, type DescribedPipeline } from '../../../lib/contracts/documents/index.ts';
import { type AnyContract, defineEvent, parseEnvelope, parseEvent } from '../../../lib/contracts/index.ts';
import type { ConsumerFacts } from '../../../lib/contracts/pipeline.ts';
import { type RegisteredVersion, schemaFile } from '../../../lib/contracts/registry/registry.ts';
import { type DocumentFacts, schemaDocument } from '../../../lib/contracts/registry/schema-document.ts';

const ORDER = { type: 'order.made', description: 'An order.', key: ({ id }: { id: string }) => id };
const V1 = defineEvent({ ...ORDER, version: 1, schema: z.object({ id: z.string(), total: z.int() }) });
const V2 = defineEvent({
  ...ORDER,
  version: 2,
  major: 2,
  sensitive: ['buyer'],
  schema: z.object({ id: z.string(), cents: z.int(), buyer: z.string() }),
});
const V3 = defineEvent({
  ...ORDER,
  version: 3,
  major: 3,
  schema: z.object({ id: z.string(), amount: z.object({ cents: z.int(), currency: z.string() }) }),
  previous: {
    contract: V2,
    upcast: ({ id, cents }) => ({ id, amount: { cents, currency: 'USD' } }),
  },
});

function published(contract: AnyContract): RegisteredVersion {
  const { type, version } = contract;
  const document = schemaDocument(contract) as RegisteredVersion['document'];
  const facts = document['x-baton'] as DocumentFacts;
  return { type, version, file: schemaFile(type, version), document, facts };
}

function consumer(name: string, events: readonly AnyContract[], produces: readonly AnyContract[] = []): ConsumerFacts {
  return {
    name,
    owner: 'shop',
    kind: 'consumer',
    queue: name,
    deadLetterQueue: `${name}-dlq`,
    topic: 'orders',
    ordered: false,
    pinned: false,
    events: events.map(({ dataschema }) => dataschema),
    produces: produces.map(({ dataschema }) => dataschema),
  };
}

function carrying(events: readonly AnyContract[]) {
  return [{ name: 'orders', owner: 'sales', ordered: false, events: events.map(({ dataschema }) => dataschema) }];
}

function pagesOf(pipeline: DescribedPipeline) {
  const pages = catalog(pipeline, { title: 'T', registry: '../../my events/registry' });
  const page = pages.get('order.made.md')!;
  const sections = page.split(/\n## /);
  return {
    index: pages.get('README.md')!,
    page,
    headings: sections.slice(1).map((section) => section.split('\n')[0]),
    section: (heading: string) => sections.find((section) => section.startsWith(`${heading}\n`)) ?? '',
  };
}

describe('the catalog in the middle of a migration', () => {
  it('shows each version that travels side by side with others, newest first', () => {
    const { index, headings, section } = pagesOf({
      contracts: [V3, V2],
      facts: {
        topics: carrying([V3, V2]),
        consumers: [consumer('old', [V2], [V3, V2]), consumer('new', [V3, V2])],
      },
      registered: [published(V1), published(V2), published(V3)],
    });
    expect(index).toContain('| [order.made](order.made.md) | 3 and 2 |');
    expect(headings).toEqual(['Versions', 'Version 3', 'Version 2', 'Topics', 'Producers', 'Consumers', 'History']);
    expect(section('Versions').split('\n').slice(2, 6)).toEqual([
      '| Version | Topics | Producers | Consumers |',
      '|---|---|---|---|',
      '| [3](#version-3) | `orders` | old | new |',
      '| [2](#version-2) | `orders` | old | new and old |',
    ]);
    for (const [contract, field, others] of [
      [V3, '| `amount.cents` | whole number |', '`buyer`'],
      [V2, '| `buyer` | text | yes | **Sensitive.** |', '`amount'],
    ] as const) {
      const told = section(`Version ${contract.version}`);
      expect(told).toContain(field);
      expect(told).not.toContain(others);
      expect(told).toContain(
        `| Published as | [order.made.v${contract.version}.json](../../my%20events/registry/order.made.v${contract.version}.json) |`,
      );
      const [, json] = /```json\n([\s\S]*?)\n```/.exec(told)!;
      expect(parseEvent(parseEnvelope(json!), [contract]).dataschema).toBe(contract.dataschema);
    }
    // version 1 has travelled: nothing but history is left of it
    expect(section('History')).toMatch(
      /### Version 1\n\nRetired: nobody in this pipeline carries, produces or consumes it any more\./,
    );
    expect(section('History').match(/Retired/g)).toHaveLength(1);
  });

  it('shows a version that is declared and not used yet, beside the one that travels', () => {
    const facts = { topics: carrying([V2]), consumers: [consumer('old', [V2], [V2])] };
    const { index, page, headings, section } = pagesOf({ contracts: [V3, V2], facts, registered: [published(V2)] });
    expect(index).toContain('| [order.made](order.made.md) | 2; declared: 3 |');
    expect(page).toContain('| Versions | 2; declared: 3 |');
    expect(headings.slice(0, 3)).toEqual(['Versions', 'Version 3', 'Version 2']);
    expect(section('Versions')).toContain('| [3](#version-3) | nobody yet | nobody yet | nobody yet |');
    expect(section('Versions')).toContain('| [2](#version-2) | `orders` | old | old |');
    expect(section('Version 2')).toContain('| Published as |');
    // it is not in the registry
    expect(section('Version 3')).not.toContain('Published as');
    expect(page).not.toContain('Retired');
  });

  it.each([
    ['a topic carries', { topics: carrying([V3, V1]), consumers: [] }],
    ['somebody produces', { topics: carrying([V3]), consumers: [consumer('one', [V3], [V1])] }],
    ['somebody consumes', { topics: carrying([V3]), consumers: [consumer('one', [V3, V1])] }],
  ])('shows a version that only the registry knows while %s it', (_, facts) => {
    const { index, headings, section } = pagesOf({ contracts: [V3], facts, registered: [published(V1)] });
    expect(index).toContain('| 3 and 1 |');
    // version 2 is between them, and nobody has to do with it
    expect(headings.filter((one) => one!.startsWith('Version '))).toEqual(['Version 3', 'Version 1']);
    const told = section('Version 1');
    expect(told).toContain('| `total` | whole number | yes |');
    expect(told).toContain('```json\n{\n  "id": "id",\n  "total": 1\n}\n```');
    expect(told).toContain('this is the data alone');
    expect(section('History').match(/### Version (\d)\n\nRetired/)![1]).toBe('2');
  });

  it('masks nothing less in a version that only the registry knows', () => {
    const facts = { topics: carrying([V2]), consumers: [] };
    const current = defineEvent({ ...ORDER, version: 4, schema: z.object({ id: z.string() }) });
    const { section } = pagesOf({ contracts: [current], facts, registered: [published(V2)] });
    expect(section('Version 2')).toContain('| `buyer` | text | yes | **Sensitive.** |');
  });

  it('says so when nobody has the schema of a version that travels', () => {
    const { index, section } = pagesOf({
      contracts: [V3],
      facts: { topics: carrying([V3, V1]), consumers: [] },
    });
    expect(index).toContain('| 3 and 1 |');
    expect(section('Versions')).toContain('| [1](#version-1) | `orders` |  |  |');
    expect(section('Version 1')).toContain('Neither the event modules nor the registry have its schema.');
  });

  it('has no table of versions where there is one', () => {
    const facts = { topics: carrying([V1]), consumers: [consumer('one', [V1])] };
    const { headings, page } = pagesOf({ contracts: [V1], facts, registered: [published(V1)] });
    expect(headings).toEqual(['Version 1', 'Topics', 'Producers', 'Consumers', 'History']);
    expect(page).toContain('| Versions | 1 |');
  });

  it('leads from a list of values that is cut to the file that has them all', () => {
    const many = defineEvent({
      ...ORDER,
      version: 1,
      schema: z.object({ id: z.string(), state: z.enum(Array.from({ length: 50 }, (_, index) => `v${index}`)) }),
    });
    const pipeline = { contracts: [many], facts: { topics: [], consumers: [] } };
    expect(pagesOf({ ...pipeline, registered: [published(many)] }).section('Version 1')).toContain(
      'There is more to it than the table shows: [order.made.v1.json](../../my%20events/registry/order.made.v1.json) has everything.',
    );
    expect(pagesOf(pipeline).section('Version 1')).toContain('than the table shows: the schema has everything.');
  });
});
