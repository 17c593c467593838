import { App, Duration, Lazy, Stack } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { type Delivery, refuseUnsafeDelivery, safeDelivery } from '../../lib/constructs/delivery/safe-delivery.ts';

const stack = new Stack(new App(), 'Theatre');

/** Why a delivery is refused; undefined when it is taken. */
function refusal(props: Delivery, dependencies?: object): string | undefined {
  try {
    refuseUnsafeDelivery(stack, { ...safeDelivery(props, false), maxAge: Duration.minutes(5), dependencies }, false);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('provisioned pollers', () => {
  it.each([{}, { minimum: 2 }, { minimum: 200, maximum: 200 }, { maximum: 2000 }])(
    'may be %j',
    (provisionedPollers) => {
      expect(refusal({ provisionedPollers })).toBeUndefined();
    },
  );

  it.each([
    [{ minimum: 1 }, /minimum` is 1\. Use 2 to 200/],
    [{ minimum: 201, maximum: 300 }, /minimum` is 201/],
    [{ minimum: 2.5 }, /minimum` is 2\.5/],
    [{ maximum: 2001 }, /maximum` is 2001\. Use 2 to 2,000/],
    [{ minimum: 20, maximum: 10 }, /20 at least and 10 at most\. Raise `maximum`/],
  ])('may not be %j', (provisionedPollers, message) => {
    expect(refusal({ provisionedPollers })).toMatch(message);
  });

  it('exclude a maximum concurrency, and the keeper of circuits, which sets one', () => {
    expect(refusal({ provisionedPollers: {}, maximumConcurrency: 10 })).toMatch(
      /^Theatre: .*`maximumConcurrency` of 10/,
    );
    expect(refusal({ provisionedPollers: {} }, { payments: {} })).toMatch(
      /`dependencies`.*Leave `provisionedPollers` out/,
    );
  });
});

describe('a duration', () => {
  it.each([
    ['timeout', { timeout: Duration.millis(1500) }, 1.5],
    ['batchWindow', { batchWindow: Duration.millis(500) }, 0.5],
    ['visibilityTimeout', { visibilityTimeout: Duration.millis(200_500) }, 200.5],
    ['retention', { retention: Duration.millis(90_250) }, 90.25],
    ['backoff.base', { backoff: { base: Duration.millis(100) } }, 0.1],
  ] as const)('is a whole number of seconds: %s', (name, props, seconds) => {
    expect(refusal(props)).toBe(`Theatre: \`${name}\` is ${seconds} s. SQS and Lambda count in whole seconds.`);
  });

  it('is known at synth', () => {
    const later = Duration.seconds(Lazy.number({ produce: () => 30 }));
    expect(refusal({ timeout: later })).toMatch(/`timeout` is not known before deployment/);
  });
});

describe('the backoff', () => {
  it('fits into what SQS can hide', () => {
    expect(refusal({ backoff: { base: Duration.seconds(1), cap: Duration.hours(12) } })).toBeUndefined();
    expect(refusal({ backoff: { cap: Duration.hours(13) } })).toMatch(/`backoff\.cap` is 46800 s/);
    expect(refusal({ backoff: { base: Duration.seconds(0) } })).toMatch(/`backoff\.base` is 0 s/);
    expect(refusal({ backoff: { base: Duration.minutes(2), cap: Duration.minutes(1) } })).toMatch(/120 s, above/);
  });
});
