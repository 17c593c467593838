export { type AsyncApiDocument, type AsyncApiProps, asyncApi, GENERATED_BY } from './asyncapi.ts';
export { type CatalogProps, catalog, INDEX_PAGE } from './catalog.ts';
export { PAGE_MARK } from './catalog-page.ts';
export type { DescribedPipeline } from './described.ts';
export { type Example, exampleData } from './example-data.ts';
export { type ExampleEvent, exampleEvent } from './example-event.ts';
