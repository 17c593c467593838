import { dataschemaOf } from '../contract.ts';
import type { PipelineFacts } from '../pipeline.ts';
import type { Finding } from './finding.ts';
import type { ReaderView } from './reader-view.ts';
import { usesOf } from './undeclared.ts';

/** The findings, in which a version that nothing leads from is retired when nobody uses it, and says who does otherwise. */
export function tellRetired(
  findings: readonly Finding[],
  readers: readonly ReaderView[],
  pipeline: PipelineFacts,
): Finding[] {
  const uses = usesOf(readers, pipeline);
  return findings.map((finding) => {
    const { kind, type, version, message } = finding;
    if (kind !== 'unreached' || version === undefined) return finding;
    const dataschema = dataschemaOf(type, version);
    const words = [...uses.filter((use) => use.dataschema === dataschema), ...left(findings, type, version)].map(
      (use) => use.words,
    );
    if (words.length === 0) return { ...finding, kind: 'retired', message: `Retired: nobody uses it. ${message}` };
    return { ...finding, message: `Still in use (${[...new Set(words)].join(', ')}). ${message}` };
  });
}

/** Whose code has left a version behind reads it all the same until that is deployed. */
function left(findings: readonly Finding[], type: string, version: number): { words: string }[] {
  return findings.flatMap((one) =>
    one.kind === 'leftBehind' && one.type === type && one.version === version
      ? [{ words: `read today by ${one.consumer}` }]
      : [],
  );
}
