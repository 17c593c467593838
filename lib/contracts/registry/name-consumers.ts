import type { PipelineFacts } from '../pipeline.ts';
import { typeOf } from './declared.ts';
import type { Finding } from './finding.ts';
import type { ReaderView } from './reader-view.ts';

/**
 * The findings about broken promises, each with the consumers that meet what was found: those whose code follows the version
 * where it cannot read what was written before, and those that route by a header that is gone.
 */
export function nameConsumers(
  findings: readonly Finding[],
  readers: readonly ReaderView[],
  { consumers }: Pick<PipelineFacts, 'consumers'>,
): Finding[] {
  return findings.map((finding) => {
    const { kind, type, version, breaks = [], lostHeaders = [] } = finding;
    if (kind !== 'incompatible' || version === undefined) return finding;
    const follows = ({ name }: { readonly name: string }) => {
      const views = readers.filter((reader) => reader.consumer === name && reader.type === type);
      return views.some(({ accepts }) => accepts.includes(version));
    };
    const routes = ({ headers = [], events }: PipelineFacts['consumers'][number]) =>
      headers.some((name) => lostHeaders.includes(name)) && events.some((one) => typeOf(one) === type);
    const meets = consumers
      .filter((consumer) => (breaks.includes('BACKWARD') && follows(consumer)) || routes(consumer))
      .map(({ name: consumer, owner }) => ({ consumer, owner }));
    return meets.length === 0 ? finding : { ...finding, meets };
  });
}
