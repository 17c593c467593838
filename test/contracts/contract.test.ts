import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import {
  type DataOf,
  defineCommand,
  defineEvent,
  InvalidContractError,
  InvalidDataError,
} from '../../lib/contracts/index.ts';

const Paid = defineEvent({
  type: 'invoice.paid',
  version: 2,
  description: 'An invoice was paid in full.',
  key: (invoice) => invoice.invoiceId,
  schema: z.object({ invoiceId: z.string(), lines: z.array(z.object({ cents: z.int().positive() })).min(1) }),
});

describe('a contract', () => {
  it('infers the type of its data from its schema', () => {
    expectTypeOf<DataOf<typeof Paid>>().toEqualTypeOf<{ invoiceId: string; lines: { cents: number }[] }>();
    expectTypeOf(Paid.type).toEqualTypeOf<'invoice.paid'>();
  });

  it('tells events from commands', () => {
    const Pay = defineCommand({ ...Paid, type: 'invoice.pay' });
    expect([Paid.kind, Pay.kind]).toEqual(['event', 'command']);
  });

  it('carries its type and version in the dataschema', () => {
    expect(Paid.dataschema).toBe('urn:baton:invoice.paid:2');
  });

  it('returns sound data', () => {
    const data = { invoiceId: 'i-1', lines: [{ cents: 5 }] };
    expect(Paid.parse(data)).toEqual(data);
  });

  it('names every path and value that is wrong', () => {
    const error = catchError(() => Paid.parse({ invoiceId: 7, lines: [{ cents: 1 }, { cents: -3 }] }));
    expect(error).toBeInstanceOf(InvalidDataError);
    expect((error as InvalidDataError).violations.map(({ path, value }) => [path, value])).toEqual([
      ['invoiceId', '7'],
      ['lines[1].cents', '-3'],
    ]);
    expect((error as Error).message).toMatch(/invoice\.paid version 2 .*data\.lines\[1\]\.cents is -3/);
  });

  it('says so when a value is missing, and shortens a long one', () => {
    const error = catchError(() => Paid.parse({ lines: 'x'.repeat(500) })) as InvalidDataError;
    expect(error.violations[0]).toMatchObject({ path: 'invoiceId', value: 'undefined' });
    expect(error.violations[1]!.value.length).toBeLessThanOrEqual(80);
  });

  it.each(['', 'Order.Placed', 'order placed', 'order..placed', '.order'])('refuses the type %j', (type) => {
    expect(() => defineEvent({ ...Paid, type })).toThrow(InvalidContractError);
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses the version %d', (version) => {
    expect(() => defineEvent({ ...Paid, version })).toThrow(/Use a positive integer/);
  });

  it('refuses an empty description', () => {
    expect(() => defineEvent({ ...Paid, description: ' ' })).toThrow(/description is empty/);
  });
});

function catchError(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
