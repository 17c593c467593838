import { expect, test } from 'vitest';
import {
  readTraceparent,
  readXRay,
  writeTraceparent,
  xrayTraceparent,
} from '../../../lib/runtime/telemetry/trace-context.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

test('a traceparent is read and written', () => {
  const text = `00-${traceId}-${spanId}-01`;
  expect(readTraceparent(text)).toEqual({ traceId, spanId, sampled: true });
  expect(writeTraceparent(readTraceparent(text)!)).toBe(text);
  expect(readTraceparent(`00-${traceId}-${spanId}-02`)).toMatchObject({ sampled: false });
});

test('a later version may have more to say', () => {
  expect(readTraceparent(`cc-${traceId}-${spanId}-01-what-the-future-holds`)).toEqual({
    traceId,
    spanId,
    sampled: true,
  });
});

test.each([
  undefined,
  '',
  'nonsense',
  `00-${'0'.repeat(32)}-${spanId}-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  `ff-${traceId}-${spanId}-01`,
  `00-${traceId}-${spanId}-01-more`,
  `00-${traceId.toUpperCase()}-${spanId}-01`,
])('%j is no traceparent', (text) => {
  expect(readTraceparent(text)).toBeUndefined();
});

test("X-Ray's header gives the same ids in W3C form", () => {
  const header = 'Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a:0';
  expect(readXRay(header)).toEqual({
    traceId: '67891233abcdef012345678912345678',
    spanId: '53995c3f42cd8ad8',
    sampled: true,
  });
  expect(xrayTraceparent(header)).toBe('00-67891233abcdef012345678912345678-53995c3f42cd8ad8-01');
});

test('what X-Ray does not keep is not sampled, and without a parent the trace id gives one', () => {
  expect(xrayTraceparent('Root=1-67891233-ABCDEF012345678912345678;Sampled=0')).toBe(
    '00-67891233abcdef012345678912345678-2345678912345678-00',
  );
});

test.each([undefined, '', 'Self=1-67891233-abcdef012345678912345678', 'Root=1-678-abc'])(
  '%j names no trace',
  (header) => {
    expect(readXRay(header)).toBeUndefined();
  },
);
