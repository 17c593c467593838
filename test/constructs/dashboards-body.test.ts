import { expect, it } from 'vitest';
import { type DashboardBody, objectionsTo, type Widget } from './fixtures/dashboard-body.ts';

const graph = (metrics: unknown[], place: Partial<Widget> = {}): Widget => ({
  type: 'metric',
  x: 0,
  y: 0,
  width: 12,
  height: 6,
  properties: { title: 'T', region: 'eu-central-1', metrics },
  ...place,
});
const metric = (id: string, options = {}) => ['Baton', 'Handled', 'service', id, options];
const sound = graph([metric('a', { id: 'm1', visible: false }), [{ expression: 'm1 * 2', id: 'e1' }]]);

it('has no objection to a sound dashboard', () => {
  const body = { start: '-PT3H', periodOverride: 'auto', widgets: [sound, graph([metric('b')], { x: 12 })] };
  expect(objectionsTo('shop-debug', body)).toEqual([]);
});

it.each<[string, string, DashboardBody]>([
  ['a name with a blank', 'a b', { widgets: [] }],
  ['a start in hours without T', 'a', { widgets: [], start: '-P3H' }],
  ['501 widgets', 'a', { widgets: Array.from({ length: 501 }, (_, n) => graph([metric('a')], { y: 6 * n })) }],
  ['2,505 metrics', 'a', { widgets: [0, 6, 12, 18, 24].map((y) => graph(Array(501).fill(metric('a')), { y })) }],
  ['a widget over the edge', 'a', { widgets: [graph([metric('a')], { x: 13 })] }],
  ['an overlap', 'a', { widgets: [sound, graph([metric('a')], { x: 11, y: 5 })] }],
  ['a metric without the value of a dimension', 'a', { widgets: [graph([['Baton', 'Handled', 'service']])] }],
  ['an expression over nothing', 'a', { widgets: [graph([[{ expression: 'm1 * 2' }]])] }],
  ['two metrics of one id', 'a', { widgets: [graph([metric('a', { id: 'm' }), metric('b', { id: 'm' })])] }],
  ['nothing visible', 'a', { widgets: [graph([metric('a', { visible: false })])] }],
  [
    'an alarm by its name alone',
    'a',
    { widgets: [graph([], { type: 'alarm', properties: { alarms: ['shop-age'] } })] },
  ],
  ['a query of no log', 'a', { widgets: [graph([], { type: 'log', properties: { region: 'r', query: 'limit 1' } })] }],
])('objects to %s', (_, name, body) => {
  expect(objectionsTo(name, body)).not.toEqual([]);
});
