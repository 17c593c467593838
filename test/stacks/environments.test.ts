import { describe, expect, it } from 'vitest';
import {
  DEFAULT_ENVIRONMENT,
  EnvironmentError,
  environmentNamed,
  environmentNames,
  IncompleteEnvironmentError,
  UnknownEnvironmentError,
} from '../../lib/stacks/environments.ts';

const whole = environmentNamed('prod');

function complaint(config: unknown): string {
  try {
    environmentNamed('qa', { qa: config });
  } catch (error) {
    expect(error).toBeInstanceOf(IncompleteEnvironmentError);
    expect(error).toBeInstanceOf(EnvironmentError);
    return (error as Error).message;
  }
  throw new Error('The environment was accepted.');
}

describe('the environments', () => {
  it('are dev, staging and prod, dev by default', () => {
    expect(environmentNames).toEqual(['dev', 'staging', 'prod']);
    expect(DEFAULT_ENVIRONMENT).toBe('dev');
  });

  it.each(environmentNames)('%s is complete, and needs nothing but credentials', (name) => {
    const environment = environmentNamed(name);
    expect(environment.name).toBe(name);
    expect([environment.account, environment.region]).toEqual([undefined, undefined]);
  });

  it('keep the data of prod, and somebody to page there', () => {
    expect(whole.removalPolicy).toBe('retain');
    expect(whole.onCall.page.length).toBeGreaterThan(0);
  });
});

describe('an environment that is not there', () => {
  it.each(['production', 'toString', ''])("is refused with those that are: '%s'", (name) => {
    const find = () => environmentNamed(name);
    expect(find).toThrow(UnknownEnvironmentError);
    expect(find).toThrow(
      `There is no environment '${name}'. There are dev, staging, prod: choose one with \`-c env=NAME\``,
    );
  });
});

describe('an incomplete environment', () => {
  it('is refused with everything that is missing, one a line', () => {
    expect(complaint({})).toBe(
      [
        "The environment 'qa' is incomplete. Correct it in lib/stacks/environments.ts:",
        'onCall.page is missing',
        'onCall.ticket is missing',
        'objectives.success is missing',
        'objectives.latency is missing',
        'objectives.delivery is missing',
        'removalPolicy is missing',
        'logRetentionDays is missing',
        'alarms.depth is missing',
        'alarms.failurePercent is missing',
        'outbox.relay is missing',
        'outbox.shards is missing',
        'paymentProviderUrl is missing',
      ].join('\n  '),
    );
  });

  it('names a field deep inside', () => {
    expect(complaint({ ...whole, name: undefined, onCall: { page: [] } })).toContain('onCall.ticket is missing');
  });

  it.each([
    ['account', '12', /account is "12": an account has 12 digits/],
    ['region', 'Frankfurt', /region is "Frankfurt": not a region/],
    ['removalPolicy', 'shred', /removalPolicy is "shred"/],
    ['logRetentionDays', 8, /logRetentionDays is 8: not a retention that CloudWatch Logs knows/],
    ['paymentProviderUrl', 'payments', /paymentProviderUrl is "payments": not an http/],
    ['onCall', { page: ['nobody'], ticket: [] }, /onCall\.page\.0 is "nobody": not an e-mail address/],
    [
      'onCall',
      { page: [{ slack: 'C1' }], ticket: [] },
      /onCall\.page\.0 is \{"slack":"C1"\}: not an e-mail address, nor/,
    ],
    ['objectives', { success: 100, latency: 99, delivery: 99 }, /objectives\.success is 100: no budget is left/],
    ['alarms', { depth: 0, failurePercent: 120 }, /alarms\.depth is 0: .*\n.*alarms\.failurePercent is 120: /],
    ['acount', '123456789012', /acount is not a field of an environment/],
  ])('names the value that cannot be used: %s', (field, value, message) => {
    const { name: _, ...config } = whole;
    expect(complaint({ ...config, [field]: value })).toMatch(message);
  });

  it('says so when it is no object at all', () => {
    expect(complaint('prod')).toContain('the environment is "prod"');
  });
});

describe('a region', () => {
  it.each(['eu-central-1', 'us-gov-west-1', 'ap-southeast-2', 'cn-north-1'])('%s is one', (region) => {
    const { name: _, ...config } = whole;
    expect(environmentNamed('qa', { qa: { ...config, region } }).region).toBe(region);
  });
});
