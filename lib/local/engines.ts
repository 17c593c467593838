import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import type { SNSClient } from '@aws-sdk/client-sns';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { type DynamoDbEngine, startDynamoDbEngine } from './dynamodb-engine.ts';
import {
  DataDirectoryBusyError,
  type EngineCrashedError,
  EngineError,
  EngineUnreachableError,
} from './engine-errors.ts';
import { type DirectSqs, type MessagingEngine, startMessagingEngine } from './messaging-engine.ts';
import type { TopicObserver } from './topics/topic-observer.ts';

/** What to start, and what runs already. */
export interface EnginesProps {
  /** The region that every resource is in. */
  region: string;
  /** Keeps queues, messages, topics and tables in this folder. @default nothing outlives `stop()` */
  dataDir?: string;
  /** An engine that runs already and speaks SQS, SNS, S3 and STS. @default one is started in this process */
  sqsEndpoint?: string;
  /** An engine that runs already and speaks DynamoDB. @default dynoxide is started */
  dynamodbEndpoint?: string;
  /** @default one that is free */
  messagingPort?: number;
  /** @default one that is free */
  dynamodbPort?: number;
  /** Called when an engine ends by itself; `restartDynamodb` brings it back. */
  onCrash?: (error: EngineCrashedError) => void;
}

export interface EngineEndpoints {
  sqs: string;
  sns: string;
  s3: string;
  sts: string;
  dynamodb: string;
}

/** The engines of the local cloud, up and answering. */
export interface Engines {
  readonly region: string;
  /** Always `000000000000`. */
  readonly accountId: string;
  readonly endpoints: EngineEndpoints;
  /** Clients that keep their connections alive and try again while an engine restarts. */
  readonly clients: { sqs: SQSClient; sns: SNSClient; dynamodb: DynamoDBClient };
  /** SQS without the way through HTTP; undefined with an `sqsEndpoint`. */
  readonly direct: DirectSqs | undefined;
  /** A client of DynamoDB streams, loaded when it is first asked for. */
  streams(): Promise<DynamoDBStreamsClient>;
  /** Where the engines keep their data; undefined when they keep none. */
  readonly dataDir: string | undefined;
  /** The process of the DynamoDB engine, for whoever adds up memory; undefined when it is not ours. */
  readonly dynamodbPid: number | undefined;
  /** What a process needs to reach the engines: `AWS_ENDPOINT_URL_*`, `AWS_REGION` and credentials. */
  environment(): Record<string, string>;
  /** The URL of a queue by its name. */
  queueUrl(queueName: string): string;
  /**
   * When the oldest message of a queue was sent (ms since the epoch), in-flight ones included; undefined when the queue is
   * empty, and always with an `sqsEndpoint`. Costs microseconds: nothing is copied.
   */
  oldestMessageSentAt(queueName: string): number | undefined;
  /** From now on, `observer` sees what topics do, and gets what they have for functions. False with an `sqsEndpoint`: nothing is seen. */
  observeTopics(observer: TopicObserver): boolean;
  /** Ends the messaging engine and starts it again on the same port. Without a `dataDir` it comes back empty. */
  restartMessaging(): Promise<void>;
  /** The same for the DynamoDB engine; also after a crash. */
  restartDynamodb(): Promise<void>;
  /** Ends the engines and waits for their end; a second call does nothing. */
  stop(): Promise<void>;
}

const ACCOUNT_ID = '000000000000';
/** How long an engine given by its endpoint may take to answer, in ms. */
const ANSWERS_WITHIN = 3_000;

/**
 * Starts the engines, or connects to those that run already.
 * @throws EngineMissingError, PortBusyError, EngineUnreachableError, DataDirectoryBusyError
 */
export async function startEngines(props: EnginesProps): Promise<Engines> {
  const { region, dataDir } = props;
  const lock = dataDir === undefined ? undefined : await lockDirectory(dataDir);
  const startDynamodb = (port: number | undefined) =>
    startDynamoDbEngine({
      port,
      databaseFile: dataDir && join(dataDir, 'dynamodb.db'),
      onCrash: props.onCrash,
    });
  let topicObserver: TopicObserver | undefined;
  const startMessaging = (port: number | undefined) =>
    startMessagingEngine({
      port,
      region,
      dataDirectory: dataDir && join(dataDir, 'messaging'),
      topicObserver: () => topicObserver,
    });

  // The other process first: it starts up while this one loads modules.
  const starting = await Promise.allSettled([
    props.dynamodbEndpoint === undefined ? startDynamodb(props.dynamodbPort) : undefined,
    props.sqsEndpoint === undefined ? startMessaging(props.messagingPort) : undefined,
    import('@aws-sdk/client-sqs'),
    import('@aws-sdk/client-sns'),
    import('@aws-sdk/client-dynamodb'),
  ]);
  let dynamodb = fulfilled(starting[0]);
  let messaging = fulfilled(starting[1]);
  const stopStarted = async () => {
    await Promise.all([dynamodb?.stop(), messaging?.stop()]);
    lock?.close();
  };
  const failed = starting.find((result) => result.status === 'rejected');
  const [sqs, sns, ddb] = [fulfilled(starting[2]), fulfilled(starting[3]), fulfilled(starting[4])];
  if (failed !== undefined || !sqs || !sns || !ddb) {
    await stopStarted();
    throw failed?.reason;
  }

  const messagingEndpoint = props.sqsEndpoint?.replace(/\/+$/, '') ?? `http://127.0.0.1:${messaging?.port}`;
  const dynamodbEndpoint = props.dynamodbEndpoint?.replace(/\/+$/, '') ?? `http://127.0.0.1:${dynamodb?.port}`;
  const endpoints: EngineEndpoints = {
    sqs: messagingEndpoint,
    sns: messagingEndpoint,
    s3: messagingEndpoint,
    sts: messagingEndpoint,
    dynamodb: dynamodbEndpoint,
  };
  const external = props.sqsEndpoint !== undefined || props.dynamodbEndpoint !== undefined;
  const credentials = credentialsFor(external);
  const settings = {
    region,
    credentials,
    // Enough for an engine to restart in between.
    maxAttempts: 8,
    requestHandler: {
      httpAgent: { keepAlive: true, maxSockets: 512 },
      httpsAgent: { keepAlive: true, maxSockets: 512 },
    },
  };
  // The embedded engine is in this process and checks no signature: hashing every request would be for nobody.
  const unsigned =
    props.sqsEndpoint === undefined ? { signer: { sign: async <Request>(request: Request) => request } } : {};
  const clients = {
    sqs: new sqs.SQSClient({ ...settings, ...unsigned, endpoint: endpoints.sqs }),
    sns: new sns.SNSClient({ ...settings, ...unsigned, endpoint: endpoints.sns }),
    dynamodb: new ddb.DynamoDBClient({ ...settings, endpoint: endpoints.dynamodb }),
  };
  // It copies the input and output of every call for a logger that is not there.
  for (const client of Object.values(clients)) client.middlewareStack.remove('loggerMiddleware');
  try {
    await Promise.all([
      props.sqsEndpoint && answers(props.sqsEndpoint, '--sqs-endpoint'),
      props.dynamodbEndpoint && answers(props.dynamodbEndpoint, '--dynamodb-endpoint'),
    ]);
  } catch (error) {
    await stopStarted();
    throw error;
  }

  let streams: Promise<DynamoDBStreamsClient> | undefined;
  // While the engine restarts, whoever calls it directly waits for the new one, as one who comes by HTTP tries again.
  let messagingUp = Promise.resolve(messaging);
  const direct: DirectSqs = {
    call: async (action, input) => (await messagingUp)!.sqs.call(action, input),
    arrival: async (queueUrl, seconds, signal) => (await messagingUp)!.sqs.arrival(queueUrl, seconds, signal),
  };
  let stopping: Promise<void> | undefined;
  let restarting: Promise<void> | undefined;
  return {
    region,
    accountId: ACCOUNT_ID,
    endpoints,
    clients,
    direct: messaging === undefined ? undefined : direct,
    streams() {
      streams ??= import('@aws-sdk/client-dynamodb-streams').then(
        ({ DynamoDBStreamsClient }) => new DynamoDBStreamsClient({ ...settings, endpoint: endpoints.dynamodb }),
      );
      return streams;
    },
    dataDir,
    get dynamodbPid() {
      return dynamodb?.pid;
    },
    environment: () => ({
      AWS_ENDPOINT_URL_SQS: endpoints.sqs,
      AWS_ENDPOINT_URL_SNS: endpoints.sns,
      AWS_ENDPOINT_URL_S3: endpoints.s3,
      AWS_ENDPOINT_URL_STS: endpoints.sts,
      AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      ...(credentials.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: credentials.sessionToken }),
    }),
    queueUrl: (queueName) => `${endpoints.sqs}/${ACCOUNT_ID}/${queueName}`,
    oldestMessageSentAt: (queueName) => messaging?.oldestMessageSentAt(queueName),
    observeTopics(observer) {
      topicObserver = observer;
      return messaging !== undefined;
    },
    async restartMessaging() {
      const running = own(messaging, '--sqs-endpoint');
      messagingUp = (async () => {
        await running.stop();
        messaging = await startMessaging(running.port);
        return messaging;
      })();
      await messagingUp;
    },
    restartDynamodb() {
      const running = own(dynamodb, '--dynamodb-endpoint');
      // Whoever asks while a restart is under way waits for that one: two engines cannot have one port.
      restarting ??= (async () => {
        try {
          await running.stop();
          dynamodb = await startDynamodb(running.port);
        } finally {
          restarting = undefined;
        }
      })();
      return restarting;
    },
    stop() {
      stopping ??= (async () => {
        for (const client of Object.values(clients)) client.destroy();
        (await streams)?.destroy();
        await stopStarted();
      })();
      return stopping;
    },
  };
}

function fulfilled<T>(result: PromiseSettledResult<T>): T | undefined {
  return result.status === 'fulfilled' ? result.value : undefined;
}

function own<E extends MessagingEngine | DynamoDbEngine>(engine: E | undefined, flag: string): E {
  if (engine !== undefined) return engine;
  throw new EngineError(`The engine behind ${flag} was not started here, so it cannot be restarted here.`);
}

/** The engines accept any credentials; one that runs elsewhere may want those of the shell. */
function credentialsFor(external: boolean) {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
  if (external && AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY) {
    return {
      accessKeyId: AWS_ACCESS_KEY_ID,
      secretAccessKey: AWS_SECRET_ACCESS_KEY,
      sessionToken: AWS_SESSION_TOKEN,
    };
  }
  return { accessKeyId: 'local', secretAccessKey: 'local', sessionToken: undefined };
}

/** Any answer will do, a refusal too: it shows that someone is there. */
async function answers(endpoint: string, flag: string): Promise<void> {
  const started = performance.now();
  for (;;) {
    try {
      await (await fetch(endpoint, { signal: AbortSignal.timeout(ANSWERS_WITHIN) })).arrayBuffer();
      return;
    } catch (cause) {
      if (performance.now() - started > ANSWERS_WITHIN || cause instanceof TypeError === false) {
        throw new EngineUnreachableError(
          `Nothing answers at ${endpoint}. Start the engine there, or leave ${flag} out to use the embedded one.`,
          { cause },
        );
      }
      await sleep(20);
    }
  }
}

/** Holds a lock on the folder that the system releases when this process ends, however it ends. */
async function lockDirectory(dataDir: string): Promise<{ close(): void }> {
  mkdirSync(dataDir, { recursive: true });
  const { DatabaseSync } = await import('node:sqlite');
  const lock = new DatabaseSync(join(dataDir, 'lock.db'));
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock.close();
    throw new DataDirectoryBusyError(
      `Another process uses the data in ${dataDir}. End it, or persist to another folder.`,
      { cause },
    );
  }
}
