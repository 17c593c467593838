import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { describe, expect, it } from 'vitest';
import { IdempotencyTable } from '../../lib/constructs/index.ts';
import { logicalIdAt, resourceAt, statements, wiring } from './fixtures/wiring.ts';

describe('an idempotency table', () => {
  const { idempotency, stack, template } = wiring();
  new IdempotencyTable(stack, 'Throwaway', { removalPolicy: RemovalPolicy.DESTROY });
  const guarded = new Role(stack, 'Guarded', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  idempotency.grantGuard(guarded);
  const synthesized = template();
  const table = resourceAt(synthesized, 'Idempotency/Table');

  it('has the attributes that Powertools expects', () => {
    expect(table.Properties).toMatchObject({
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      TimeToLiveSpecification: { AttributeName: 'expiration', Enabled: true },
    });
  });

  it('is on demand, encrypted with a customer managed key, and can be restored', () => {
    expect(table.Properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      SSESpecification: {
        SSEEnabled: true,
        KMSMasterKeyId: { 'Fn::GetAtt': [logicalIdAt(synthesized, 'Idempotency/Key'), 'Arn'] },
      },
    });
  });

  it('stays when it leaves the stack, unless told otherwise', () => {
    expect(table).toMatchObject({
      DeletionPolicy: 'RetainExceptOnCreate',
      Properties: { DeletionProtectionEnabled: true },
    });
    expect(resourceAt(synthesized, 'Throwaway/Table')).toMatchObject({
      DeletionPolicy: 'Delete',
      Properties: { DeletionProtectionEnabled: false },
    });
  });

  it('outlives 4 days of queue and 14 of DLQ', () => {
    expect(idempotency.ttl.toDays()).toBeGreaterThan(Duration.days(18).toDays());
  });

  it('lets a consumer read and write records, one by one and by statement, and nothing by wildcard', () => {
    const [records] = statements(resourceAt(synthesized, 'Guarded/DefaultPolicy').Properties.PolicyDocument);
    expect(records?.Resource).toEqual([{ 'Fn::GetAtt': [logicalIdAt(synthesized, 'Idempotency/Table'), 'Arn'] }]);
    expect(records?.Action).toContain('dynamodb:PartiQLInsert');
    expect(records?.Action).toContain('dynamodb:UpdateItem');
    expect(records?.Action.filter((action) => /Scan|Query|\*/.test(action))).toEqual([]);
  });
});
