import { describe, expect, test } from 'vitest';
import { compileFilters, FilterPatternError } from '../../lib/local/event-sources/filter-criteria.ts';

const order = {
  id: 'o-17',
  total: 250,
  paid: false,
  coupon: null,
  note: '',
  tags: ['gift', 'express'],
  customer: { name: 'Ada', region: 'EU-west' },
  lines: [{ sku: 'desk' }, { sku: 'lamp' }],
};

const passes = (pattern: object, body: unknown = order): boolean =>
  compileFilters([JSON.stringify(pattern)])({
    messageId: 'm',
    attributes: { MessageGroupId: 'g-1' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('a rule', () => {
  test.each<[string, object, boolean]>([
    ['equals a string', { id: ['o-17'] }, true],
    ['equals none of the strings', { id: ['o-1', 'o-2'] }, false],
    ['equals a number', { total: [250] }, true],
    ['does not take a string for a number', { total: ['250'] }, false],
    ['equals a boolean', { paid: [false] }, true],
    ['equals null', { coupon: [null] }, true],
    ['does not take a missing field for null', { nothing: [null] }, false],
    ['equals the empty string', { note: [''] }, true],
    ['equals one value of a list', { tags: ['express'] }, true],
    ['equals, ignoring case', { customer: { name: [{ 'equals-ignore-case': 'aDA' }] } }, true],
    ['begins with', { customer: { region: [{ prefix: 'EU-' }] } }, true],
    ['begins with another', { customer: { region: [{ prefix: 'US-' }] } }, false],
    ['begins with, ignoring case', { customer: { region: [{ prefix: { 'equals-ignore-case': 'eu-' } }] } }, true],
    ['ends with', { customer: { region: [{ suffix: '-west' }] } }, true],
    ['ends with another', { customer: { region: [{ suffix: '-east' }] } }, false],
    ['matches a wildcard', { id: [{ wildcard: 'o*7' }] }, true],
    ['takes a dot in a wildcard for a dot', { id: [{ wildcard: 'o.17' }] }, false],
    ['is above', { total: [{ numeric: ['>', 100] }] }, true],
    ['is in a range', { total: [{ numeric: ['>=', 250, '<', 300] }] }, true],
    ['is out of a range', { total: [{ numeric: ['>', 0, '<=', 249.5] }] }, false],
    ['is a number at all', { id: [{ numeric: ['>', 0] }] }, false],
    ['exists', { id: [{ exists: true }] }, true],
    ['does not exist', { refund: [{ exists: false }] }, true],
    ['does exist after all', { id: [{ exists: false }] }, false],
    ['does not exist, nor does what it would be in', { refund: { reason: [{ exists: false }] } }, true],
    ['is anything but a value', { id: [{ 'anything-but': 'o-18' }] }, true],
    ['is anything but that value', { id: [{ 'anything-but': 'o-17' }] }, false],
    ['is anything but some values', { total: [{ 'anything-but': [1, 250] }] }, false],
    ['is anything but a prefix', { id: [{ 'anything-but': { prefix: 'x-' } }] }, true],
    ['is anything but that prefix', { id: [{ 'anything-but': { prefix: 'o-' } }] }, false],
    ['is anything but, and absent', { refund: [{ 'anything-but': 'x' }] }, false],
    ['holds for one of several', { total: [{ numeric: ['<', 0] }, { numeric: ['=', 250] }] }, true],
    ['holds for all fields', { id: ['o-17'], paid: [true] }, false],
    ['holds within a list of objects', { lines: { sku: ['lamp'] } }, true],
    ['holds by one alternative', { $or: [{ paid: [true] }, { total: [{ numeric: ['>', 200] }] }] }, true],
    ['holds by no alternative', { $or: [{ paid: [true] }, { total: [1] }] }, false],
    ['holds by an alternative, but not beside it', { id: ['x'], $or: [{ paid: [false] }] }, false],
  ])('%s', (_what, pattern, expected) => {
    expect(passes({ body: pattern })).toBe(expected);
  });
});

describe('a body', () => {
  test('that is text does not match a pattern for JSON, nor the other way round', () => {
    expect(passes({ body: { id: [{ exists: false }] } }, 'plain text')).toBe(false);
    expect(passes({ body: [{ 'anything-but': 'x' }] }, '{"id":"o-17"}')).toBe(false);
  });

  test('that is text matches rules for text', () => {
    expect(passes({ body: [{ prefix: 'plain' }] }, 'plain text')).toBe(true);
    expect(passes({ body: ['42'] }, '42')).toBe(true);
  });

  test('is not looked at when the pattern is about the record', () => {
    expect(passes({ attributes: { MessageGroupId: ['g-1'] } }, 'plain text')).toBe(true);
    expect(passes({ attributes: { MessageGroupId: ['g-2'] } }, 'plain text')).toBe(false);
  });
});

describe('filters', () => {
  test('let a record pass when one of them matches, or when there is none', () => {
    const record = { body: '{"a":1}' };
    expect(compileFilters([])(record)).toBe(true);
    expect(compileFilters(['{"body":{"a":[2]}}', '{"body":{"a":[1]}}'])(record)).toBe(true);
    expect(compileFilters(['{"body":{"a":[2]}}', '{"body":{"a":[3]}}'])(record)).toBe(false);
  });

  test.each([
    ['not JSON', 'must be a JSON object'],
    ['{"body":{"a":1}}', 'The rule for "a" must be a list or an object, not 1'],
    [
      '{"body":{"a":[{"cidr":"10.0.0.0/8"}]}}',
      'The rule for "a" is not one of Lambda\'s filter rules: {"cidr":"10.0.0.0/8"}',
    ],
    ['{"body":{"a":[{"numeric":["~",1]}]}}', 'is not one of'],
    ['{"body":{"a":[{"numeric":[">"]}]}}', 'is not one of'],
    ['{"body":{"a":[{"prefix":"x","suffix":"y"}]}}', 'more than one operator'],
    ['{"body":{"$or":{"a":[1]}}}', '"$or" must be a list'],
  ])('refuse %s instead of passing over it', (pattern, message) => {
    expect(() => compileFilters([pattern])).toThrow(FilterPatternError);
    expect(() => compileFilters([pattern])).toThrow(message);
  });
});
