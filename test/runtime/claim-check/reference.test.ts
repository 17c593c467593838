import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { datahashOf, keyOf, readReference, referenceTo } from '../../../lib/runtime/claim-check/reference.ts';
import { orderPlaced } from '../pipeline.ts';
import { seeded } from '../seed.ts';

const hashed = (text: string) => datahashOf(JSON.stringify(text));

describe('the place of an event’s data', () => {
  test('says type, id and version', () => {
    const key = keyOf(orderPlaced('1', { id: '8a3c-7' }), 'sha256:0123456789abcdef0123');
    expect(key).toBe('order.placed/8a3c-7/1-0123456789abcdef');
  });

  test('is a safe one whatever the id is, the same each time, and another for other ids or data', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }), fc.string(), (id, data) => {
        const key = keyOf({ ...orderPlaced('1'), id }, hashed(data));
        expect(key).toMatch(/^order\.placed\/[\w-]+\/1-[0-9a-f]{16}$/);
        expect(key.length).toBeLessThan(200);
        expect(keyOf({ ...orderPlaced('1'), id }, hashed(data))).toBe(key);
        expect(keyOf({ ...orderPlaced('1'), id: `${id}/` }, hashed(data))).not.toBe(key);
        expect(keyOf({ ...orderPlaced('1'), id }, hashed(`${data}.`))).not.toBe(key);
        expect(readReference(referenceTo({ bucket: 'claims', key }))).toEqual({ bucket: 'claims', key });
      }),
      seeded({ numRuns: 300 }),
    );
  });
});

describe('a reference', () => {
  test.each([
    '',
    's3://claims',
    's3://claims/',
    's3:///key',
    'S3://claims/key',
    'https://claims.s3.amazonaws.com/key',
    's3://claims/../other/key',
    's3://claims/a/./b',
    's3://claims/a//b',
    's3://claims/a/..',
    's3://cl aims/key',
    's3://claims@evil/key',
    's3://claims?x=/key',
    `s3://claims/${'k'.repeat(1_025)}`,
    's3://claims/\uD800',
  ])('%j is none', (dataref) => {
    expect(readReference(dataref)).toBeUndefined();
  });

  test('is taken by its letters: nothing in it is decoded', () => {
    expect(readReference('s3://claims/a%2F..%2Fb?versionId=1')).toEqual({
      bucket: 'claims',
      key: 'a%2F..%2Fb?versionId=1',
    });
  });
});
