import { RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { describe, expect, it } from 'vitest';
import { AuditTrail } from '../../lib/constructs/security/audit-trail.ts';
import { resourceAt, statements, wiring } from './fixtures/wiring.ts';

describe('the audit trail', () => {
  const { stack, template } = wiring();
  const audit = new AuditTrail(stack, 'Audit');
  const reader = new iam.Role(stack, 'Reader', { assumedBy: new iam.AccountRootPrincipal() });
  const writer = new iam.Role(stack, 'Writer', { assumedBy: new iam.AccountRootPrincipal() });
  audit.grantRead(reader);
  audit.grantWrite(writer);
  const synthesized = template();
  const table = resourceAt(synthesized, 'Audit/Table');

  it('is kept for good: encrypted, restorable, protected from deletion, without expiry', () => {
    expect(table.DeletionPolicy).toBe('RetainExceptOnCreate');
    expect(table.Properties).toMatchObject({
      TableName: 'Theatre-Audit',
      DeletionProtectionEnabled: true,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
    });
    expect(table.Properties.TimeToLiveSpecification).toBeUndefined();
    expect(resourceAt(synthesized, 'Audit/Key').Properties.EnableKeyRotation).toBe(true);
  });

  it('refuses everybody every way to replace or remove an item', () => {
    const [refusal, ...others] = statements(table.Properties.ResourcePolicy.PolicyDocument);
    expect(others).toEqual([]);
    expect(refusal).toMatchObject({ Effect: 'Deny', Principal: { AWS: '*' } });
    expect(refusal!.Action).toEqual(
      ['BatchWriteItem', 'DeleteItem', 'PartiQLDelete', 'PartiQLUpdate', 'PutItem', 'UpdateItem'].map(
        (action) => `dynamodb:${action}`,
      ),
    );
    expect(JSON.stringify(refusal!.Resource)).toMatch(/:table\/Theatre-Audit"/);
    expect(refusal!.Condition).toBeUndefined();
  });

  it('has a key of its own that people cannot hand on', () => {
    const policy = statements(resourceAt(synthesized, 'Audit/Key').Properties.KeyPolicy);
    expect(policy).toContainEqual({
      Sid: 'GrantsToServicesOnly',
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Action: ['kms:CreateGrant'],
      Resource: ['*'],
      Condition: { BoolIfExists: { 'kms:GrantIsForAWSResource': 'false', 'aws:PrincipalIsAWSService': 'false' } },
    });
  });

  it.each([
    ['Reader', ['dynamodb:GetItem', 'dynamodb:Query']],
    ['Writer', ['dynamodb:PartiQLInsert']],
  ])('lets a %s do what it does, and no more', (id, actions) => {
    const policy = statements(resourceAt(synthesized, `${id}/DefaultPolicy`).Properties.PolicyDocument);
    const granted = policy.flatMap((each) => each.Action).filter((action) => action.startsWith('dynamodb:'));
    expect(granted).toEqual(actions);
  });

  it('can be thrown away where nothing is kept', () => {
    const other = wiring();
    new AuditTrail(other.stack, 'Audit', { removalPolicy: RemovalPolicy.DESTROY });
    expect(resourceAt(other.template(), 'Audit/Table')).toMatchObject({
      DeletionPolicy: 'Delete',
      Properties: { DeletionProtectionEnabled: false },
    });
  });
});
