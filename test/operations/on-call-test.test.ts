import { type AlarmHistoryItem, SetAlarmStateCommand } from '@aws-sdk/client-cloudwatch';
import { SNSClient } from '@aws-sdk/client-sns';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { deliveryOf } from '../../lib/operations/on-call-test/delivery.ts';
import { masked } from '../../lib/operations/on-call-test/target.ts';
import { type OnCallTestProps, testOnCall } from '../../lib/operations/on-call-test/test-on-call.ts';
import { type AlarmWorld, ON_CALL, startAlarmWorld } from './alarm-world.ts';

let world: AlarmWorld;

const given = (props: Partial<OnCallTestProps> = {}): OnCallTestProps => ({
  cloudwatch: world.cloudwatch,
  sns: world.engines.sns,
  onCall: ON_CALL,
  by: 'jane',
  pollMs: 10,
  ...props,
});

/** Somebody who reads what arrived for an urgency, and answers with it. */
function reader(asked: string[] = []) {
  const codes = new Map<string, string>();
  return async (question: string) => {
    asked.push(question);
    const urgency = /(\w+): which code/.exec(question)![1]!;
    const [arrived] = await world.codes(urgency);
    if (arrived) codes.set(urgency, arrived);
    return codes.get(urgency);
  };
}

/** Puts a further answer in front of what SNS lists. */
function listing(...subscriptions: { Protocol: string; Endpoint: string; SubscriptionArn: string }[]): SNSClient {
  const sns = new SNSClient({ region: 'eu-west-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
  vi.spyOn(sns, 'send').mockImplementation(async () => ({ Subscriptions: subscriptions }));
  return sns;
}

const states = () =>
  Promise.all(['page', 'ticket'].map(async (name) => (await world.alarm(`${ON_CALL}-test-${name}`)).StateValue));

describe('a test of on-call', () => {
  beforeEach(async () => {
    world = await startAlarmWorld();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await world.stop();
  });

  it('passes when everybody who is subscribed answers with the code that arrived', async () => {
    await world.subscribe('page', 'email', 'night@shop.test');
    await world.subscribe('page', 'https', 'https://events.pager.test/key/secret');
    await world.subscribe('ticket', 'email', 'day@shop.test');
    const asked: string[] = [];
    const { passed, targets } = await testOnCall(given({ ask: reader(asked) }));
    expect(passed).toBe(true);
    expect(targets.map(({ urgency, endpoint, arrival }) => `${urgency} ${endpoint} ${arrival}`).toSorted()).toEqual([
      'page https://events.pager.test/*** answered',
      'page n***@shop.test answered',
      expect.stringMatching(/^page queue-\d+ sent, nobody to ask$/),
      'ticket d***@shop.test answered',
      expect.stringMatching(/^ticket queue-\d+ sent, nobody to ask$/),
    ]);
    expect(asked).toHaveLength(3);
    expect(asked.join()).not.toContain('secret');
    expect(await states()).toEqual(['OK', 'OK']);
  });

  it('sends each urgency a code of its own, and says that nothing is wrong', async () => {
    await testOnCall(given());
    const [[page], [ticket]] = await Promise.all([world.codes('page'), world.codes('ticket')]);
    expect(page).toMatch(/^[A-Z0-9]{4}$/);
    expect(ticket).toMatch(/^[A-Z0-9]{4}$/);
    expect(page).not.toBe(ticket);
  });

  it('asks again after a wrong code, and takes one in small letters', async () => {
    await world.subscribe('page', 'email', 'night@shop.test');
    const answers = ['AAAA', ' k7qm '];
    const asked: string[] = [];
    const ask = async (question: string) => {
      asked.push(question);
      return answers.shift();
    };
    const { passed } = await testOnCall(given({ urgencies: ['page'], newCode: () => 'K7QM', ask }));
    expect(passed).toBe(true);
    expect(asked[1]).toMatch(/^That is another code\. page: which code arrived at email n\*\*\*@shop\.test\?/);
  });

  it.each([
    ['says that nothing arrived', '', 'arrived nowhere'],
    ['says nothing at all', undefined, 'no answer'],
  ])('fails when somebody %s', async (_, answer, arrival) => {
    await world.subscribe('page', 'email', 'night@shop.test');
    const { passed, targets } = await testOnCall(given({ urgencies: ['page'], ask: async () => answer }));
    expect(passed).toBe(false);
    expect(targets.find(({ protocol }) => protocol === 'email')).toMatchObject({ arrival });
    expect(await states()).toEqual(['OK', 'INSUFFICIENT_DATA']);
  });

  it('fails when a target never confirmed its subscription, and does not ask it', async () => {
    const sns = listing({ Protocol: 'email', Endpoint: 'new@shop.test', SubscriptionArn: 'PendingConfirmation' });
    const ask = vi.fn();
    const { passed, targets } = await testOnCall(given({ urgencies: ['page'], sns, ask }));
    expect(passed).toBe(false);
    expect(targets).toMatchObject([{ endpoint: 'n***@shop.test', arrival: 'pending confirmation' }]);
    expect(ask).not.toHaveBeenCalled();
  });

  it('fails when nobody is subscribed', async () => {
    const { passed, targets } = await testOnCall(given({ urgencies: ['page'], sns: listing() }));
    expect(passed).toBe(false);
    expect(targets).toMatchObject([{ endpoint: 'nobody is subscribed', arrival: 'arrived nowhere' }]);
  });

  it('fails when only machines hear of it: nobody proved that the message arrived', async () => {
    const { passed } = await testOnCall(given({ ask: async () => undefined }));
    expect(passed).toBe(false);
  });

  it('stops when the messages are sent, if nobody is to be asked', async () => {
    await world.subscribe('page', 'email', 'night@shop.test');
    const { passed, targets } = await testOnCall(given());
    expect(passed).toBe(true);
    expect(new Set(targets.map(({ arrival }) => arrival))).toEqual(new Set(['sent']));
    expect(await states()).toEqual(['OK', 'OK']);
  });

  it('says why CloudWatch could not send it', async () => {
    await world.subscribe('page', 'email', 'night@shop.test');
    vi.spyOn(world.engines.sns, 'send').mockImplementation(async (command) => {
      if (command.constructor.name !== 'PublishCommand') return { Subscriptions: [EMAIL] };
      throw new Error('no authorization to use the encryption key of the topic');
    });
    const { passed, targets } = await testOnCall(given({ urgencies: ['page'] }));
    expect(passed).toBe(false);
    expect(targets).toMatchObject([
      { arrival: 'not sent', why: expect.stringMatching(/key of the topic .*has to admit cloudwatch\.amazonaws\.com/) },
    ]);
  });

  it('gives up on CloudWatch after a while', async () => {
    let now = 0;
    const clock = () => (now += 60_000);
    const sns = listing(EMAIL);
    const { promise: later, resolve: publish } = Promise.withResolvers<undefined>();
    vi.spyOn(world.engines.sns, 'send').mockImplementation(() => later);
    const { targets } = await testOnCall(given({ urgencies: ['page'], sns, clock }));
    expect(targets).toMatchObject([{ arrival: 'not sent', why: expect.stringContaining('in 120 s') }]);
    publish(undefined);
  });

  it('puts the alarms back when it is interrupted at a question', async () => {
    await world.subscribe('page', 'email', 'night@shop.test');
    const interrupted = new AbortController();
    const during: unknown[] = [];
    const ask = async (_: string, signal: AbortSignal) => {
      during.push(...(await states()));
      interrupted.abort();
      signal.throwIfAborted();
      return 'never';
    };
    const { passed, targets } = await testOnCall(given({ ask, signal: interrupted.signal }));
    expect(during).toEqual(['ALARM', 'ALARM']);
    expect(passed).toBe(false);
    expect(targets.find(({ protocol }) => protocol === 'email')).toMatchObject({ arrival: 'no answer' });
    expect(await states()).toEqual(['OK', 'OK']);
  });

  it('puts the alarms back when something breaks', async () => {
    await world.subscribe('page', 'email', 'night@shop.test');
    const ask = async () => {
      throw new Error('the terminal is gone');
    };
    await expect(testOnCall(given({ ask }))).rejects.toThrow('the terminal is gone');
    expect(await states()).toEqual(['OK', 'OK']);
  });

  it('begins anew where an earlier one was killed', async () => {
    const AlarmName = `${ON_CALL}-test-page`;
    await world.cloudwatch.send(
      new SetAlarmStateCommand({ AlarmName, StateValue: 'ALARM', StateReason: 'Answer with code OLDX.' }),
    );
    const { passed } = await testOnCall(given({ urgencies: ['page'], newCode: () => 'NEWX' }));
    expect(passed).toBe(true);
    expect(await world.codes('page')).toContain('NEWX');
  });

  it('needs its alarms, but nobody to escalate to', async () => {
    await expect(testOnCall(given({ onCall: 'nobody' }))).rejects.toThrow(/no alarm 'nobody-test-page' in eu-west-1/);
    await expect(testOnCall(given({ urgencies: ['escalate'] }))).rejects.toThrow(/-test-escalate' in eu-west-1/);
    expect(await states()).toEqual(['INSUFFICIENT_DATA', 'INSUFFICIENT_DATA']);
  });
});

const EMAIL = { Protocol: 'email', Endpoint: 'night@shop.test', SubscriptionArn: 'arn:aws:sns:eu-west-1:0:t:1' };

describe('with somebody to escalate to', () => {
  let three: AlarmWorld;
  beforeAll(async () => {
    three = await startAlarmWorld(['page', 'ticket', 'escalate']);
  });
  afterAll(() => three.stop());

  it('tests that as well', async () => {
    const props = given({ cloudwatch: three.cloudwatch, sns: three.engines.sns });
    const { targets } = await testOnCall(props);
    expect(targets.map(({ urgency }) => urgency)).toEqual(['page', 'ticket', 'escalate']);
  });
});

describe('what CloudWatch says of an action', () => {
  const item = (HistoryData: object, at = 1): AlarmHistoryItem => ({
    Timestamp: new Date(at),
    HistorySummary: 'Successfully executed action arn:aws:sns:eu-west-1:1:page',
    HistoryData: JSON.stringify(HistoryData),
  });

  it('counts when the message has the code', () => {
    const ours = item({ publishedMessage: '{"NewStateReason":"TEST ... code K7QM."}' });
    expect(deliveryOf([ours], [], 'K7QM')).toEqual({ status: 'sent' });
  });

  it('does not count when it is older, or of another message', () => {
    const old = item({ actionState: 'Succeeded' });
    const other = item({ publishedMessage: '{"NewStateReason":"Test by joe is over."}' }, 2);
    expect(deliveryOf([other, old], [old], 'K7QM')).toBeUndefined();
  });

  it('is a failure as soon as one topic did not take it', () => {
    const failed = item({ actionState: 'Failed', error: 'Topic does not exist' }, 2);
    expect(deliveryOf([item({}), failed], [], 'K7QM')).toEqual({ status: 'failed', why: 'Topic does not exist' });
  });
});

describe('what is shown of an endpoint', () => {
  it.each([
    ['email', 'jane.doe@shop.test', 'j***@shop.test'],
    ['email-json', 'j@shop.test', 'j***@shop.test'],
    ['https', 'https://events.pagerduty.com/integration/0123/enqueue', 'https://events.pagerduty.com/***'],
    ['https', 'nonsense', '***'],
    ['sms', '+4915112345678', '***78'],
    ['sqs', 'arn:aws:sqs:eu-west-1:111111111111:letters', 'letters'],
    ['lambda', 'arn:aws:lambda:eu-west-1:111111111111:function:heartbeat', 'heartbeat'],
  ])('%s: %s as %s', (protocol, endpoint, shown) => {
    expect(masked(protocol, endpoint)).toBe(shown);
  });
});
