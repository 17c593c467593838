import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import * as z from 'zod';
import { Order, totalCents } from '../events/order.ts';
import { OrderPlaced } from '../events/order-placed.ts';
import { PaymentCaptured } from '../events/payment-captured.ts';
import type { AnyContract } from '../lib/contracts/index.ts';
import { compile } from '../lib/contracts/validation/compile.ts';
import { readOrders } from '../lib/superstore/orders.ts';
import { median } from './median.ts';

/** How long a measurement is. */
export interface ValidateSizes {
  /** Rounds of all contestants that count. */
  rounds: number;
  /** Rounds before them that do not. */
  warmUp: number;
  /** Kilobytes that a contestant reads in a round: as many events as that makes. */
  kilobytes: number;
}

const CONTESTANTS = ['parse', 'baton', 'zod', 'zodCompiled', 'ajv'] as const;
type Contestant = (typeof CONTESTANTS)[number];
type Micros = Record<Contestant, number>;

/**
 * Validates events on top of `JSON.parse`, against zod's own parse, zod's compiler and ajv, in one process and in turns. What is
 * told of a contestant is its time over that of `JSON.parse` alone in the same round; the median of all rounds.
 */
export function validateFigures(
  say: (line: string) => void,
  sizes: ValidateSizes = { rounds: 60, warmUp: 15, kilobytes: 1_500 },
): Record<string, number> {
  const orders = readOrders();
  const compileMicros = measureCompile(say, orders[0]!);
  const typical = orders.map((order) => JSON.stringify(order)).filter(({ length }) => length >= 950 && length <= 1_100);
  const payments = orders.slice(0, 100).map((order, at) =>
    JSON.stringify({
      orderId: order.orderId,
      customerId: order.customerId,
      paymentId: `pay_${String(at).padStart(24, '0')}`,
      amountCents: totalCents(order),
      currency: 'USD',
    }),
  );
  const lines = orders.flatMap((order) => order.lines);
  const large = orders
    .slice(0, 20)
    .map((order, at) => JSON.stringify({ ...order, lines: lines.slice(at * 66, at * 66 + 66) }));

  const small = measure('small', payments, PaymentCaptured, sizes, say);
  const middle = measure('typical', typical, OrderPlaced, sizes, say);
  const big = measure('large', large, OrderPlaced, sizes, say);
  say('ajv checks data where it is: it copies nothing and leaves in what is not declared, as the others do not');
  return {
    validateMicros: middle.baton,
    zodMicros: middle.zod,
    zodCompiledMicros: middle.zodCompiled,
    ajvMicros: middle.ajv,
    validateToZodRatio: middle.baton / middle.zod,
    validateToAjvRatio: middle.baton / middle.ajv,
    jsonParseMicros: middle.parse,
    validateSmallMicros: small.baton,
    validate10KbMicros: big.baton,
    jsonParse10KbMicros: big.parse,
    compileMicros,
  };
}

/** Microseconds an event: of `parse` all of it, of the others what they take over that. */
function measure(
  name: string,
  texts: readonly string[],
  contract: AnyContract,
  { rounds, warmUp, kilobytes }: ValidateSizes,
  say: (line: string) => void,
): Micros {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / texts.length;
  const events = Math.ceil((kilobytes * 1_024) / bytes);
  const readers = readersOf(contract);
  for (const contestant of CONTESTANTS) {
    if (texts.some((text) => !readers[contestant](JSON.parse(text))))
      throw new Error(`${contestant} refuses an event.`);
  }
  const over: Record<Contestant, number[]> = { parse: [], baton: [], zod: [], zodCompiled: [], ajv: [] };
  for (let round = -warmUp; round < rounds; round++) {
    const micros = {} as Micros;
    for (let turn = 0; turn < CONTESTANTS.length; turn++) {
      const contestant = CONTESTANTS[(turn + round + warmUp) % CONTESTANTS.length]!;
      micros[contestant] = timed(texts, events, readers[contestant]);
    }
    if (round < 0) continue;
    for (const contestant of CONTESTANTS) {
      over[contestant].push(contestant === 'parse' ? micros.parse : micros[contestant] - micros.parse);
    }
  }
  const middle = Object.fromEntries(CONTESTANTS.map((contestant) => [contestant, median(over[contestant])])) as Micros;
  const shown = CONTESTANTS.map((contestant) => `${contestant} ${middle[contestant].toFixed(2)}`).join(', ');
  say(`${name}, ${Math.round(bytes)} B on average, µs an event: ${shown}`);
  return middle;
}

/** What says whether data is right, in each contestant's way. */
function readersOf({ schema, parse }: AnyContract): Record<Contestant, (data: unknown) => boolean> {
  const zodCompiled = z.compile(schema, { strict: true });
  const ajv = new Ajv2020();
  formats.default(ajv);
  const validate = ajv.compile(z.toJSONSchema(schema, { io: 'input' }));
  return {
    parse: (data) => data !== undefined,
    baton: (data) => parse(data) !== undefined,
    zod: (data) => schema.safeParse(data).success,
    zodCompiled: (data) => zodCompiled.safeParse(data).success,
    ajv: (data) => validate(data),
  };
}

function timed(texts: readonly string[], events: number, reader: (data: unknown) => boolean): number {
  const started = process.hrtime.bigint();
  for (let event = 0; event < events; event++) {
    if (!reader(JSON.parse(texts[event % texts.length]!))) throw new Error('An event was refused.');
  }
  return Number(process.hrtime.bigint() - started) / 1_000 / events;
}

/** Microseconds to compile the schema of an order and read the first one: what a contract costs that is used for the first time. */
function measureCompile(say: (line: string) => void, order: unknown): number {
  const micros: number[] = [];
  for (let round = 0; round < 300; round++) {
    const started = process.hrtime.bigint();
    compile(Order).read(order);
    micros.push(Number(process.hrtime.bigint() - started) / 1_000);
  }
  say(`compiling and reading the first order: ${micros[0]!.toFixed(0)} µs the very first time, when nothing is warm`);
  return median(micros);
}
