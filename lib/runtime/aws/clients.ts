import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';

/** The AWS clients that a consumer uses. */
export interface Clients {
  readonly dynamodb: DynamoDBClient;
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
}

/** One set for every consumer and publisher of a module; each client is made when it is first asked for. */
const shared: { dynamodb?: DynamoDBClient; sns?: SNSClient; sqs?: SQSClient } = {};

/** A batch seldom has more calls under way, and idle sockets cost a function memory. */
const sockets = { keepAlive: true, maxSockets: 16 };
const defaults = () => ({
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 10_000, httpAgent: sockets, httpsAgent: sockets },
});

/**
 * The SDK copies the input and output of every call, member by member, for a logger, even where there is none. Baton logs
 * by itself.
 */
function withoutCallLog<Client extends { middlewareStack: { remove(name: string): boolean } }>(client: Client): Client {
  client.middlewareStack.remove('loggerMiddleware');
  return client;
}

export const clients: Clients = {
  get dynamodb() {
    shared.dynamodb ??= withoutCallLog(new DynamoDBClient(defaults()));
    return shared.dynamodb;
  },
  get sns() {
    shared.sns ??= withoutCallLog(new SNSClient(defaults()));
    return shared.sns;
  },
  get sqs() {
    shared.sqs ??= withoutCallLog(new SQSClient(defaults()));
    return shared.sqs;
  },
};
