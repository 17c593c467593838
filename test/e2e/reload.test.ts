import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readOrders } from '../../lib/superstore/orders.ts';
import { eventually } from './eventually.ts';
import { openShop, type Shop, shopTable } from './shop.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));
const [first, second, third, fourth] = readOrders(4);

describe('a handler whose file changes', () => {
  const copy = realpathSync(mkdtempSync(join(tmpdir(), 'baton-reload-')));
  const file = join(copy, 'functions', 'invoicing', 'handler.ts');
  let source: string;
  let shop: Shop;

  beforeAll(async () => {
    for (const name of [
      'bin',
      'events',
      'functions',
      'lib',
      'placements',
      'cdk.json',
      'package.json',
      'tsconfig.json',
    ]) {
      cpSync(join(project, name), join(copy, name), { recursive: true });
    }
    symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'));
    source = readFileSync(file, 'utf8');
    shop = await openShop({ projectDirectory: copy });
    shop.cloud.watch();
  }, 60_000);
  afterAll(async () => {
    await shop?.close();
    rmSync(copy, { recursive: true });
  });

  /** Places an order, and gives the number on its invoice. */
  async function invoiceOf(order: typeof first): Promise<string> {
    await shop.place([order!]);
    return await eventually(async () => {
      const { Item } = await shop.cloud.engines.clients.dynamodb.send(
        new GetItemCommand({
          TableName: shopTable(shop.cloud),
          Key: { pk: { S: `ORDER#${order!.orderId}` }, sk: { S: 'INVOICE' } },
          ConsistentRead: true,
        }),
      );
      return Item?.invoiceNumber?.S;
    });
  }

  /** Saves the handler, and waits for what the developer is told of it. */
  async function save(text: string): Promise<string> {
    const told = shop.lines.length;
    writeFileSync(file, text);
    return await eventually(() => shop.lines.slice(told).find((line) => /invoicing/.test(line)));
  }

  it('runs as the new code says, and stays as it was while the file is broken', async () => {
    expect(await invoiceOf(first)).toBe(`INV-${first!.orderId}`);

    expect(await save(source.replace('`INV-', '`BILL-'))).toBe('Reloaded invoicing.');
    expect(await invoiceOf(second)).toBe(`BILL-${second!.orderId}`);

    const broken = source.replace("sk: 'INVOICE'", "sk: = 'INVOICE'");
    const line = broken.split('\n').findIndex((text) => text.includes('sk: =')) + 1;
    const told = await save(broken);
    expect(told).toContain('the old code stays');
    expect(told).toContain(`functions/invoicing/handler.ts:${line}:`);
    expect(told).not.toMatch(/^\s+at /m);
    expect(await invoiceOf(third)).toBe(`BILL-${third!.orderId}`);

    expect(await save(source.replace('`INV-', '`MENDED-'))).toBe('Reloaded invoicing.');
    expect(await invoiceOf(fourth)).toBe(`MENDED-${fourth!.orderId}`);
  }, 90_000);
});
