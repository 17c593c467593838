import { AwsError } from './aws-error.ts';

/** How calls are gathered. */
export interface CoalescerProps<Item, Result> {
  /** The most items that one call takes. */
  maxItems: number;
  /** The most bytes that one call takes. @default no limit */
  maxBytes?: number;
  /** The bytes of one item; needed with `maxBytes`. */
  sizeOf?: (item: Item) => number;
  /** Whether a call may start only after the one before it ended, so that order is kept. @default false */
  inOrder?: boolean;
  /** Makes one call. Answers for each item by its position; a rejection answers for all. */
  send: (items: readonly Item[]) => Promise<readonly PromiseSettledResult<Result>[]>;
}

/**
 * Gathers what is asked for in one turn of the event loop into as few calls as the service allows.
 * The handlers of a batch run side by side and take the same steps at the same time: their single requests become one call.
 *
 * When a service refuses a whole call for what it contains, each item is sent alone, so that one bad item cannot
 * decide the fate of its neighbours.
 */
export function createCoalescer<Item, Result>(props: CoalescerProps<Item, Result>): (item: Item) => Promise<Result> {
  interface Waiting {
    item: Item;
    resolve: (result: Result) => void;
    reject: (error: unknown) => void;
  }
  let gathered: Waiting[] = [];
  let last: Promise<void> = Promise.resolve();

  function answer(waiting: Waiting, result: PromiseSettledResult<Result> | undefined): void {
    if (result?.status === 'fulfilled') waiting.resolve(result.value);
    else waiting.reject(result?.reason ?? new Error('The service answered for fewer items than it was sent.'));
  }

  async function call(group: readonly Waiting[]): Promise<void> {
    try {
      const results = await props.send(group.map(({ item }) => item));
      group.forEach((waiting, position) => {
        answer(waiting, results[position]);
      });
    } catch (error) {
      if (group.length > 1 && error instanceof AwsError && error.refused) {
        if (props.inOrder) for (const waiting of group) await call([waiting]);
        else await Promise.all(group.map((waiting) => call([waiting])));
      } else {
        for (const waiting of group) waiting.reject(error);
      }
    }
  }

  function flush(): void {
    const groups = split(gathered, props);
    gathered = [];
    for (const group of groups) {
      if (props.inOrder) last = last.then(() => call(group));
      else void call(group);
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (gathered.push({ item, resolve, reject }) === 1) setImmediate(flush);
    });
}

function split<Item, Result, Held extends { item: Item }>(held: Held[], props: CoalescerProps<Item, Result>): Held[][] {
  const { maxItems, maxBytes = Number.POSITIVE_INFINITY, sizeOf = () => 0 } = props;
  const groups: Held[][] = [];
  let group: Held[] = [];
  let bytes = 0;
  for (const one of held) {
    const size = sizeOf(one.item);
    if (group.length === maxItems || (group.length > 0 && bytes + size > maxBytes)) {
      groups.push(group);
      group = [];
      bytes = 0;
    }
    group.push(one);
    bytes += size;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
