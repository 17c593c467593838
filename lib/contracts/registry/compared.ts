import { defaultBase, leftAt } from './base.ts';
import type { DeclaredVersion } from './declared.ts';
import type { Finding } from './finding.ts';
import { git } from './git.ts';
import { differences } from './meaning.ts';
import { contentsNow, judgePublished, lineEndsOnly, publishedAt, publishedVersions } from './published.ts';
import type { RegisteredVersion, Registry } from './registry.ts';

/** What became of the versions that are published already. */
export interface Compared {
  /** The commit that they were looked up in; undefined when there is none to compare with. */
  readonly base: string | undefined;
  readonly findings: readonly Finding[];
  /** The published versions: where there is no such commit, those that were accepted. */
  readonly versions: readonly RegisteredVersion[];
  /** What whoever asked should know of the comparison. */
  readonly notes: readonly string[];
}

/**
 * Compares a registry with what is published.
 * @param ref the commit that has it, such as the tip of the main branch. @default where the branch left its remote
 * @throws RegistryError when the commit cannot be told, or is not there
 */
export async function comparePublished(
  { directory, versions, broken }: Registry,
  ref: string | undefined,
): Promise<Compared> {
  const given = ref === undefined ? await defaultBase(directory) : { commit: ref };
  if ('none' in given) {
    const note = `Published versions were not compared with an earlier commit: ${given.none}. So what the registry has counts as published, and only versions that it does not have were judged against their consumers. Name a commit with --base.`;
    return { base: undefined, findings: [], versions, notes: [note] };
  }
  const base = await publishedAt(directory, given.commit);
  const leftCommit = ref === undefined ? base.commit : await leftAt(directory, base.commit);
  const left = leftCommit === base.commit ? base : await publishedAt(directory, leftCommit);
  const published = new Map([...left.files, ...base.files]);
  const names = [...published.keys(), ...[...versions, ...broken].map(({ file }) => file)];
  const now = await contentsNow(directory, [...new Set(names)]);
  const lineEnds = await lineEndsOnly(directory, published, now);
  const { commit, folder, moved } = base;
  const before = await publishedVersions({ directory, versions }, published, now);
  const reworded = new Set(
    before.flatMap(({ file, document }) => {
      const here = versions.find((one) => one.file === file);
      return here !== undefined && differences(document, here.document, 1).length === 0 ? [file] : [];
    }),
  );
  const newestOf = (type: string) =>
    Math.max(0, ...[...versions, ...before].flatMap((one) => (one.type === type ? [one.version] : [])));
  const notes = moved
    ? [`The registry was in ${folder} at ${commit.slice(0, 12)}, and is compared with the files there.`]
    : [];
  const head = (await git(directory, ['rev-parse', '--verify', 'HEAD^{commit}'])).trim();
  if (commit === head && !moved && names.every((file) => now.get(file) === published.get(file))) {
    notes.push(
      `The commit to compare with (${commit.slice(0, 12)}) is the one that is checked out, and the registry is as it was there: no version in it was judged against its consumers. In a clone of one branch, name another with --base.`,
    );
  }
  return {
    base: commit,
    findings: judgePublished(directory, base, now, { left, lineEnds, reworded, newestOf }),
    versions: before,
    notes,
  };
}

/**
 * What is found of files and of code, without what is found twice: who has a file to restore need not accept it anew, nor
 * declare what has not changed in code.
 * @param agreement what `judgeAgreement` found
 */
export function withoutRepeated(
  agreement: readonly Finding[],
  compared: Compared,
  declared: readonly DeclaredVersion[],
): Finding[] {
  const kindOf = (file: string | undefined) => compared.findings.find((one) => one.file === file)?.kind;
  return agreement.filter(({ kind, file, type, version }) => {
    const published = kindOf(file);
    if (published === 'removed') return kind !== 'unregistered';
    if (published !== 'rewritten') return true;
    if (kind !== 'changed') return kind !== 'broken';
    const before = compared.versions.find((one) => one.type === type && one.version === version);
    const code = declared.find(({ contract }) => contract.type === type && contract.version === version);
    return before === undefined || code === undefined || differences(before.document, code.document, 1).length > 0;
  });
}
