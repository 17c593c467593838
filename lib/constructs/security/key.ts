import type { RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';

/** What a {@link customerKey} takes. */
export interface CustomerKeyProps {
  /** What it encrypts, for whoever looks at a list of keys. */
  readonly description: string;
  /** Another name for it, without `alias/`. @default none */
  readonly alias?: string;
  /** What happens to it when it leaves the stack; without it, what it encrypts cannot be read any more. */
  readonly removalPolicy: RemovalPolicy;
}

/** A customer managed key, `Key` in its scope: rotated yearly, and nobody can hand its use on. */
export function customerKey(scope: Construct, props: CustomerKeyProps): kms.Key {
  const key = new kms.Key(scope, 'Key', { ...props, enableKeyRotation: true });
  refuseForeignGrants(key);
  return key;
}

/**
 * Keeps everybody, administrators included, from handing the use of a key on by a grant. AWS services still make the grants
 * that they need for what they encrypt with it (DynamoDB for a table, for instance).
 * Source: AWS Control Tower, control CT.KMS.PR.3; AWS KMS developer guide, "Allowing users to create grants".
 */
function refuseForeignGrants(key: kms.Key): void {
  key.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'GrantsToServicesOnly',
      effect: iam.Effect.DENY,
      principals: [new iam.AnyPrincipal()],
      actions: ['kms:CreateGrant'],
      resources: ['*'],
      conditions: { BoolIfExists: { 'kms:GrantIsForAWSResource': 'false', 'aws:PrincipalIsAWSService': 'false' } },
    }),
  );
}
