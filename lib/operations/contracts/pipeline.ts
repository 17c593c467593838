import { basename, resolve } from 'node:path';
import {
  CONSUMER_METADATA,
  type ConsumerFacts,
  type ImportedTopicFacts,
  type PipelineFacts,
  type PublicationFacts,
  TOPIC_METADATA,
  type TopicFacts,
} from '../../contracts/pipeline.ts';
import { type Assembly, isRecord, type Resource, readAssembly, recordOf, type Template } from './assembly.ts';
import { AssemblyError } from './errors.ts';

/** Where the code of a consumer is, and what it finds in its environment. */
export interface ConsumerCode {
  /** The folder of the bundle, absolute. */
  directory: string;
  /** As Lambda has it: `handler.handler`. */
  handler: string;
  /** The name of the function, where the template gives it one. */
  functionName?: string;
  /** The variables whose values the template says. */
  environment: Readonly<Record<string, string>>;
  /** The names of the others: what only a deployment knows (a queue's URL, a table's name). */
  unknown: readonly string[];
}

/** A consumer, and the code that is about to be deployed for it. */
export interface DeployedConsumer extends ConsumerFacts {
  /** Missing when the code is no folder of the assembly (a container image, inline code). */
  readonly code?: ConsumerCode;
}

/** What a synthesized pipeline says of itself. */
export interface Pipeline extends PipelineFacts {
  readonly consumers: readonly DeployedConsumer[];
}

/**
 * Reads what the constructs wrote into the templates of a cloud assembly: topics and consumers, by name. Nested stages are
 * assemblies of their own.
 * @param assemblyDirectory the folder that `cdk synth` writes
 * @throws AssemblyError
 */
export function readPipeline(assemblyDirectory: string): Pipeline {
  const assembly = readAssembly(resolve(assemblyDirectory));
  const topics: TopicFacts[] = [];
  const consumers: DeployedConsumer[] = [];
  for (const template of assembly.templates) {
    for (const [logicalId, resource] of template.resources) {
      const place = { template, logicalId };
      const topic = recordOf(resource.Metadata, TOPIC_METADATA);
      if (topic !== undefined) topics.push(topicFacts(topic, place));
      const consumer = recordOf(resource.Metadata, CONSUMER_METADATA);
      if (consumer !== undefined) {
        const code = codeOf(resource, assembly);
        consumers.push({ ...consumerFacts(consumer, place), ...(code && { code }) });
      }
    }
  }
  return { topics: topics.sort(byName), consumers: consumers.sort(byName) };
}

interface Place {
  template: Template;
  logicalId: string;
}

function topicFacts(said: Record<string, unknown>, place: Place): TopicFacts {
  const owner = optionalText(said, 'owner');
  return {
    name: text(said, 'name', place),
    ...(owner !== undefined && { owner }),
    ordered: flag(said, 'ordered', place),
    events: texts(said, 'events', place),
  };
}

function consumerFacts(said: Record<string, unknown>, place: Place): ConsumerFacts {
  const topic = optionalText(said, 'topic');
  if (said.kind !== 'consumer' && said.kind !== 'commandQueue') throw refusal(said, 'kind', place);
  return {
    name: text(said, 'name', place),
    owner: text(said, 'owner', place),
    kind: said.kind,
    queue: text(said, 'queue', place),
    deadLetterQueue: text(said, 'deadLetterQueue', place),
    ...(typeof said.maxReceives === 'number' && { maxReceives: said.maxReceives }),
    ...(topic !== undefined && { topic }),
    ...importedTopic(said, place),
    ordered: flag(said, 'ordered', place),
    events: texts(said, 'events', place),
    pinned: flag(said, 'pinned', place),
    ...(said.headers !== undefined && { headers: texts(said, 'headers', place) }),
    produces: texts(said, 'produces', place),
    ...(said.publishesTo !== undefined && { publishesTo: publications(said, place) }),
  };
}

function publications(said: Record<string, unknown>, place: Place): PublicationFacts[] {
  const { publishesTo } = said;
  if (!Array.isArray(publishesTo) || !publishesTo.every(isRecord)) throw refusal(said, 'publishesTo', place);
  return publishesTo.map((one) => {
    const topic = optionalText(one, 'topic');
    return {
      ...(topic !== undefined && { topic }),
      ...importedTopic(one, place),
      events: texts(one, 'events', place),
    };
  });
}

function importedTopic(said: Record<string, unknown>, place: Place): { importedTopic?: ImportedTopicFacts } {
  const topic = recordOf(said, 'importedTopic');
  if (topic === undefined) return {};
  const arn = optionalText(topic, 'arn');
  return {
    importedTopic: {
      path: text(topic, 'path', place),
      ...(arn !== undefined && { arn }),
      ordered: flag(topic, 'ordered', place),
    },
  };
}

function codeOf({ Properties }: Resource, { folders }: Assembly): ConsumerCode | undefined {
  const key = recordOf(Properties, 'Code')?.S3Key;
  const { Handler: handler, FunctionName: functionName } = Properties;
  if (typeof key !== 'string' || typeof handler !== 'string') return undefined;
  // with a bucket prefix of the synthesizer, the template and the manifest may differ in the folder of the object
  const directory = folders.get(key) ?? folders.get(basename(key));
  if (directory === undefined) return undefined;
  const environment: [string, string][] = [];
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(recordOf(recordOf(Properties, 'Environment'), 'Variables') ?? {})) {
    if (isRecord(value)) unknown.push(name);
    else environment.push([name, String(value)]);
  }
  return {
    directory,
    handler,
    ...(typeof functionName === 'string' && { functionName }),
    environment: Object.fromEntries(environment),
    unknown,
  };
}

/** A text; where a name is left to the deployment, that of the resource in the same template, when it has one. */
function text(said: Record<string, unknown>, name: string, place: Place): string {
  const value = said[name];
  if (typeof value === 'string' && value !== '') return value;
  const named = nameOf(value, place.template);
  if (named !== undefined) return named;
  throw refusal(said, name, place);
}

function optionalText(said: Record<string, unknown>, name: string): string | undefined {
  const value = said[name];
  return typeof value === 'string' ? value : undefined;
}

function texts(said: Record<string, unknown>, name: string, place: Place): string[] {
  const value = said[name];
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string')) throw refusal(said, name, place);
  return value;
}

function flag(said: Record<string, unknown>, name: string, place: Place): boolean {
  const value = said[name];
  if (typeof value !== 'boolean') throw refusal(said, name, place);
  return value;
}

/** The name that a template gives to what `Fn::GetAtt` asks the name of. */
function nameOf(value: unknown, { resources }: Template): string | undefined {
  const asked = isRecord(value) ? value['Fn::GetAtt'] : undefined;
  if (!Array.isArray(asked)) return undefined;
  const [logicalId, attribute] = asked as unknown[];
  const given = resources.get(String(logicalId))?.Properties[String(attribute)];
  return typeof given === 'string' ? given : undefined;
}

function refusal(said: Record<string, unknown>, name: string, { template, logicalId }: Place): AssemblyError {
  const found = JSON.stringify(said[name]) ?? 'missing';
  const subject = typeof said.name === 'string' ? `'${said.name}' (${logicalId})` : logicalId;
  return new AssemblyError(
    `${template.file}: what ${subject} says of itself cannot be read: '${name}' is ${found.slice(0, 120)}. Synthesize with the version of Baton that reads it; a queue or topic needs a name of its own.`,
  );
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
