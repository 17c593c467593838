import { catalogPage, ownersOf, PAGE_MARK, pageName, versionsWords } from './catalog-page.ts';
import { type DescribedPipeline, type DescribedType, describedTypes, retiredTypes } from './described.ts';
import { code, list, table, text } from './markdown.ts';

/** The name of the index. */
export const INDEX_PAGE = 'README.md';

/** How the catalog introduces itself. */
export interface CatalogProps {
  readonly title: string;
  /** The file of the AsyncAPI document beside the pages. @default none is linked */
  readonly asyncApiFile?: string;
  /** The folder of the registry as seen from the pages: `../../events/registry`. @default its files are not linked */
  readonly registry?: string;
}

/** The catalog: the index and a page for each type, as Markdown by file name. */
export function catalog(pipeline: DescribedPipeline, props: CatalogProps): Map<string, string> {
  const types = describedTypes(pipeline);
  const pages = new Map([[INDEX_PAGE, index(types, retiredTypes(pipeline), props)]]);
  for (const type of types) pages.set(pageName(type.type), catalogPage(type, props.registry));
  return pages;
}

function index(
  types: readonly DescribedType[],
  retired: readonly string[],
  { title, asyncApiFile }: CatalogProps,
): string {
  const parts = [PAGE_MARK, `# ${text(title)}`, 'What travels through this pipeline, who sends it and who reads it.'];
  for (const [kind, heading] of [
    ['event', 'Events'],
    ['command', 'Commands'],
  ] as const) {
    const own = types.filter(({ current }) => current.kind === kind);
    if (own.length > 0) parts.push(`## ${heading}`, typesTable(own));
  }
  const teams = owners(types);
  if (teams.length > 0) parts.push('## Owners', table(['Owner', 'Owns', 'Publishes', 'Consumes'], teams));
  if (retired.length > 0) parts.push('## Retired', `Only the registry knows them: ${list(retired.map(code))}.`);
  if (asyncApiFile !== undefined) {
    parts.push(`The same for tools, as AsyncAPI: [${text(asyncApiFile)}](${encodeURI(asyncApiFile)}).`);
  }
  return `${parts.join('\n\n')}\n`;
}

function typesTable(types: readonly DescribedType[]): string {
  const rows = types.map((described) => [
    link(described.type),
    versionsWords(described),
    text(described.current.description),
    list(ownersOf(described).map(text)),
    list(described.producers.map(({ facts }) => text(facts.name))),
    list(described.consumers.map(({ facts }) => text(facts.name))),
  ]);
  return table(['Type', 'Versions', 'Description', 'Owner', 'Producers', 'Consumers'], rows);
}

function owners(types: readonly DescribedType[]): string[][] {
  const names = types.flatMap((one) => [
    ...ownersOf(one),
    ...one.producers.map(({ facts }) => facts.owner),
    ...one.consumers.map(({ facts }) => facts.owner),
  ]);
  const links = (wanted: (described: DescribedType) => boolean) =>
    list(types.filter(wanted).map(({ type }) => link(type)));
  return [...new Set(names)]
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((owner) => [
      text(owner),
      links((one) => ownersOf(one).includes(owner)),
      links((one) => one.producers.some(({ facts }) => facts.owner === owner)),
      links((one) => one.consumers.some(({ facts }) => facts.owner === owner)),
    ]);
}

function link(type: string): string {
  return `[${type}](${pageName(type)})`;
}
