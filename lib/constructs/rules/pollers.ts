import type { AppFacts } from './app-facts.ts';
import type { Finding } from './finding.ts';
import { objectIn } from './template-values.ts';

/** Source: AWS Lambda developer guide, "Configuring scaling behavior for SQS event source mappings": one or the other. */
export function* pollers({ byType }: AppFacts): Generator<Finding> {
  for (const { construct, properties } of byType.get('AWS::Lambda::EventSourceMapping') ?? []) {
    const provisioned = objectIn(properties.ProvisionedPollerConfig);
    const maximumConcurrency = objectIn(properties.ScalingConfig)?.MaximumConcurrency;
    if (provisioned === undefined || maximumConcurrency === undefined) continue;
    yield {
      rule: 'baton:pollers',
      severity: 'error',
      construct,
      problem: `It has provisioned pollers (${JSON.stringify(provisioned)}) and a maximum concurrency (${String(maximumConcurrency)}); Lambda takes one of them.`,
      remedy: 'Bound it by MaximumPollers, or leave the provisioned pollers out.',
    };
  }
}
