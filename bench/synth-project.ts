import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const house = fileURLToPath(new URL('..', import.meta.url));

/** Consumers of one topic: as many as care for the events of one part of a business. */
const CONSUMERS_OF_TOPIC = 10;
/** Every consumer takes one of these; a topic carries them all. */
const EVENTS_OF_TOPIC = 5;

/**
 * Writes a project as a team has it: a contract for each event, a handler file for each consumer, and an app with them all in a
 * stack that splits. Returns its folder; the app is `app.ts`.
 */
export function writeProject(consumers: number): string {
  const root = mkdtempSync(path.join(tmpdir(), 'baton-synth-'));
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  };
  symlinkSync(path.join(house, 'node_modules'), path.join(root, 'node_modules'));
  write('package.json', '{ "type": "module" }\n');
  const topics = Math.ceil(consumers / CONSUMERS_OF_TOPIC);
  for (let topic = 1; topic <= topics; topic++) write(`events/topic-${topic}.ts`, contracts(topic));
  for (let n = 1; n <= consumers; n++) write(`functions/consumer-${n}/handler.ts`, handler(n));
  write('app.ts', app(topics, consumers));
  return root;
}

const topicOf = (n: number) => Math.ceil(n / CONSUMERS_OF_TOPIC);
const eventOf = (n: number) => `Event${(n % EVENTS_OF_TOPIC) + 1}`;
const from = (room: string) => JSON.stringify(path.join(house, 'lib', room, 'index.ts'));

function contracts(topic: number): string {
  const events = Array.from(
    { length: EVENTS_OF_TOPIC },
    (_, n) => `
export const Event${n + 1} = defineEvent({
  type: 'topic${topic}.event${n + 1}',
  version: 1,
  description: 'Something happened to ${topic}.',
  key: (data) => data.id,
  schema: z.object({ id: z.string().min(1), amount: z.number(), note: z.string().optional() }),
});`,
  );
  return [`import * as z from 'zod';`, `import { defineEvent } from ${from('contracts')};`, ...events, ''].join('\n');
}

function handler(n: number): string {
  return `import { ${eventOf(n)} } from '../../events/topic-${topicOf(n)}.ts';
import { consume } from ${from('runtime')};

/** What consumer ${n} does. */
export const handler = consume(${eventOf(n)}, async ({ data }, context) => {
  await context.commit({ writes: [{ Put: { TableName: 'rows', Item: { pk: { S: data.id }, n: { N: '${n}' } } } }] });
});
`;
}

function app(topics: number, consumers: number): string {
  const imports = Array.from(
    { length: topics },
    (_, n) => `import * as topic${n + 1} from './events/topic-${n + 1}.ts';`,
  );
  const made = Array.from({ length: topics }, (_, n) => {
    const own = Array.from({ length: consumers }, (_, each) => each + 1).filter((each) => topicOf(each) === n + 1);
    return [
      `const on${n + 1} = new EventTopic(stack, 'Topic${n + 1}', { ...shared, events: Object.values(topic${n + 1}), encryptionKey });`,
      ...own.map(
        (each) =>
          `new Consumer(stack, 'Consumer${each}', { ...shared, topic: on${n + 1}, events: [topic${n + 1}.${eventOf(each)}], entry: 'functions/consumer-${each}/handler.ts' });`,
      ),
    ];
  });
  return `import { App, Duration } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Consumer, EventTopic, IdempotencyTable, OnCall } from ${from('constructs')};
import { SplittingStack } from ${JSON.stringify(path.join(house, 'lib/constructs/splitting-stack.ts'))};
${imports.join('\n')}

const app = new App();
const stack = new SplittingStack(app, 'Shop');
const encryptionKey = new kms.Key(stack, 'Key', { enableKeyRotation: true });
const shared = {
  owner: 'team',
  maxAge: Duration.minutes(5),
  onCall: new OnCall(stack, 'OnCall', { encryptionKey }),
  idempotency: new IdempotencyTable(stack, 'Idempotency', { encryptionKey }),
};
${made.flat().join('\n')}
app.synth();
`;
}
