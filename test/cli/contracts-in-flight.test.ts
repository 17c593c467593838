import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { CreateQueueCommand, GetQueueUrlCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OrderShipped } from '../../events/order-shipped.ts';
import type { CheckReport } from '../../lib/cli/contracts-report.ts';
import { createEnvelope } from '../../lib/contracts/index.ts';
import { readAssembly } from '../../lib/local/assembly.ts';
import { bucket } from '../../lib/local/provision/buckets.ts';
import type { Deployment } from '../../lib/local/provision/resource-type.ts';
import { type Pipeline, readPipeline } from '../../lib/operations/contracts/pipeline.ts';
import { type Engines, startEngines } from '../runtime/engines.ts';
import { copyProject, type ProjectCopy, type Running, startBaton } from './baton.ts';

const REGION = 'eu-west-1';
let copy: ProjectCopy;
let engines: Engines;
let pipeline: Pipeline;
/** Files of the assembly that a test has changed, as they were. */
const changed = new Map<string, string>();
const assembly = () => join(copy.folder, 'cdk.out-check');
const consumer = () => pipeline.consumers.find(({ name }) => name === 'notifications')!;

beforeAll(async () => {
  copy = copyProject();
  engines = await startEngines();
  const { synthesize } = await import('../../lib/local/synth.ts');
  await synthesize({ projectDirectory: copy.folder, env: 'dev', outputDirectory: assembly() });
  pipeline = readPipeline(assembly());
  for (const { queue, deadLetterQueue } of pipeline.consumers) {
    for (const name of [queue, deadLetterQueue]) {
      const Attributes = name.endsWith('.fifo') ? { FifoQueue: 'true', ContentBasedDeduplication: 'true' } : {};
      await engines.sqs.send(new CreateQueueCommand({ QueueName: name, Attributes }));
    }
  }
}, 120_000);
beforeEach(() => engines.fauxqs.reset());
afterEach(() => {
  for (const [file, text] of changed) writeFileSync(file, text);
  changed.clear();
});
afterAll(async () => {
  copy[Symbol.dispose]();
  await engines.stop();
});

/** Until the test ends. */
function change(file: string, how: (content: string) => string): void {
  const text = readFileSync(file, 'utf8');
  if (!changed.has(file)) changed.set(file, text);
  writeFileSync(file, how(text));
}

/** What the environment configuration would say. */
function deployTo(account: string, region: string): void {
  change(join(assembly(), 'manifest.json'), (content) =>
    content.replaceAll(/"environment": *"aws:[^"]*"/g, `"environment": "aws://${account}/${region}"`),
  );
}

/** The engines as AWS would be: of each service an endpoint, and not one for everything. */
function asAws(): NodeJS.ProcessEnv {
  const { AWS_ENDPOINT_URL } = engines.endpoints;
  return { AWS_ENDPOINT_URL_SQS: AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_STS: AWS_ENDPOINT_URL };
}

function start(args: readonly string[], env: NodeJS.ProcessEnv = engines.endpoints): Running {
  const credentials = { AWS_REGION: REGION, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
  const own = { ...credentials, ...env };
  return startBaton(['contracts', ...args], { cwd: copy.folder, env: own, withinMs: 50_000 });
}

function check(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Awaited<Running['ended']>> {
  return start(['check', '--assembly', assembly(), ...args], env).ended;
}

async function urlOf(which: 'queue' | 'deadLetterQueue'): Promise<string> {
  return (await engines.sqs.send(new GetQueueUrlCommand({ QueueName: consumer()[which] }))).QueueUrl!;
}

let groups = 0;
async function send(which: 'queue' | 'deadLetterQueue', MessageBody: string): Promise<void> {
  const QueueUrl = await urlOf(which);
  const group = QueueUrl.endsWith('.fifo') ? { MessageGroupId: `order-${++groups}` } : {};
  await engines.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, ...group }));
}

function shipped(data: unknown, more: object = {}): string {
  const event = createEnvelope(OrderShipped, { orderId: 'o', shipmentId: 's' }, { source: '/test' });
  return JSON.stringify({ ...event, data, ...more });
}
/** Another one each time: the queue is told by its content what it has had before. */
const readable = () => shipped({ orderId: 'o', shipmentId: 's' });

const reportOf = ({ stdout }: { stdout: string }) => JSON.parse(stdout) as CheckReport;

describe('what is in flight', () => {
  it('is read by the code about to be deployed, and stays where it is', async () => {
    await send('queue', readable());
    const { code, stdout } = await check(['--env', 'dev']);
    expect(stdout).toMatch(/notifications \(customer-care\)\s+queue\s+order\.shipped v1\s+1\s+0\s+0\s+~1/);
    expect(code).toBe(0);
    const received = new ReceiveMessageCommand({ QueueUrl: await urlOf('queue'), VisibilityTimeout: 0 });
    expect((await engines.sqs.send(received)).Messages).toHaveLength(1);
  }, 60_000);

  it('fails the check when it cannot be read', async () => {
    await send('queue', shipped({ orderId: 'o' }));
    const ended = await check(['--env', 'dev', '--json']);
    const { inFlight, holds, unfinished } = reportOf(ended);
    expect({ code: ended.code, holds, unfinished }).toEqual({ code: 1, holds: false, unfinished: [] });
    expect(inFlight).toMatchObject({ readable: false, unreadable: 1 });
    expect(inFlight!.rows).toContainEqual(
      expect.objectContaining({
        consumer: 'notifications',
        queue: 'queue',
        type: 'order.shipped',
        version: 1,
        unreadable: 1,
      }),
    );
  }, 60_000);

  it('does not fail it from a DLQ, unless --strict; what is readable is the same with both', async () => {
    await send('deadLetterQueue', 'not an event');
    const lenient = await check(['--env', 'dev']);
    expect(lenient.stdout).toMatch(/DLQ\s+\(not a valid event\)\s+1\s+1\s+0\s+~1\n\s+1 malformed, message \S+: /);
    expect(lenient.code).toBe(0);
    const strict = await check(['--env', 'dev', '--strict', '--json']);
    const { holds, inFlight } = reportOf(strict);
    expect({ code: strict.code, holds, readable: inFlight!.readable }).toEqual({
      code: 1,
      holds: false,
      readable: true,
    });
  }, 60_000);

  it('leaves the check unfinished when nobody can judge it, unless --allow-unjudged', async () => {
    const reference = { dataref: 's3://elsewhere/key', datahash: `sha256:${'0'.repeat(64)}` };
    await send('queue', shipped(undefined, reference));
    const strict = await check(['--env', 'dev']);
    expect(strict.stdout).toMatch(
      /The check could not be finished:\n {2}1 message of order\.shipped v1 in the queue of notifications not judged\. .*lambda:GetFunctionConfiguration.*--data-bucket.*--allow-unjudged\.\n$/,
    );
    expect(strict.stdout).not.toContain('The contracts hold');
    expect(strict.code).toBe(2);
    const lenient = await check(['--env', 'dev', '--allow-unjudged', '--json']);
    const { holds, inFlight } = reportOf(lenient);
    expect({ code: lenient.code, holds, unjudged: inFlight!.unjudged }).toEqual({ code: 0, holds: true, unjudged: 1 });
  }, 60_000);

  it('is told of although a consumer could not be loaded; broken contracts win over what could not be finished', async () => {
    const { directory } = pipeline.consumers.find(({ name }) => name === 'analytics')!.code!;
    change(join(directory, 'handler.mjs'), (content) => `throw new Error('no STRIPE key');${content}`);
    await send('queue', readable());
    const unfinished = await check(['--env', 'dev']);
    expect(unfinished.stdout).toMatch(
      / {2}analytics: its code \(handler\.handler\) could not be loaded: Error: no STRIPE/,
    );
    expect(unfinished.stdout).not.toContain(directory);
    expect(unfinished.stdout).toContain('order.shipped v1');
    expect(unfinished.stdout).toMatch(/could not be finished:\n {2}analytics could not be asked what they read\.\n$/);
    expect(unfinished.code).toBe(2);
    await send('queue', shipped({ orderId: 'o' }));
    const broken = await check(['--env', 'dev']);
    expect(broken.stdout).toContain('The contracts do not hold: not everything in flight can be read.');
    expect(broken.stdout).toContain('analytics could not be asked');
    expect(broken.code).toBe(1);
  }, 60_000);
});

describe('data that went by claim check', () => {
  /** Makes the bucket as the local cloud does, with the data of an event in it. */
  async function checkIn(data: object): Promise<{ Bucket: string; datahash: string }> {
    const { stack, logicalId } = readAssembly(assembly())
      .stacks.flatMap((stack) =>
        Object.entries(stack.template.Resources).map(([logicalId, { Type }]) => ({ stack, logicalId, Type })),
      )
      .find(({ Type }) => Type === 'AWS::S3::Bucket')!;
    const declared = { stack: stack.name, logicalId, path: logicalId, type: 'AWS::S3::Bucket', properties: {} };
    const cloud = { engines: { region: REGION, endpoints: { s3: engines.endpoints.AWS_ENDPOINT_URL } } };
    const { ref: Bucket } = await bucket.provision(declared, cloud as unknown as Deployment);
    const Body = JSON.stringify(data);
    await engines.s3.send(new PutObjectCommand({ Bucket, Key: 'order/1', Body }));
    return { Bucket, datahash: `sha256:${createHash('sha256').update(Body).digest('hex')}` };
  }

  it('is fetched from the bucket of what runs on this machine, and no other is read from', async () => {
    const { Bucket, datahash } = await checkIn({ orderId: 'o', shipmentId: 's' });
    await send('queue', shipped(undefined, { dataref: `s3://${Bucket}/order/1`, datahash }));
    await send('queue', shipped(undefined, { dataref: 's3://elsewhere/order/1', datahash }));
    mkdirSync(join(copy.folder, '.baton'), { recursive: true });
    const local = { pid: process.pid, env: 'dev', variables: engines.endpoints };
    writeFileSync(join(copy.folder, '.baton/local.json'), JSON.stringify(local));
    const ended = await check(['--local', '--json'], {});
    expect(reportOf(ended)).toMatchObject({ holds: false, unfinished: [] });
    expect(reportOf(ended).inFlight!.rows).toMatchObject([
      {
        verdicts: { readable: 1, malformed: 1 },
        examples: [
          { message: `Its data is in "s3://elsewhere/order/1"; this consumer fetches from '${Bucket}' alone.` },
        ],
      },
    ]);
    // what the report has is not told while it is made
    expect(
      ended.stderr
        .split('\n')
        .filter((line) => line.endsWith(' ...'))
        .slice(1),
    ).toEqual([
      expect.stringMatching(/^Looking into the queues of \d+ consumers in dev \.\.\.$/),
      'notifications: judging 2 messages ...',
    ]);
  }, 60_000);
});

describe('where it is looked for', () => {
  it('is the region of the assembly, not that of the shell', async () => {
    deployTo('unknown-account', REGION);
    await send('queue', readable());
    const ended = await check(['--env', 'dev', '--json'], { ...engines.endpoints, AWS_REGION: 'us-east-1' });
    expect(reportOf(ended).inFlight).toMatchObject({ region: REGION, sampled: 1 });
    expect(ended.code).toBe(0);
  }, 60_000);

  it('is the account of the assembly: credentials of another one are refused', async () => {
    deployTo('111111111111', REGION);
    await send('queue', readable());
    const { code, stdout } = await check(['--env', 'dev'], asAws());
    expect(stdout).toMatch(
      /could not be finished:\n {2}dev is in the account 111111111111, and the credentials are of 000000000000 \(arn:.*\): .* Sign in to 111111111111/,
    );
    expect(code).toBe(2);
    expect(engines.fauxqs.inspectQueue(consumer().queue)!.messages.ready[0]!.approximateReceiveCount).toBe(0);
    deployTo('000000000000', REGION);
    const right = await check(['--env', 'dev', '--json'], asAws());
    expect(right.code).toBe(0);
    expect(reportOf(right).inFlight).toMatchObject({ account: '000000000000', sampled: 1 });
  }, 60_000);

  it('is said to be unknown when STS does not answer', async () => {
    deployTo('111111111111', REGION);
    const env = { ...asAws(), AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:1' };
    const { code, stdout } = await check(['--env', 'dev'], env);
    expect(stdout).toMatch(/whose credentials these are STS did not say .*Sign in to AWS/);
    expect(code).toBe(2);
  }, 60_000);

  it('has nothing yet, or is the wrong place: only an account and a region that are known tell', async () => {
    deployTo('000000000000', 'eu-north-1');
    const known = await check(['--env', 'dev'], asAws());
    expect(known.stdout).toMatch(
      /Note: None of the \d+ queues of dev is in eu-north-1 .*nothing is deployed there yet\.\n/,
    );
    expect(known.code).toBe(0);
    deployTo('unknown-account', 'eu-north-1');
    const unknown = await check(['--env', 'dev'], asAws());
    expect(unknown.stdout).toMatch(
      /could not be finished:\n {2}None of the \d+ queues of dev is in eu-north-1\. Check /,
    );
    expect(unknown.code).toBe(2);
  }, 60_000);

  it('is the environment of the assembly, which has to be the one that is asked for', async () => {
    const wrong = await check(['--env', 'prod']);
    expect(wrong.stderr).toMatch(/cdk\.out-check is the app of dev, and prod is asked for\. Give /);
    expect({ code: wrong.code, stdout: wrong.stdout }).toEqual({ code: 2, stdout: '' });
    for (const file of readdirSync(assembly()).filter((name) => name.endsWith('.template.json'))) {
      change(join(assembly(), file), (content) =>
        content.replaceAll(/("Key": ?"baton:environment", ?"Value": ?)"dev"/g, '$1"prod"'),
      );
    }
    const { env } = reportOf(await check(['--json']));
    expect(env).toBe('prod');
  }, 60_000);
});

describe('a check that is interrupted', () => {
  let proxy: Server;
  /** Called with each answer of SQS, before it is passed on. */
  let told: (target: string, answer: string) => void;

  beforeAll(async () => {
    const { port } = new URL(engines.endpoints.AWS_ENDPOINT_URL);
    proxy = createServer((incoming, outgoing) => {
      const { method, url: path, headers } = incoming;
      const onward = request({ host: '127.0.0.1', port, method, path, headers }, async (answer) => {
        const body = await text(answer);
        told(String(headers['x-amz-target']), body);
        outgoing.writeHead(answer.statusCode!, answer.headers);
        outgoing.end(body);
      });
      incoming.pipe(onward);
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
  });
  afterAll(() => void proxy.close());

  it('gives back what it has, tells what it found, and ends with 2', async () => {
    await send('queue', readable());
    const { port } = proxy.address() as AddressInfo;
    const running = start(['check', '--assembly', assembly(), '--env', 'dev'], {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    });
    told = (target, answer) => {
      if (target.endsWith('.ReceiveMessage') && answer.includes('order.shipped')) running.signal('SIGINT');
    };
    const { code, stdout } = await running.ended;
    expect(stdout).toMatch(/could not be finished:\n {2}It was interrupted, so not every queue was looked into\.\n$/);
    expect(stdout).toContain('(interrupted)');
    expect(code).toBe(2);
    const { messages } = engines.fauxqs.inspectQueue(consumer().queue)!;
    expect(messages.inflight).toEqual([]);
    expect(messages.ready).toMatchObject([{ approximateReceiveCount: 1 }]);
  }, 60_000);

  it.each([
    ['check', 'SIGINT', 'its group'],
    ['check', 'SIGTERM', 'it alone'],
    ['docs', 'SIGINT', 'its group'],
    ['docs', 'SIGTERM', 'it alone'],
  ] as const)(
    'leaves no folder behind (%s, %s to %s)',
    async (command, signal, to) => {
      const TMPDIR = mkdtempSync(join(copy.folder, 'tmp-'));
      mkdirSync(TMPDIR, { recursive: true });
      const running = start([command], { TMPDIR });
      const ours = () => readdirSync(TMPDIR).filter((name) => name.startsWith('baton-'));
      try {
        for (let waited = 0; ours().length === 0 && waited < 20_000; waited += 20) await sleep(20);
        expect(ours()).toHaveLength(1);
        if (to === 'its group') running.signal(signal);
        // what it has started is not told, and goes on
        else process.kill(running.pid, signal);
        expect((await running.ended).code).not.toBe(0);
        expect(ours()).toEqual([]);
      } finally {
        rmSync(TMPDIR, { recursive: true, force: true });
      }
    },
    60_000,
  );
});
