import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const CONSTRUCTS = path.resolve(import.meta.dirname, '../../lib/constructs');

interface Prop {
  readonly name: string;
  readonly optional: boolean;
  readonly type: string;
  /** Without its asterisks, on one line. */
  readonly doc: string;
}

interface Props {
  readonly name: string;
  readonly file: string;
  /** What it extends. */
  readonly parents: string;
  readonly doc: string;
  readonly props: readonly Prop[];
}

/**
 * Reads the exported interfaces of a source file, as Biome formats them: one level of indentation is two spaces, and what is
 * inside a prop is deeper.
 */
function interfacesIn(source: string, file: string): Props[] {
  const found: Props[] = [];
  const pattern =
    /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?export interface (\w+)(?: extends ([^{]+))? \{\n([\s\S]*?)^\}/gm;
  for (const [, doc, name, parents = '', body] of source.matchAll(pattern)) {
    found.push({ name: name!, file, parents, doc: textOf(doc), props: propsIn(body!) });
  }
  return found;
}

function propsIn(body: string): Prop[] {
  const pattern =
    /(?:^ {2}\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?^ {2}(?:readonly )?(\w+)(\?)?:\s+([\s\S]*?);\n(?= {2}\S|\n|$(?![\s\S]))/gm;
  return [...body.matchAll(pattern)].map(([, doc, name, optional, type]) => ({
    name: name!,
    optional: optional === '?',
    type: type!.replace(/\s+/g, ' '),
    doc: textOf(doc),
  }));
}

function textOf(doc: string | undefined): string {
  return (doc ?? '')
    .replace(/^\s*\*/gm, '')
    .replace(/\s+/g, ' ')
    .trim();
}

const all = globSync('**/*.ts', { cwd: CONSTRUCTS }).flatMap((file) =>
  interfacesIn(readFileSync(path.join(CONSTRUCTS, file), 'utf8'), file),
);

/** The names that a user of the constructs can import. */
function exportedFrom(file: string): Set<string> {
  const source = readFileSync(path.join(CONSTRUCTS, file), 'utf8');
  const names = new Set<string>();
  for (const [, name] of source.matchAll(/^export (?:abstract )?(?:interface|class|type|const|function) (\w+)/gm)) {
    names.add(name!);
  }
  for (const [, list] of source.matchAll(/^export (?:type )?\{([^}]*)\} from/gm)) {
    for (const name of list!.split(',')) names.add(name.replace(/\btype\b/, '').trim());
  }
  for (const [, from] of source.matchAll(/^export \* from '(.+)'/gm)) {
    for (const name of exportedFrom(path.join(path.dirname(file), from!))) names.add(name);
  }
  names.delete('');
  return names;
}

const exported = exportedFrom('index.ts');

/** What users write: the props and attributes that are exported, and all interfaces of ours that these are made of. */
function whatUsersWrite(): Props[] {
  const reached = new Set<Props>();
  const reach = (each: Props) => {
    if (reached.has(each)) return;
    reached.add(each);
    const words = new Set([each.parents, ...each.props.map(({ type }) => type)].join(' ').match(/\w+/g));
    // interfaces of things, `IEventTopic`, are made and not written
    for (const other of all) if (words.has(other.name) && !/^I[A-Z]|^Monitored$/.test(other.name)) reach(other);
  };
  for (const each of all) if (exported.has(each.name) && /(Props|Attributes)$/.test(each.name)) reach(each);
  return [...reached].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const written = whatUsersWrite();

describe('the reader of props', () => {
  const [sample] = interfacesIn(
    `/** A play. */
export interface PlayProps extends Base {
  /** How long, in minutes. @default 90 */
  readonly length?: number;
  readonly rows: { readonly front: number; readonly back: number };
  /**
   * Who plays.
   *
   * @default nobody
   */
  readonly cast?:
    | string
    | readonly string[];

  readonly title?: string;
}
`,
    'play.ts',
  );

  it('sees every prop, with and without a comment', () => {
    expect(sample).toMatchObject({ name: 'PlayProps', parents: 'Base', doc: 'A play.' });
    expect(sample?.props).toEqual([
      { name: 'length', optional: true, type: 'number', doc: 'How long, in minutes. @default 90' },
      { name: 'rows', optional: false, type: '{ readonly front: number; readonly back: number }', doc: '' },
      { name: 'cast', optional: true, type: '| string | readonly string[]', doc: 'Who plays. @default nobody' },
      { name: 'title', optional: true, type: 'string', doc: '' },
    ]);
  });

  it('sees the props of every construct', () => {
    const names = written.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'AlarmThresholds',
        'AuditTrailProps',
        'BurnRates',
        'CircuitBreakersProps',
        'ClaimCheckAttributes',
        'ClaimCheckProps',
        'CommandQueueAttributes',
        'CommandQueueProps',
        'ConsumerProps',
        'DashboardsProps',
        'Delivery',
        'DependencyProps',
        'EventTopicAttributes',
        'EventTopicProps',
        'ExpectedRate',
        'FlowObjectives',
        'FlowProps',
        'HeartbeatProps',
        'IdempotencyTableAttributes',
        'IdempotencyTableProps',
        'OnCallAttributes',
        'OnCallProps',
        'OperatorAccessProps',
        'OutboxProps',
        'PeopleProps',
        'QueueFunctionProps',
        'SplittingStackProps',
        'TopicAlarmProps',
      ]),
    );
    // as many as a plain count of the lines has
    for (const { name, file, props } of written) {
      const source = readFileSync(path.join(CONSTRUCTS, file), 'utf8');
      const body = source.slice(source.indexOf(`export interface ${name} `)).split('\n}\n')[0]!;
      expect(props.length, `${file}: ${name}`).toBe(body.match(/^ {2}readonly /gm)?.length ?? 0);
    }
  });
});

/** What a number counts, or the unit it is in. */
const UNITS =
  /\b(percent|MiB|KiB|bytes|seconds?|minutes|times?|messages|events|commands|dead letters|attempts|receives|retries|duplicates|calls|failures|invocations|partitions|resources|characters|version|share)\b|how often/i;

describe.each(written)('$name', ({ file, doc, props }) => {
  const place = (name: string) => `${file}: ${name}`;

  it('says what it is, and what each prop is', () => {
    expect(doc).not.toBe('');
    const silent = props.filter((prop) => prop.doc.replace(/@default.*/, '').trim() === '');
    expect(silent.map(({ name }) => place(name))).toEqual([]);
  });

  it('says what holds when a prop is left out', () => {
    const unsaid = props.filter((prop) => prop.optional && !/@default \S/.test(prop.doc));
    expect(unsaid.map(({ name }) => place(name))).toEqual([]);
    const needless = props.filter((prop) => !prop.optional && prop.doc.includes('@default'));
    expect(needless.map(({ name }) => place(name))).toEqual([]);
  });

  it('says what its numbers are of', () => {
    const bare = props.filter((prop) => /\bnumber\b/.test(prop.type) && !UNITS.test(`${doc} ${prop.doc}`));
    expect(bare.map(({ name }) => place(name))).toEqual([]);
  });
});

/** All type names that a room of the constructs declares. */
const aliases = globSync('**/*.ts', { cwd: CONSTRUCTS }).flatMap((file) =>
  [...readFileSync(path.join(CONSTRUCTS, file), 'utf8').matchAll(/^export type (\w+)/gm)].map(([, name]) => name!),
);

describe('what props are made of', () => {
  it('can be imported by whoever writes them', () => {
    const words = new Set(written.flatMap(({ props }) => props.flatMap(({ type }) => type.match(/\w+/g) ?? [])));
    const needed = [...written.map(({ name }) => name), ...aliases.filter((name) => words.has(name))];
    expect(needed.filter((name) => !exported.has(name))).toEqual([]);
  });
});
