import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { totalCents } from '../events/order.ts';
import type { Report } from '../lib/cli/report.ts';
import { environmentNames } from '../lib/stacks/environments.ts';
import { readOrders } from '../lib/superstore/orders.ts';
import { baton, copyProject, type ProjectCopy, project } from './cli/baton.ts';

const readme = readFileSync(join(project, 'README.md'), 'utf8');
const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

/** The TypeScript snippets by the file that their first line names. */
const snippets = new Map(
  [...readme.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g)].map(([, file, code]) => [file!, code!]),
);
/** Prose and commands; what the guide adds to the project is in the snippets. */
const words = readme.replace(/```ts\n[\s\S]*?```/g, '');

const stackFile = 'lib/stacks/orders-stack.ts';
const flaggedFrom = 500_000;

describe('"Your first event and consumer, in five minutes"', () => {
  let copy: ProjectCopy;

  beforeAll(() => {
    copy = copyProject();
    for (const [file, code] of snippets) {
      if (file === stackFile) continue;
      // An event and a handler are new files: what is there already would be overwritten for the reader, too.
      expect(existsSync(join(copy.folder, file)), file).toBe(false);
      put(copy, file, code);
    }
    // Nobody in the guide takes the new event; this consumer shows that it came to be published.
    put(
      copy,
      'functions/flag-watch/handler.ts',
      `import { OrderFlagged } from '../../events/order-flagged.ts';
import { consume } from '../../lib/runtime/index.ts';

export const handler = consume(OrderFlagged, async () => {});
`,
    );
    put(copy, stackFile, edited(readFileSync(join(copy.folder, stackFile), 'utf8')));
    put(copy, 'lib/context-of-the-readme.ts', contextOfTheReadme());
  });
  afterAll(() => copy[Symbol.dispose]());

  it('has a first line in every snippet that says where it goes', () => {
    expect([...readme.matchAll(/```ts\n/g)]).toHaveLength(snippets.size);
    expect([...snippets.keys()]).toEqual(['events/order-flagged.ts', 'functions/order-review/handler.ts', stackFile]);
  });

  it('compiles', async () => {
    const tsc = join(project, 'node_modules/typescript/bin/tsc');
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, '--noEmit'], { cwd: copy.folder }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe('');
  });

  it('runs: the new consumer handles every order and publishes its event for the large ones', async () => {
    const orders = 100;
    const large = readOrders(orders).filter((order) => totalCents(order) >= flaggedFrom).length;
    const { code, stderr } = await baton(
      [
        ...['start', '--exit', '--report', 'report.json', '--orders', String(orders)],
        ...['--poison', '0', '--duplicates', '0', '--payment-failures', '0'],
      ],
      { cwd: copy.folder },
    );
    expect(stderr).toBe('');
    const { consumers } = JSON.parse(readFileSync(join(copy.folder, 'report.json'), 'utf8')) as Report;
    expect(consumers['order-review']).toMatchObject({ handled: orders, deadLettered: 0 });
    expect(large).toBeGreaterThan(0);
    expect(consumers['flag-watch']).toMatchObject({ handled: large, deadLettered: 0 });
    expect(code).toBe(0);
  }, 60_000);
});

describe('what README names', () => {
  it('has its links lead somewhere', () => {
    const links = [...words.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
    expect(links.length).toBeGreaterThan(5);
    expect(
      links.filter((link) => !/^https?:/.test(link) && !existsSync(join(project, link.replace(/#.*/, '')))),
    ).toEqual([]);
  });

  it('has its files and folders', () => {
    const paths = codeSpans().filter((span) => /^[\w.-]+(\/[\w.-]*)+$/.test(span));
    expect(paths).toContain('lib/local/');
    expect(paths.filter((path) => !existsSync(join(project, path)))).toEqual([]);
  });

  it('has its npm scripts', () => {
    const named = [...words.matchAll(/npm (?:run )?([a-z]+)(?=[ `\n]*(?:--|#|;|`|does|$))/gm)].map(
      ([, script]) => script!,
    );
    expect(new Set(named)).toEqual(new Set(['start', 'test', 'synth', 'bench']));
    expect([...new Set(named)].filter((script) => scripts[script] === undefined)).toEqual([]);
  });

  it('has its flags', async () => {
    const commands = [...words.matchAll(/npm (start|run bench) -- ([^\n`]+)/g)];
    expect(commands.length).toBeGreaterThan(2);
    for (const [line, script, rest] of commands) {
      const help = (await baton([script === 'start' ? 'start' : 'bench', '--help'])).stdout;
      for (const flag of rest!.match(/--[a-z-]+/g) ?? []) expect(help, line).toContain(flag);
    }
  });

  it('has every flag of the guide to the local cloud', async () => {
    const guide = readFileSync(join(project, 'docs/local-cloud.md'), 'utf8');
    const flags = [...guide.matchAll(/`(--[a-z-]+)/g)].map(([, flag]) => flag!);
    const help = (await baton(['start', '--help'])).stdout;
    expect(flags.length).toBeGreaterThan(5);
    expect(flags.filter((flag) => !help.includes(`${flag} `))).toEqual([]);
  });

  it('has its environments', () => {
    const named = [...words.matchAll(/env=(\w+)/g)].map(([, name]) => name!);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !environmentNames.includes(name))).toEqual([]);
  });

  it('has its stacks', () => {
    const named = [...words.matchAll(/`Baton-([a-z]+)-([A-Z]\w+)`/g)];
    expect(named.length).toBeGreaterThan(0);
    const sources = ['foundation-stack.ts', 'orders-stack.ts', 'operations-stack.ts'].map((file) =>
      readFileSync(join(project, 'lib/stacks', file), 'utf8'),
    );
    for (const [, , stack] of named)
      expect(sources.some((source) => source.includes(`'${stack}', environment`))).toBe(true);
  });

  it('has its constructs and contracts', async () => {
    const found = [
      ...Object.keys(await import('../lib/constructs/index.ts')),
      ...Object.keys(await import('../lib/contracts/index.ts')),
      ...Object.keys(await import('../lib/runtime/index.ts')),
    ];
    const named = codeSpans().filter((span) => /^(?:[A-Z][a-z]+){2,}$|^define[A-Z]\w+$/.test(span));
    expect(named).toContain('EventTopic');
    expect(
      named.filter((name) => !found.includes(name) && !snippets.get('events/order-flagged.ts')!.includes(name)),
    ).toEqual([]);
  });

  it('has its bootstrap: any Node from 20 on', () => {
    // The one file that runs before the pinned Node is there.
    execFileSync(process.execPath, ['--check', join(project, 'bin/setup.mjs')]);
    expect(scripts.prestart).toContain('bin/setup.mjs');
    expect(scripts.pretest).toContain('bin/setup.mjs');
  });
});

/** The stack as the guide says to edit it: the consumer beside the others, the import, the topic's events. */
function edited(source: string): string {
  const consumer = snippets.get(stackFile)!;
  const watch = consumer
    .replace("'OrderReview'", "'FlagWatch'")
    .replace('events: [OrderPlaced]', 'events: [OrderFlagged]')
    .replace('order-review', 'flag-watch')
    .replace(/\n\s*publishes:[^\n]*/, '');
  return [
    [/(?=import \{ OrderPlaced \})/, "import { OrderFlagged } from '../../events/order-flagged.ts';\n"],
    [/(?<=new EventTopic\(this, 'Orders', \{\s+events: \[)/, 'OrderFlagged, '],
    [/(?=\n\s+this\.consumers = )/, `\n${consumer}${watch}`],
  ].reduce((text, [place, added]) => {
    const next = text.replace(place as RegExp, () => added as string);
    expect(next, `${stackFile} has no place for: ${added}`).not.toBe(text);
    return next;
  }, source);
}

/** A file that compiles only if a handler's context has what the guide says it has. */
function contextOfTheReadme(): string {
  const sentence = /In a handler, `context` has ([\s\S]*?)\.\s+Throw/.exec(readme)?.[1] ?? '';
  const members = [...sentence.matchAll(/`(\w+)`/g)].map(([, member]) => `'${member}'`);
  expect(members.length).toBeGreaterThan(4);
  return `import type { HandlerContext } from './runtime/index.ts';

export const members: (keyof HandlerContext)[] = [${members.join(', ')}];
`;
}

function put({ folder }: ProjectCopy, file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

/** What stands in backticks, outside the blocks. */
function codeSpans(): string[] {
  return [...readme.replace(/```[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map(([, span]) => span!);
}
