import { describe, expect, test } from 'vitest';
import { AwsError } from '../../../lib/runtime/aws/aws-error.ts';
import { type CoalescerProps, createCoalescer } from '../../../lib/runtime/aws/coalescer.ts';

/** A coalescer of texts that doubles each, and what it sent. */
function doubling(props: Partial<CoalescerProps<string, string>> = {}) {
  const calls: string[][] = [];
  const ask = createCoalescer<string, string>({
    maxItems: 3,
    send: async (items) => {
      calls.push([...items]);
      return items.map((item) => ({ status: 'fulfilled', value: item + item }));
    },
    ...props,
  });
  return { calls, ask };
}

describe('a coalescer', () => {
  test('makes one call of what is asked for in one turn, and gives each its own answer', async () => {
    const { ask, calls } = doubling();
    expect(await Promise.all(['a', 'b', 'c'].map(ask))).toEqual(['aa', 'bb', 'cc']);
    expect(calls).toEqual([['a', 'b', 'c']]);
  });

  test('makes another call in the next turn', async () => {
    const { ask, calls } = doubling();
    await ask('a');
    await ask('b');
    expect(calls).toEqual([['a'], ['b']]);
  });

  test('splits by number and by bytes', async () => {
    const { ask, calls } = doubling({ maxBytes: 5, sizeOf: (item) => item.length });
    await Promise.all(['a', 'b', 'c', 'd', 'eeee', 'ff', 'ggggggg'].map(ask));
    expect(calls).toEqual([['a', 'b', 'c'], ['d', 'eeee'], ['ff'], ['ggggggg']]);
  });

  test('asked to keep order, starts a call when the one before it has ended', async () => {
    let under = 0;
    const { ask, calls } = doubling({
      maxItems: 1,
      inOrder: true,
      send: async (items) => {
        calls.push([...items]);
        expect(++under).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        under--;
        return items.map((value) => ({ status: 'fulfilled', value }));
      },
    });
    await Promise.all(['a', 'b', 'c'].map(ask));
    expect(calls).toEqual([['a'], ['b'], ['c']]);
  });

  test.each([true, false])('refused for what one item is, sends each alone (in order: %s)', async (inOrder) => {
    const calls: string[][] = [];
    const { ask } = doubling({
      inOrder,
      send: async (items) => {
        calls.push([...items]);
        if (items.includes('bad')) throw new AwsError('ValidationException', 'bad', { status: 400 });
        return items.map((value) => ({ status: 'fulfilled', value }));
      },
    });
    const results = await Promise.allSettled(['a', 'bad', 'c'].map(ask));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(calls).toEqual([['a', 'bad', 'c'], ['a'], ['bad'], ['c']]);
  });

  test.each([
    ['is throttled', new AwsError('ThrottlingException', 'slow', { status: 400 })],
    ['is denied', new AwsError('AccessDeniedException', 'no', { status: 400 })],
    ['breaks', AwsError.ofNetwork('host', new Error('gone'))],
  ])('fails every item of a call that %s, and does not multiply it', async (_, error) => {
    let calls = 0;
    const { ask } = doubling({
      send: async () => {
        calls++;
        throw error;
      },
    });
    for (const result of await Promise.allSettled(['a', 'b'].map(ask))) {
      expect(result).toEqual({ status: 'rejected', reason: error });
    }
    expect(calls).toBe(1);
  });

  test('fails an item that the answer leaves out', async () => {
    const { ask } = doubling({ send: async () => [{ status: 'fulfilled', value: 'first' }] });
    const [first, second] = await Promise.allSettled(['a', 'b'].map(ask));
    expect(first).toMatchObject({ value: 'first' });
    expect(second).toMatchObject({ reason: { message: expect.stringContaining('fewer items') } });
  });
});
