import { App, Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { kebabCase, physicalName } from '../../lib/constructs/names.ts';

describe('a physical name', () => {
  const stack = new Stack(new App(), 'Baton-prod-Orders');
  const inventory = new Construct(stack, 'Inventory');

  it('is read from left to right: stack, construct, what it is', () => {
    expect(physicalName(inventory, '', 80)).toBe('Baton-prod-Orders-Inventory');
    expect(physicalName(inventory, 'dead-letters', 80, '.fifo')).toBe('Baton-prod-Orders-Inventory-dead-letters.fifo');
  });

  it('fits, stays apart from its like, and keeps its ending when it is too long', () => {
    const long = (end: string) => physicalName(new Construct(stack, `${'Long'.repeat(20)}${end}`), '', 64, '.fifo');
    const [one, two] = [long('A'), long('B')];
    expect([one.length, two.length]).toEqual([64, 64]);
    expect(one).toMatch(/^Baton-prod-Orders-Long.*-[0-9a-f]{8}\.fifo$/);
    expect(one).not.toBe(two);
  });
});

describe('kebab case', () => {
  it.each([
    ['PlaceOrder', 'place-order'],
    ['inventory', 'inventory'],
    ['HTTPGateway', 'http-gateway'],
    ['Step2Check', 'step2-check'],
    ['with space_and.dot', 'with-space-and-dot'],
  ])('%s -> %s', (id, name) => {
    expect(kebabCase(id)).toBe(name);
  });
});
