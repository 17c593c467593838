import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audited, recordAction } from '../../lib/operations/audit.ts';
import { callerArn, callerOf } from '../../lib/operations/caller.ts';
import { type Engines, startEngines } from '../runtime/engines.ts';

let engines: Engines;
let table: string;
beforeAll(async () => {
  engines = await startEngines();
  table = await engines.createTable({ sortKey: true });
});
afterAll(() => engines.stop());

const action = { action: 'maintenance.open', by: 'jane', reason: 'new disks', target: 'alarm' };
let ids = 0;
const props = (month: string) => {
  let seconds = 0;
  const clock = () => Date.parse(`2031-${month}-02T10:00:00Z`) + 1_000 * seconds++;
  return { dynamodb: engines.dynamodb, table, clock, newId: () => `id-${++ids}` };
};

/** The trail of a month, oldest first. */
async function trail(month: string) {
  const { Items = [] } = await engines.dynamodb.send(
    new QueryCommand({
      TableName: table,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: `action#2031-${month}` } },
    }),
  );
  return Items;
}

describe('the audit trail', () => {
  it('has an action before it is done, and its outcome afterwards', async () => {
    const given = props('01');
    const seen: unknown[] = [];
    await audited(
      given,
      { ...action, parameters: { seconds: 7200, extend: false } },
      async () => {
        seen.push(...(await trail('01')));
        return 'well';
      },
      (result) => `went ${result}`,
    );
    expect(seen).toHaveLength(1);
    const [recorded, outcome, ...others] = await trail('01');
    expect(others).toEqual([]);
    expect(recorded).toEqual(seen[0]);
    expect(recorded).toEqual({
      pk: { S: 'action#2031-01' },
      sk: { S: `2031-01-02T10:00:00.000Z#id-${ids}` },
      id: { S: `id-${ids}` },
      at: { S: '2031-01-02T10:00:00.000Z' },
      action: { S: 'maintenance.open' },
      by: { S: 'jane' },
      reason: { S: 'new disks' },
      target: { S: 'alarm' },
      parameters: { M: { seconds: { S: '7200' }, extend: { S: 'false' } } },
    });
    expect(outcome).toMatchObject({
      sk: { S: `${recorded!.sk!.S}#outcome` },
      at: { S: '2031-01-02T10:00:01.000Z' },
      status: { S: 'done' },
      detail: { S: 'went well' },
    });
  });

  it('says what an action failed with, and lets the error go on', async () => {
    const failing = audited(props('02'), action, async () => {
      throw new Error('no such alarm');
    });
    await expect(failing).rejects.toThrow('no such alarm');
    expect((await trail('02'))[1]).toMatchObject({ status: { S: 'failed' }, detail: { S: 'no such alarm' } });
  });

  it('keeps what is there: nothing is written twice', async () => {
    const frozen = { ...props('03'), clock: () => Date.parse('2031-03-01T00:00:00Z'), newId: () => 'same' };
    await recordAction(frozen, action);
    await expect(recordAction(frozen, { ...action, by: 'joe' })).rejects.toThrow();
    expect(await trail('03')).toMatchObject([{ by: { S: 'jane' } }]);
  });

  it('takes text that is hard to write in a statement', async () => {
    const reason = `it's "quoted" ? {'pk': 'x'} -- ${'\n'} ünïcode`;
    await recordAction(props('04'), { ...action, reason });
    expect(await trail('04')).toMatchObject([{ reason: { S: reason } }]);
  });

  it.each(['action', 'by', 'reason', 'target'])('refuses an action without its %s', async (field) => {
    await expect(recordAction(props('05'), { ...action, [field]: ' ' })).rejects.toThrow(`The ${field} of an action`);
    expect(await trail('05')).toEqual([]);
  });

  it('refuses a reason that nobody would read', async () => {
    await expect(recordAction(props('06'), { ...action, reason: 'x'.repeat(1_001) })).rejects.toThrow(/Say it in 1000/);
  });

  it('does nothing when it is not there', async () => {
    let done = false;
    const work = audited({ ...props('07'), table: 'no-such-table' }, action, async () => {
      done = true;
    });
    await expect(work).rejects.toThrow("There is no audit table 'no-such-table' here, so nothing was done.");
    expect(done).toBe(false);
  });
});

describe('who acts', () => {
  it('is told by STS', async () => {
    const arn = await callerArn(engines.dynamodb, engines.endpoints.AWS_ENDPOINT_URL);
    expect(arn).toBe('arn:aws:iam::000000000000:root');
  });

  it('is the user of the machine where AWS is not asked', async () => {
    const environment = { AWS_ENDPOINT_URL_CLOUDWATCH: 'http://127.0.0.1:1', USER: 'jane' };
    expect(await callerOf(engines.dynamodb, environment)).toBe('jane');
  });

  it('is the user, unverified, when nobody can be asked', async () => {
    const signedOut = {
      config: {
        region: async () => 'eu-west-1',
        credentials: async () => {
          throw new Error('no credentials');
        },
      },
    };
    expect(await callerOf(signedOut, { USER: 'jane' })).toBe('jane (unverified)');
  });
});
