import { RemovalPolicy, Tags } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { SplittingStack } from '../constructs/index.ts';
import type { Environment } from './environments.ts';

/** A stack of the pipeline in one environment: `Baton-<environment>-<part>`. When it has too many consumers, it splits by itself. */
export abstract class PipelineStack extends SplittingStack {
  readonly environmentConfig: Environment;
  /** What becomes of data that leaves the stack. */
  readonly removalPolicy: RemovalPolicy;

  protected constructor(scope: Construct, part: string, environment: Environment, description: string) {
    super(scope, `Baton-${environment.name}-${part}`, {
      description: `${description} (${environment.name})`,
      // Neither is known offline, unless the environment says so: the stack then fits any account and region.
      env: {
        account: environment.account ?? process.env.CDK_DEFAULT_ACCOUNT,
        region: environment.region ?? process.env.CDK_DEFAULT_REGION,
      },
      // CDK checks such a template in half the time.
      suppressTemplateIndentation: true,
      // Where nobody would commit the record of what is in which stack, it has to be right already.
      placements: process.env.CI ? 'check' : 'write',
      terminationProtection: environment.removalPolicy === 'retain',
    });
    this.environmentConfig = environment;
    this.removalPolicy =
      environment.removalPolicy === 'retain' ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
    Tags.of(this).add('baton:environment', environment.name);
  }
}
