import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { halfOpened, NEW_CIRCUIT, opened } from '../../../lib/runtime/dependencies/circuit.ts';
import { type CircuitTable, createCircuitTable } from '../../../lib/runtime/dependencies/circuit-table.ts';
import { DEFAULT_SETTINGS } from '../../../lib/runtime/dependencies/dependency-settings.ts';
import { type Engines, startEngines } from '../engines.ts';

const NOW = 1_700_000_000_000;

let engines: Engines;
let name: string;
let circuits: CircuitTable;
let drawn = 0;
const random = () => ++drawn * 1e-9;
const props = { now: NOW, settings: DEFAULT_SETTINGS, random };

beforeAll(async () => {
  engines = await startEngines();
});
afterAll(async () => {
  await engines.stop();
});
beforeEach(async () => {
  name = await engines.createTable();
  circuits = createCircuitTable({
    client: engines.clients.dynamodb,
    table: name,
    consumer: 'billing',
    clock: () => NOW,
    random,
  });
});

test('a circuit that nobody wrote down is closed', async () => {
  expect(await circuits.find(['payments'])).toEqual(new Map([['payments', NEW_CIRCUIT]]));
});

test('calls that come late for a half window are still in it when the next begins', async () => {
  const { circuit: early } = await circuits.count('payments', NEW_CIRCUIT, 7, { calls: 2, failures: 1 });
  await circuits.count('payments', early, 7, { calls: 1, failures: 1 });
  const { done, circuit } = await circuits.count('payments', early, 8, { calls: 4, failures: 0 });
  expect(done).toBe(true);
  expect(circuit).toMatchObject({ window: 8, calls: 4, failures: 0, earlierCalls: 3, earlierFailures: 2 });
});

test('a clock that is a little behind counts in the half window of the others', async () => {
  const { circuit } = await circuits.count('payments', NEW_CIRCUIT, 8, { calls: 2, failures: 0 });
  expect((await circuits.count('payments', circuit, 7, { calls: 1, failures: 0 })).circuit).toMatchObject({
    window: 8,
    calls: 3,
  });
});

test('a state is changed from its own generation only, even when it is the same again', async () => {
  const { circuit: closed } = await circuits.count('payments', NEW_CIRCUIT, 7, { calls: 1, failures: 1 });
  const { circuit: first } = await circuits.move('payments', closed, opened(closed, props));
  const { circuit: probing } = await circuits.move('payments', first, halfOpened(first, props));
  const { circuit: second } = await circuits.move('payments', probing, opened(probing, props));
  expect(second).toMatchObject({ state: 'open', generation: 3, round: 1 });
  expect(await circuits.move('payments', first, halfOpened(first, props))).toEqual({ done: false, circuit: second });
});

test('calls of an earlier generation are not counted', async () => {
  const { circuit: closed } = await circuits.count('payments', NEW_CIRCUIT, 7, { calls: 1, failures: 1 });
  const { circuit: open } = await circuits.move('payments', closed, opened(closed, props));
  expect(await circuits.count('payments', closed, 7, { calls: 9, failures: 9 })).toEqual({
    done: false,
    circuit: open,
  });
});

test('a circuit is forgotten a month after it was last written', async () => {
  await circuits.count('payments', NEW_CIRCUIT, 7, { calls: 1, failures: 1 });
  const Key = { id: { S: 'circuit#billing#payments' } };
  const { Item } = await engines.dynamodb.send(new GetItemCommand({ TableName: name, Key }));
  expect(Number(Item!.expiration!.N)).toBe(NOW / 1_000 + 30 * 24 * 3_600);
});
