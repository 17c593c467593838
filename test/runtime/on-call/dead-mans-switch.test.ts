import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createDeadMansSwitch } from '../../../lib/runtime/on-call/dead-mans-switch.ts';
import type { KeptUrl } from '../../../lib/runtime/on-call/heartbeat-settings.ts';

const URL_KEPT = 'https://switch.test/key-nobody-may-see';
let server: Server;
afterEach(() => server.close());

/** A switch whose URL is kept in a service that answers with this, and what was asked of it and of the switch. */
async function start(kept: KeptUrl, answer: object, statuses: (number | Error)[] = []) {
  const asked: { target: unknown; type: unknown; body: unknown }[] = [];
  const got: string[] = [];
  server = createServer(async (request: IncomingMessage, response) => {
    const { 'x-amz-target': target, 'content-type': type } = request.headers;
    let text = '';
    for await (const chunk of request) text += String(chunk);
    asked.push({ target, type, body: JSON.parse(text) });
    response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const environment = {
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  };
  const get = async (url: string) => {
    got.push(url);
    const status = statuses.shift() ?? 200;
    if (status instanceof Error) throw status;
    return { ok: status < 300, status };
  };
  return { asked, got, ...createDeadMansSwitch({ kept, environment, get }) };
}

describe("a dead man's switch", () => {
  it('calls the URL in a parameter, SecureString or not, and reads it once', async () => {
    const started = await start({ parameter: '/night/switch' }, { Parameter: { Value: URL_KEPT } });
    await started.press();
    await started.press();
    expect(started.got).toEqual([URL_KEPT, URL_KEPT]);
    expect(started.asked).toEqual([
      {
        target: 'AmazonSSM.GetParameter',
        type: 'application/x-amz-json-1.1',
        body: { Name: '/night/switch', WithDecryption: true },
      },
    ]);
  });

  it.each<[string, KeptUrl, string]>([
    ['a secret', { secret: 'arn:secret' }, URL_KEPT],
    ['a field of a secret', { secret: 'arn:secret', field: 'url' }, JSON.stringify({ url: URL_KEPT })],
  ])('calls the URL in %s', async (_, kept, SecretString) => {
    const started = await start(kept, { SecretString });
    await started.press();
    expect(started.got).toEqual([URL_KEPT]);
    expect(started.asked).toEqual([
      {
        target: 'secretsmanager.GetSecretValue',
        type: 'application/x-amz-json-1.1',
        body: { SecretId: 'arn:secret' },
      },
    ]);
  });

  it.each([500, new TypeError('fetch failed')])('reads the URL anew after a call that failed: %s', async (failure) => {
    const started = await start({ parameter: '/s' }, { Parameter: { Value: URL_KEPT } }, [failure]);
    await expect(started.press()).rejects.toMatchObject({ name: 'DeadMansSwitchError' });
    await started.press();
    expect(started.asked).toHaveLength(2);
  });

  it('never says the URL', async () => {
    const started = await start({ parameter: '/s' }, { Parameter: { Value: URL_KEPT } }, [404]);
    const error = await started.press().then(
      () => undefined,
      (each: Error) => each,
    );
    expect(`${error?.message} ${error?.stack}`).not.toContain('key-nobody');
  });

  it.each<[KeptUrl, object, RegExp]>([
    [{ parameter: '/s' }, { Parameter: { Value: 'http://switch.test' } }, /no https URL in the parameter \/s/],
    [{ secret: 'arn:s' }, {}, /no https URL in the value of arn:s/],
    [{ secret: 'arn:s', field: 'url' }, { SecretString: 'not JSON' }, /no https URL in url of arn:s/],
  ])('says where there is no URL: %j', async (kept, answer, message) => {
    const started = await start(kept, answer);
    await expect(started.press()).rejects.toThrow(message);
    expect(started.got).toEqual([]);
  });
});
