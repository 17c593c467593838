import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/** What each room may import beside itself; a room that is not listed may import nothing of ours. */
const allowed: Record<string, readonly string[]> = {
  'lib/contracts': [],
  'lib/runtime': ['lib/contracts'],
  'lib/testing': ['lib/runtime', 'lib/contracts'],
  'lib/constructs': ['lib/contracts'],
  'lib/stacks': ['lib/constructs', 'lib/contracts', 'events'],
  'lib/local': ['lib/contracts'],
  'lib/operations': ['lib/contracts', 'lib/runtime/claim-check/reference.ts'],
  'lib/superstore': ['lib/contracts', 'events'],
  'lib/cli': ['lib/contracts', 'lib/local', 'lib/operations', 'lib/superstore', 'lib/stacks/environments.ts', 'bench'],
  events: ['lib/contracts'],
  functions: ['lib/runtime', 'lib/contracts', 'events'],
  bin: ['lib/stacks', 'lib/cli'],
};

/** Packages that must not be reached from a room, with the reason. */
const forbidden: Record<string, { packages: RegExp; why: string }> = {
  'lib/contracts': { packages: /^(@aws|aws-)/, why: 'contracts are shared with everyone: no AWS package' },
  'lib/runtime': { packages: /^(aws-cdk-lib|constructs|cdk-nag|fauxqs)/, why: 'every byte is cold start' },
  'lib/local': { packages: /^(aws-cdk-lib|constructs)/, why: 'it reads templates, not our classes' },
};

const rooms = Object.keys(allowed);
const files = rooms.flatMap((room) => sources(join(root, room)));

describe('the house', () => {
  it('has files to judge in its rooms', () => {
    expect(files.length).toBeGreaterThan(40);
  });

  it.each(rooms)('%s imports only what it may', (room) => {
    const wrong = files
      .filter((file) => roomOf(file) === room)
      .flatMap((file) => imports(file).map((target) => ({ file: relative(root, file), target })))
      .filter(({ file, target }) => !isAllowed(room, file, target));
    expect(wrong).toEqual([]);
  });

  it('names no file after nothing', () => {
    const vague = files.filter((file) => /\/(utils?|helpers?|common|manager|misc)(\.ts|\/)/.test(file));
    expect(vague.map((file) => relative(root, file))).toEqual([]);
  });
});

function isAllowed(room: string, file: string, target: string): boolean {
  if (!target.startsWith('.')) {
    const rule = forbidden[room];
    return rule === undefined || !rule.packages.test(target);
  }
  const path = relative(root, resolve(root, dirname(file), target));
  return [room, ...allowed[room]!].some((place) => path === place || path.startsWith(`${place}/`));
}

function imports(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)[^;'"]*?from\s+'([^']+)'|import\('([^']+)'\)|(?:^|\n)import\s+'([^']+)'/g,
  );
  return [...found].map((match) => (match[1] ?? match[2] ?? match[3])!);
}

function roomOf(file: string): string | undefined {
  const path = relative(root, file);
  return rooms.find((room) => path.startsWith(`${room}/`));
}

function sources(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
}
