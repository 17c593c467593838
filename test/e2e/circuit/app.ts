// A command queue whose handler depends on a payment provider, with a circuit that opens and closes within seconds.
import { App, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { PlaceOrder } from '../../../events/place-order.ts';
import { CircuitBreakers, CommandQueue, IdempotencyTable, OnCall } from '../../../lib/constructs/index.ts';

const stack = new Stack(new App(), 'Shop');
const shared = {
  idempotency: new IdempotencyTable(stack, 'Idempotency', { removalPolicy: RemovalPolicy.DESTROY }),
  onCall: new OnCall(stack, 'OnCall', { removalPolicy: RemovalPolicy.DESTROY }),
  removalPolicy: RemovalPolicy.DESTROY,
  owner: 'payments',
};
const circuitBreakers = new CircuitBreakers(stack, 'CircuitBreakers', shared);

new CommandQueue(stack, 'Billing', {
  ...shared,
  command: PlaceOrder,
  entry: `${import.meta.dirname}/handler.ts`,
  maxAge: Duration.hours(1),
  // where the ramp ends after one step
  maximumConcurrency: 5,
  circuitBreakers,
  dependencies: {
    payments: {
      minimumCalls: 5,
      // the second time it is twice as long
      openTime: Duration.seconds(2),
      probes: 3,
      probeInterval: Duration.seconds(1),
      rampStep: Duration.seconds(1),
    },
  },
  environment: { PAYMENT_PROVIDER_URL: 'http://provider.invalid' },
});

// What the circuit writes, seen from where it has to arrive.
const dimensionsMap = { service: 'billing', dependency: 'payments' };
const alarm = (id: string, metric: Metric, threshold: number) => {
  const made = metric.createAlarm(stack, id, {
    alarmName: id,
    threshold,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
  Validations.of(made).acknowledge({ id: 'baton:silent-alarm', reason: 'The test itself looks at its states.' });
};
for (const metricName of ['CircuitOpened', 'CircuitHalfOpened', 'CircuitClosed']) {
  const metric = new Metric({
    namespace: 'Baton',
    metricName,
    dimensionsMap,
    statistic: 'Sum',
    period: Duration.minutes(1),
  });
  alarm(metricName, metric, 1);
}
alarm('CircuitState', circuitBreakers.metricState('billing', 'payments'), 2);
