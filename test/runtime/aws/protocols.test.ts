import { PublishBatchCommand, PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AwsError } from '../../../lib/runtime/aws/aws-error.ts';
import { createClients } from '../../../lib/runtime/aws/clients.ts';
import { awsQuery } from '../../../lib/runtime/aws/protocols.ts';
import { type Engines, startEngines } from '../engines.ts';
import { type Act, startScriptedServer } from './scripted-server.ts';

const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
const environment = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };

const publish = {
  TopicArn: 'arn:aws:sns:eu-west-1:000000000000:orders.fifo',
  Message: '{"total":"12 € & more","note":"a+b=c; 100% <b>\\n\u{1F4E6}</b>"}',
  MessageGroupId: 'order 1',
  MessageDeduplicationId: "it's~(1)*!",
  MessageAttributes: {
    type: { DataType: 'String', StringValue: 'order.placed' },
    raw: { DataType: 'Binary', BinaryValue: new Uint8Array([0, 1, 254, 255]) },
    count: { DataType: 'Number', StringValue: '7' },
  },
};
const { TopicArn, ...entry } = publish;
const publishBatch = {
  TopicArn,
  PublishBatchRequestEntries: [
    { Id: '0', ...entry },
    { Id: '1', Message: 'plain' },
  ],
};

/** What the SDK and the lean client make of the same operation against a server that answers so. */
async function both(operation: 'Publish' | 'PublishBatch', act: Act) {
  const server = await startScriptedServer(act);
  const sdk = new SNSClient({ region: 'eu-west-1', credentials, endpoint: server.url, maxAttempts: 1 });
  const { sns } = createClients({ ...environment, AWS_ENDPOINT_URL: server.url, AWS_MAX_ATTEMPTS: '1' });
  try {
    const [theirs, ours] = await Promise.allSettled([
      operation === 'Publish' ? sdk.send(new PublishCommand(publish)) : sdk.send(new PublishBatchCommand(publishBatch)),
      operation === 'Publish' ? sns.call('Publish', publish) : sns.call('PublishBatch', publishBatch),
    ]);
    const [sent, also] = server.requests.map(({ body }) => [...new URLSearchParams(body)].sort());
    return { theirs, ours, sent, also };
  } finally {
    sdk.destroy();
    await server.stop();
  }
}

const answer = (operation: string, result: string): Act => ({
  status: 200,
  body: `<?xml version="1.0"?>
<${operation}Response xmlns="https://sns.amazonaws.com/doc/2010-03-31/">
  <${operation}Result>${result}</${operation}Result>
  <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>
</${operation}Response>`,
});

describe('the Query protocol', () => {
  test.each(['Publish', 'PublishBatch'] as const)('says %s as the SDK does', async (operation) => {
    const { sent, also } = await both(operation, answer(operation, '<MessageId>m</MessageId>'));
    expect(sent!.length).toBeGreaterThan(5);
    expect(also).toEqual(sent);
  });

  test.each<[string, 'Publish' | 'PublishBatch', string]>([
    ['a single message', 'Publish', '<MessageId>m-1</MessageId><SequenceNumber>100</SequenceNumber>'],
    [
      'a batch that was taken in part',
      'PublishBatch',
      `<Successful>
         <member><Id>0</Id><MessageId>m-1</MessageId></member>
       </Successful>
       <Failed>
         <member><Id>1</Id><Code>Internal&lt;Error&gt;</Code><Message>1 &amp; 2 &#228; &#x20AC;</Message><SenderFault>false</SenderFault></member>
         <member><Id>2</Id><Code>Invalid</Code><SenderFault>true</SenderFault></member>
       </Failed>`,
    ],
  ])('understands the answer to %s as the SDK does', async (_, operation, result) => {
    const { theirs, ours } = await both(operation, answer(operation, result));
    const { $metadata, ...expected } = (theirs as PromiseFulfilledResult<object & { $metadata: unknown }>).value;
    expect(Object.keys(expected).length).toBeGreaterThan(0);
    expect((ours as PromiseFulfilledResult<object>).value).toEqual(expected);
  });

  test('leaves out a list that is empty, so that a default takes its place', () => {
    const body =
      '<PublishBatchResponse><PublishBatchResult><Successful/><Failed></Failed></PublishBatchResult></PublishBatchResponse>';
    expect(awsQuery('2010-03-31').read(body)).toEqual({});
  });

  test.each([
    ['InvalidParameter', 400, 'InvalidParameterException'],
    ['NotFound', 404, 'NotFoundException'],
    ['Throttled', 429, 'ThrottledException'],
  ])('knows the error %s', async (code, status, exception) => {
    const { theirs, ours } = await both('Publish', {
      status,
      body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>so &amp; so</Message></Error></ErrorResponse>`,
    });
    expect(theirs).toMatchObject({ reason: { name: exception, message: 'so & so' } });
    // the service's own code, where the SDK has a class for it
    expect(ours).toMatchObject({ reason: { name: code, message: 'so & so', status, throttled: status === 429 } });
  });

  test('reports a page that is no answer as such', async () => {
    const { ours } = await both('Publish', { status: 200, body: '<html><body>hello</body></html>' });
    expect(ours).toMatchObject({ reason: { name: 'UnreadableAnswer' } });
    expect((ours as PromiseRejectedResult).reason).toBeInstanceOf(AwsError);
  });
});

describe('against the engines', () => {
  let engines: Engines;
  beforeAll(async () => {
    engines = await startEngines();
  });
  afterAll(async () => {
    await engines.stop();
  });

  test('SNS takes messages with attributes, and SQS has them as they were', async () => {
    const topic = await engines.createTopic();
    const queue = engines.createQueue();
    await engines.subscribe(topic, queue);
    const { MessageGroupId, MessageDeduplicationId, ...message } = entry;
    const { Successful } = await engines.clients.sns.call('PublishBatch', {
      TopicArn: topic,
      PublishBatchRequestEntries: [{ Id: 'x', ...message }],
    });
    expect(Successful).toEqual([expect.objectContaining({ Id: 'x', MessageId: expect.any(String) })]);
    const [received] = await engines.receive(queue);
    expect(received?.Body).toBe(message.Message);
    expect(received?.MessageAttributes?.type?.StringValue).toBe('order.placed');
    expect(received?.MessageAttributes?.raw?.BinaryValue).toEqual(message.MessageAttributes.raw.BinaryValue);
  });

  test('a topic that is not there is an error by name', async () => {
    const calling = engines.clients.sns.call('Publish', { ...publish, TopicArn: `${TopicArn}-nowhere` });
    await expect(calling).rejects.toMatchObject({ name: expect.stringMatching(/^NotFound/), $fault: 'client' });
  });

  test('SQS and DynamoDB understand what they are told, and name their errors', async () => {
    const queue = engines.createQueue();
    await engines.clients.sqs.call('SendMessage', { QueueUrl: queue.url, MessageBody: 'ä€' });
    expect((await engines.receive(queue))[0]?.Body).toBe('ä€');
    const nowhere = engines.clients.sqs.call('SendMessage', { QueueUrl: `${queue.url}-not`, MessageBody: 'x' });
    await expect(nowhere).rejects.toMatchObject({ name: expect.stringMatching(/QueueDoesNotExist|NonExistentQueue/) });

    const TableName = await engines.createTable();
    const { dynamodb } = engines.clients;
    await dynamodb.call('PutItem', { TableName, Item: { id: { S: 'a' }, n: { N: '1' } } });
    expect(await dynamodb.call('GetItem', { TableName, Key: { id: { S: 'a' } } })).toMatchObject({
      Item: { id: { S: 'a' }, n: { N: '1' } },
    });
    const condition = { ConditionExpression: 'attribute_not_exists(id)' };
    const Item = { id: { S: 'a' } };
    const Put = { TableName, Item, ...condition };
    await expect(dynamodb.call('PutItem', Put)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
    await expect(dynamodb.call('TransactWriteItems', { TransactItems: [{ Put }] })).rejects.toMatchObject({
      name: 'TransactionCanceledException',
      details: { CancellationReasons: [expect.objectContaining({ Code: 'ConditionalCheckFailed' })] },
    });
  });
});
