import { describe, expect, it } from 'vitest';
import { readDependencies } from '../../../lib/runtime/dependencies/dependency-settings.ts';
import { ConfigurationError } from '../../../lib/runtime/errors.ts';

describe('the settings', () => {
  it('have defaults for what is left out', () => {
    expect(readDependencies('{"payments":{"probes":2}}')).toMatchObject({
      payments: { probes: 2, minimumCalls: 20, failureRate: 50, windowSeconds: 60, openSeconds: 30 },
    });
    expect(readDependencies(undefined)).toEqual({});
  });

  it.each([
    ['nonsense', 'no JSON'],
    ['[]', 'no JSON object'],
    ['{"payments":1}', "'payments' is no object"],
    ['{"payments":{"probes":0.5}}', "probes of 'payments' is 0.5"],
    ['{"payments":{"failureRate":101}}', 'above 100'],
    ['{"payments":{"patience":1}}', "'patience' that there is not"],
  ])('%s are refused', (text, message) => {
    expect(() => readDependencies(text)).toThrow(ConfigurationError);
    expect(() => readDependencies(text)).toThrow(message);
  });
});
