import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../lib/cli/report.ts';
import { subscriptions } from '../../lib/superstore/invariants.ts';
import { readOrders } from '../../lib/superstore/orders.ts';
import { baton, type CommandLine } from './command-line.ts';

const ORDERS = 5_009;
const POISON = 10;
const SEED = 20_261;

describe(`the whole Superstore run (seed ${SEED})`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'baton-superstore-'));
  const file = join(folder, 'report.json');
  let run: CommandLine;
  let code: number | null;
  let report: Report;

  beforeAll(async () => {
    process.stderr.write(`Superstore seed ${SEED}\n`);
    // Chance is spelled out, so that a change of the defaults does not make this an easier test.
    const chance = ['--payment-failures', '5%', '--duplicates', '2%', '--poison', String(POISON)];
    run = baton('start', '--exit', '--report', file, '--seed', String(SEED), ...chance);
    code = await run.ended;
    if (code !== 0) process.stderr.write(run.said());
    report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  }, 240_000);
  afterAll(async () => {
    await run.kill();
    rmSync(folder, { recursive: true });
  });

  it('exits 0, and every invariant held', () => {
    expect(report.invariants.filter(({ held }) => !held)).toEqual([]);
    expect(report.invariants.map(({ name }) => name)).toEqual([
      'nothing is lost',
      'no event is handled twice',
      'every order is charged once',
      'sales add up to the cent',
      'ordered consumers stay in order',
      'the poison, and only it, is dead-lettered',
    ]);
    expect(code).toBe(0);
  });

  it('places every order of the Superstore', () => {
    expect(readOrders()).toHaveLength(ORDERS);
    expect(report.published).toBe(ORDERS);
  });

  it.each(Object.entries(subscriptions))(
    '%s handles each event once and has every effect that it owes',
    (name, owed) => {
      const consumer = report.consumers[name]!;
      expect(consumer).toMatchObject({
        effects: ORDERS * owed.effects.length,
        lost: 0,
        handled: ORDERS * owed.deliveries,
      });
      // Every delivery had one end; what was returned unharmed is the rest.
      const ends = consumer.handled + consumer.duplicates + consumer.retried + consumer.deadLettered;
      expect(consumer.delivered).toBeGreaterThanOrEqual(ends);
    },
  );

  it('recognises the deliveries that were made twice, everywhere', () => {
    for (const [name, { duplicates, handled }] of Object.entries(report.consumers)) {
      expect(duplicates, name).toBeGreaterThan(0.01 * handled);
    }
  });

  it('retries the payments that failed', () => {
    expect(report.consumers.billing!.retried).toBeGreaterThan(0.02 * ORDERS);
  });

  it('dead-letters the poison only, spread over all consumers', () => {
    const deadLettered = Object.values(report.consumers).map((consumer) => consumer.deadLettered);
    // One that SQS delivers twice is dead-lettered twice; that nothing else is there, the invariants say.
    expect(deadLettered.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(POISON);
    expect(Math.min(...deadLettered)).toBeGreaterThan(0);
  });

  it('reports every figure', () => {
    expect(Object.keys(report.consumers).sort()).toEqual(Object.keys(subscriptions).sort());
    for (const consumer of Object.values(report.consumers)) {
      expect(Object.keys(consumer).sort()).toEqual(
        ['delivered', 'handled', 'duplicates', 'retried', 'deadLettered', 'effects', 'lost'].sort(),
      );
    }
    for (const figure of ['seconds', 'eventsPerSecond', 'readyMs', 'peakRssBytes'] as const) {
      expect(report[figure], figure).toBeGreaterThan(0);
    }
    expect(report.seed).toBe(SEED);
    // Those of tables are not here; what there is, test/stacks/pipeline.test.ts counts.
    const alarms = report.alarms.map(({ name }) => name);
    expect(alarms).toEqual(
      expect.arrayContaining([
        'Baton-dev-Foundation-OnCall-heartbeat',
        'Baton-dev-Operations-Checkout-health',
        ...['age', 'depth', 'dead-letters', 'drain', 'failure-rate'].map((each) => `Baton-dev-Orders-Billing-${each}`),
      ]),
    );
    expect(new Set(alarms).size).toBe(alarms.length);
    for (const { name, states } of report.alarms) {
      expect(name).toMatch(/^Baton-dev-/);
      expect(states.length).toBeGreaterThan(0);
      for (const { state, at } of states) {
        expect(['OK', 'ALARM', 'INSUFFICIENT_DATA']).toContain(state);
        expect(new Date(at).toISOString()).toBe(at);
      }
    }
  });

  it('tells whoever watches, too', () => {
    const said = run.said();
    expect(said).toMatch(/not emulated here:\n {2}AWS::/);
    expect(said).toContain(`Seed ${SEED}.`);
    expect(said).toMatch(/5,009 orders became [\d,]+ handled events/);
    for (const { name } of report.invariants) expect(said).toContain(`✔ ${name}`);
  });
});
