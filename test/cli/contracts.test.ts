import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CheckReport } from '../../lib/cli/contracts-report.ts';
import { copyProject, type Ended, type ProjectCopy, project } from './baton.ts';

/** The commands by themselves, as the CLI would run them. */
const RUNNER = `
import { Command } from 'commander';
import { addContractsAccept } from './lib/cli/contracts-accept.ts';
import { addContractsCheck } from './lib/cli/contracts-check.ts';
import { explain, UsageError } from './lib/cli/failure.ts';
const program = new Command('baton').exitOverride();
const contracts = program.command('contracts');
const ended = (code: number) => { process.exitCode = code; };
addContractsAccept(contracts, ended);
addContractsCheck(contracts, ended);
try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.stderr.write(explain(error) + '\\n');
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
`;
const ORDER_FILE = 'events/order.ts';
const PLACED = 'events/registry/order.placed.v1.json';

let copy: ProjectCopy;
/** The sources that tests break, as they were. */
const sources = new Map<string, string>();

beforeAll(() => {
  copy = copyProject();
  writeFileSync(join(copy.folder, 'contracts-cli.ts'), RUNNER);
  for (const file of ['events', 'events/registry', 'functions/notifications', 'functions/analytics']) {
    for (const entry of readdirSync(join(copy.folder, file), { withFileTypes: true })) {
      if (entry.isFile()) sources.set(join(file, entry.name), read(join(file, entry.name)));
    }
  }
});
afterEach(() => {
  for (const entry of readdirSync(join(copy.folder, 'events'), { recursive: true, encoding: 'utf8' })) {
    if (/\.(ts|json)$/.test(entry) && !sources.has(join('events', entry))) rmSync(join(copy.folder, 'events', entry));
  }
  for (const [file, text] of sources) write(file, text);
});
afterAll(() => copy[Symbol.dispose]());

describe('the contracts of this project', () => {
  it('are in its registry', async () => {
    const args = [join(copy.folder, 'contracts-cli.ts'), 'contracts', 'check', '--no-consumers'];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: project });
    expect(stdout).toContain('The contracts hold: ');
  });
});

describe('baton contracts accept', () => {
  it('writes what is missing, and leaves alone what is there', async () => {
    const before = read(PLACED);
    write(PLACED, before.replace('A customer committed to buy.', 'In other words.'));
    rmSync(join(copy.folder, 'events/registry/order.shipped.v1.json'));
    const { code, stdout } = await contracts('accept');
    expect(stdout).toMatch(
      /^written {4}events\/registry\/order\.shipped\.v1\.json\n.*: 1 written, \d+ unchanged, 0 refused\.\n$/,
    );
    expect(code).toBe(0);
    expect(read('events/registry/order.shipped.v1.json')).toBe(sources.get('events/registry/order.shipped.v1.json'));
    expect(read(PLACED)).toContain('In other words.');
  });

  it('writes a version that leads to a declared one', async () => {
    newVersion('note: z.string().optional()');
    const { code, stdout } = await contracts('accept', 'order.placed');
    expect(stdout).toContain('written    events/registry/order.placed.v2.json');
    expect(code).toBe(0);
    expect(JSON.parse(read('events/registry/order.placed.v2.json'))).toMatchObject({
      $id: 'urn:baton:order.placed:2',
      properties: { note: { type: 'string' } },
    });
    expect((await contracts('check', '--no-consumers')).code).toBe(0);
  });

  it('never writes over a published version: it says where they differ, and what to do', async () => {
    edit(ORDER_FILE, 'region: z.string().min(1)', 'region: z.string().min(2)');
    const { code, stdout } = await contracts('accept');
    expect(code).toBe(1);
    expect(stdout).toContain('refused    order.placed version 1');
    expect(stdout).toContain('#/properties/region/minLength: The registry has 1, the code has 2.');
    expect(stdout).toMatch(/order\.placed\.v1\.json.*never changes.*'previous'/);
    expect(read(PLACED)).toBe(sources.get(PLACED));
  });

  it('does not publish what breaks its promise', async () => {
    newVersion('region: z.int()');
    const { code, stdout } = await contracts('accept');
    expect(code).toBe(1);
    expect(stdout).toMatch(/refused {4}order\.placed version 2\n.*FULL_TRANSITIVE within major 1/);
    expect(existsSync(join(copy.folder, 'events/registry/order.placed.v2.json'))).toBe(false);
    newVersion('region: z.int()', 'major: 2,');
    expect((await contracts('accept')).code).toBe(0);
  });

  it('says as data what became of each version', async () => {
    const { stdout } = await contracts('accept', 'order.placed', '--json');
    expect(JSON.parse(stdout)).toEqual({
      registry: 'events/registry',
      accepted: [{ type: 'order.placed', version: 1, file: PLACED, outcome: 'unchanged', findings: [] }],
      refused: [],
    });
  });

  it('does not take a registered version for lost that code is behind of', async () => {
    newVersion('note: z.string().optional()');
    expect((await contracts('accept')).code).toBe(0);
    write('events/order-placed.ts', sources.get('events/order-placed.ts')!);
    const { code, stdout } = await contracts('accept', '--json');
    const { refused } = JSON.parse(stdout) as { refused: { version: number; findings: { kind: string }[] }[] };
    expect(code).toBe(1);
    expect(refused).toMatchObject([{ type: 'order.placed', version: 2, findings: [{ kind: 'behind' }] }]);
    const checked = await contracts('check', '--no-consumers');
    expect(checked.code).toBe(1);
    expect(checked.stdout).toMatch(
      /✘ version 2: The registry has version 2, and the newest that code declares is version 1/,
    );
    expect((await contracts('accept', 'order.shipped')).code).toBe(0);
  });
});

describe('baton contracts check', () => {
  it('fails when a published schema changes in code, and names the file and the place', async () => {
    edit(ORDER_FILE, '  shipMode: z.string().min(1),\n', '');
    const { code, stdout } = await contracts('check', '--no-consumers');
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^order\.place\n {2}✘ version 1: events\/place-order\.ts and events\/registry\/order\.place\.v1\.json do not say the same/,
    );
    expect(stdout).toContain('#/properties/shipMode: The registry has');
    expect(stdout).toMatch(/The contracts do not hold: 2 problems\.\n$/);
  });

  it('fails when a version is not in the registry, or its file cannot be read', async () => {
    rmSync(join(copy.folder, PLACED));
    write('events/registry/order.shipped.v1.json', '{"type": ');
    const { code, stdout } = await contracts('check', '--no-consumers', '--json');
    const { holds, findings, ...rest } = JSON.parse(stdout) as CheckReport;
    expect(rest).not.toHaveProperty('impacts');
    expect({ code, holds }).toEqual({ code: 1, holds: false });
    expect(findings.map(({ kind, type }) => [kind, type])).toEqual([
      ['broken', 'order.shipped'],
      ['unregistered', 'order.placed'],
    ]);
  });

  it.each<[string, () => void, string[], RegExp]>([
    ['a folder that is not there', () => {}, ['--events', 'nowhere'], /no folder.*nowhere/i],
    [
      'a module that throws',
      () => write('events/bad.ts', "throw new Error('not today');"),
      [],
      /events\/bad\.ts.*not today/,
    ],
    [
      'a schema that cannot travel',
      () => edit(ORDER_FILE, 'region: z.string().min(1)', 'region: z.bigint()'),
      [],
      /order\.place v1: #\/properties\/region/,
    ],
    ['a commit that is not there', () => {}, ['--base', 'nowhere'], /no commit 'nowhere'/],
  ])('ends with 2 and a sentence for %s', async (_, break_, args, message) => {
    break_();
    const { code, stdout, stderr } = await contracts('check', '--no-consumers', ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it.each([
    ['an environment that is not there', ['--env', 'nowhere'], /nowhere/],
    ['an assembly that is not there', ['--assembly', 'nowhere'], /nowhere/],
    ['an environment without consumers', ['--env', 'dev', '--no-consumers'], /--no-consumers/],
  ])(
    'ends with 2 and a sentence for %s',
    async (_, args, message) => {
      const { code, stdout, stderr } = await contracts('check', ...args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/\n\s+at /);
    },
    60_000,
  );

  it('names the consumers and owners that a change breaks either way, and those that need only some fields', async () => {
    edit(ORDER_FILE, '  shipMode: z.string().min(1),\n', '');
    edit(ORDER_FILE, 'segment: z.string().min(1)', 'segment: z.string().min(2)');
    write(
      'functions/analytics/handler.ts',
      `import * as z from 'zod';
import { OrderPlaced } from '../../events/order-placed.ts';
import { needs } from '../../lib/contracts/index.ts';
import { consume } from '../../lib/runtime/index.ts';
export const handler = consume(needs(OrderPlaced, z.object({ orderId: z.string(), region: z.string() })), async () => {});
`,
    );
    const { code, stdout } = await contracts('check');
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /breaks: billing \(payments, reads version 1\), inventory \(fulfilment.*\n\s+#\/properties\/shipMode: /,
    );
    expect(stdout).toContain('unharmed, as it needs only some fields: analytics (insights)');
    // what was published, and is in flight, their new code would refuse
    expect(stdout).toMatch(/#\/properties\/segment\/minLength: .*version 1 as changed/);
    expect(stdout).toContain('billing of payments');
    expect(stdout).not.toMatch(/breaks: .*(analytics|invoicing)/);
  }, 60_000);

  it('lets a consumer be that needs some fields of the version before a new major', async () => {
    newVersion('shipMode: z.int()', 'major: 2,');
    edit('events/order-placed.ts', 'const OrderPlacedV1', 'export const OrderPlacedV1');
    edit('functions/analytics/handler.ts', 'import { OrderPlaced }', 'import { OrderPlacedV1 as OrderPlaced }');
    expect((await contracts('accept')).code).toBe(0);
    const { code, stdout } = await contracts('check');
    expect(stdout).not.toMatch(/✘/);
    expect(stdout).not.toContain('dead letter');
    expect(code).toBe(0);
    edit('functions/analytics/handler.ts', 'region: z.string(),', 'region: z.string(), shipMode: z.string(),');
    const broken = await contracts('check');
    expect(broken.stdout).toMatch(
      /✘ version 2: analytics \(insights\) gets version 2 .* does not promise what it needs/,
    );
    expect(broken.stdout).toMatch(/#\/properties\/shipMode: /);
    expect(broken.code).toBe(1);
  }, 90_000);

  it('finds a contract that is declared elsewhere, carried by a topic and in no registry', async () => {
    const stack = 'lib/stacks/orders-stack.ts';
    const before = read(stack);
    try {
      write(
        'functions/notifications/gift.ts',
        `import * as z from 'zod';
import { defineEvent } from '../../lib/contracts/index.ts';
export const GiftGiven = defineEvent({
  type: 'gift.given',
  version: 1,
  description: 'Somebody was given something.',
  key: (gift) => gift.id,
  schema: z.object({ id: z.string() }),
});
`,
      );
      write(stack, `import { GiftGiven } from '../../functions/notifications/gift.ts';\n${before}`);
      edit(
        stack,
        'PaymentCaptured, OrderShipped],\n      ordered: true',
        'PaymentCaptured, OrderShipped, GiftGiven],\n      ordered: true',
      );
      const { code, stdout } = await contracts('check');
      expect(stdout).toMatch(
        /^gift\.given\n {2}✘ version 1: No module of the events declares it .*carried by .*--events/,
      );
      expect(code).toBe(1);
    } finally {
      write(stack, before);
      rmSync(join(copy.folder, 'functions/notifications/gift.ts'));
    }
  }, 60_000);

  it('names the consumers that route by a header which a version is without', async () => {
    const stack = 'lib/stacks/orders-stack.ts';
    const before = read(stack);
    try {
      edit('events/order-placed.ts', 'schema: Order', 'headers: { region: (order) => order.region },\n  schema: Order');
      const headed = read('events/order-placed.ts');
      rmSync(join(copy.folder, PLACED));
      expect((await contracts('accept')).code).toBe(0);
      const rule = "headers: { region: sns.SubscriptionFilter.stringFilter({ allowlist: ['West'] }) },";
      edit(stack, "owner: 'insights',", `owner: 'insights', ${rule}`);
      write(stack, `import * as sns from 'aws-cdk-lib/aws-sns';\n${read(stack)}`);
      newVersion('note: z.string().optional()', '', headed);
      // nobody publishes it yet
      edit(stack, 'import { OrderPlaced }', 'import { OrderPlacedV1 as OrderPlaced }');
      edit('events/order-placed.ts', 'const OrderPlacedV1', 'export const OrderPlacedV1');
      const { code, stdout } = await contracts('check');
      expect(stdout).toMatch(/✘ version 2: .*route by 'region'.*\n\s+consumers: analytics \(insights\)/);
      expect(stdout).toMatch(/breaks: analytics \(insights, .*\n.*SNS drops/);
      expect(code).toBe(1);
    } finally {
      write(stack, before);
    }
  }, 90_000);
});

describe('an upcaster that fails', () => {
  it('fails the check, with the data that it fails for', async () => {
    newVersion('iso: z.iso.datetime()', 'major: 2,');
    edit('events/order-placed.ts', 'order as never', '({ ...order, iso: 5 }) as never');
    expect((await contracts('accept')).code).toBe(0);
    const { code, stdout } = await contracts('check', '--no-consumers');
    expect(stdout).toMatch(/✘ version 2: The upcaster from version 1 to 2 .*iso.* what version 1 allows, \{"orderId"/);
    expect(code).toBe(1);
    edit('events/order-placed.ts', 'iso: 5', "iso: '2026-03-01T09:30:00Z'");
    expect((await contracts('check', '--no-consumers')).code).toBe(0);
  });
});

describe('a new version in a branch', () => {
  const git = (...args: string[]) => {
    const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-c', 'commit.gpgsign=false'];
    execFileSync('git', [...identity, ...args], { cwd: copy.folder, stdio: 'pipe' });
  };

  beforeEach(() => {
    git('init', '-q', '-b', 'main');
    git('add', 'events');
    git('commit', '-q', '-m', 'published');
  });
  afterEach(() => rmSync(join(copy.folder, '.git'), { recursive: true }));

  it('is judged by what the base has published, though it is accepted', async () => {
    newVersion('shipMode: z.int()', 'major: 2,');
    expect((await contracts('accept')).code).toBe(0);
    const { code, stdout } = await contracts('check', '--base', 'main');
    expect(stdout).toMatch(
      /^order\.placed\n {2}version 2 \(new\)\n {4}deploy first: .*billing \(payments, reads version 1\)/,
    );
    expect(stdout).toMatch(
      /deploy first: .*\n\s+Version 2 does not promise .*: its major is 2.*\n\s+#\/properties\/shipMode/,
    );
    expect(stdout).toContain('The contracts hold: 5 types, 6 versions, 7 consumers.');
    expect(code).toBe(0);
  }, 60_000);

  it.each<[string, string, string, RegExp]>([
    [
      'another major',
      'version: 2, major: 2',
      'taxCents: z.int(),\n    orderId: z',
      /its major is 2, and that of version 1/,
    ],
    ['the same major', 'version: 2', 'note: z.string().optional(),\n    orderId: z', /it has no 'previous'/],
  ])(
    'breaks those who read the one before when nothing leads from there: %s',
    async (_, promise, field, reason) => {
      edit('events/payment-captured.ts', 'version: 1', promise);
      edit('events/payment-captured.ts', 'orderId: z', field);
      expect((await contracts('accept')).code).toBe(0);
      const { code, stdout } = await contracts('check', '--base', 'main');
      expect(stdout).toMatch(
        /✘ version 1: invoicing \(finance\): version 1 of payment\.captured is what it reads today, .* accepts 2 only.*'previous'/,
      );
      expect(stdout).toMatch(/✘ version 1: shipping \(fulfilment\): /);
      expect(stdout).toMatch(
        /breaks: invoicing \(finance, reads version 1\), shipping \(fulfilment, reads version 1\)/,
      );
      expect(stdout).toMatch(reason);
      expect(stdout).not.toContain('unharmed');
      expect(stdout).toMatch(/· version 1: Still in use \(read today by invoicing, read today by shipping\)/);
      expect(code).toBe(1);
    },
    60_000,
  );

  it('has pinned consumers deployed first that follow it', async () => {
    const stack = 'lib/stacks/orders-stack.ts';
    const before = read(stack);
    try {
      newVersion('note: z.string().optional()');
      edit(stack, "owner: 'insights',", "owner: 'insights', pinVersions: true,");
      expect((await contracts('accept')).code).toBe(0);
      const { code, stdout } = await contracts('check', '--base', 'main');
      expect(stdout).toMatch(
        /deploy first: analytics \(insights, reads version 1\)\n\s+Its filter does not let .* 15 minutes/,
      );
      expect(code).toBe(0);
    } finally {
      write(stack, before);
    }
  }, 60_000);

  it('leaves the published files as they are', async () => {
    edit(PLACED, '"minLength": 1', '"minLength": 2');
    edit(ORDER_FILE, 'orderId: z.string().min(1)', 'orderId: z.string().min(2)');
    rmSync(join(copy.folder, 'events/registry/order.place.v1.json'));
    expect((await contracts('accept')).code).toBe(0);
    const { code, stdout } = await contracts('check', '--no-consumers', '--base', 'main', '--json');
    const { findings, base } = JSON.parse(stdout) as CheckReport;
    expect(findings.map(({ kind, type }) => [kind, type])).toEqual([
      ['rewritten', 'order.place'],
      ['rewritten', 'order.placed'],
    ]);
    expect(base).toMatch(/^[0-9a-f]{40}$/);
    expect(code).toBe(1);
  });
});

/** Runs a command in the copy. */
async function contracts(...args: (string | { env: NodeJS.ProcessEnv })[]): Promise<Ended> {
  const given = args.filter((arg) => typeof arg === 'string');
  const { env = {} } = args.find((arg) => typeof arg !== 'string') ?? {};
  const { CI: _, ...environment } = process.env;
  const run = ['contracts-cli.ts', 'contracts', ...given];
  const options = { cwd: copy.folder, env: { ...environment, ...env }, timeout: 50_000 };
  return await promisify(execFile)(process.execPath, run, options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr }),
  );
}

/** Makes `order.placed` version 2, with fields beside those of before. */
function newVersion(
  fields: string,
  promise = '',
  module = sources.get('events/order-placed.ts')!,
  upcast = fields.includes('shipMode: z.int()') ? '({ ...order, shipMode: 1 })' : 'order',
): void {
  const first = module.replace('export const OrderPlaced', 'const OrderPlacedV1');
  write(
    'events/order-placed.ts',
    `${first}
import * as z from 'zod';
export const OrderPlaced = defineEvent({
  type: 'order.placed',
  version: 2,
  description: 'A customer committed to buy.',
  key: (order) => order.orderId,
  schema: Order.extend({ ${fields} }),
  sensitive: ['customerName'],
  ${promise}
  previous: { contract: OrderPlacedV1, upcast: (order) => ${upcast} as never },
});
`,
  );
}

function edit(file: string, from: string, to: string): void {
  expect(read(file), `${file} has no ${from}`).toContain(from);
  write(file, read(file).replace(from, to));
}

function read(file: string): string {
  return readFileSync(join(copy.folder, file), 'utf8');
}

function write(file: string, text: string): void {
  writeFileSync(join(copy.folder, file), text);
}
