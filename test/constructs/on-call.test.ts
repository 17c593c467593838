import { describe, expect, it } from 'vitest';
import { OnCall } from '../../lib/constructs/index.ts';
import { logicalIdAt, resourceAt, statements, wiring } from './fixtures/wiring.ts';

describe('on-call', () => {
  const { stack, template } = wiring();
  new OnCall(stack, 'Night', { page: ['night@theatre.test'], ticket: ['day@theatre.test'] });
  const synthesized = template();

  it.each(['Page', 'Ticket'])('has an encrypted topic: %s', (id) => {
    expect(resourceAt(synthesized, `Night/${id}`).Properties.KmsMasterKeyId).toEqual({
      'Fn::GetAtt': [logicalIdAt(synthesized, 'Night/Key'), 'Arn'],
    });
  });

  it.each(['Page', 'Ticket'])('admits to %s the alarms of its own account, over TLS only', (id) => {
    const policy = statements(resourceAt(synthesized, `Night/${id}/Policy`).Properties.PolicyDocument);
    expect(policy).toMatchObject([
      { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
      { Effect: 'Allow', Action: ['sns:Publish'], Principal: { Service: 'cloudwatch.amazonaws.com' } },
    ]);
    expect(JSON.stringify(policy[1]?.Condition)).toMatch(/cloudwatch:.*AWS::AccountId.*:alarm:\*/);
  });

  it('lets alarms use the key: otherwise they fire and nobody hears them', () => {
    const policy = statements(resourceAt(synthesized, 'Night/Key').Properties.KeyPolicy);
    expect(policy).toContainEqual({
      Sid: 'AlarmsPublish',
      Effect: 'Allow',
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      Resource: ['*'],
    });
  });

  it('mails to whom it is told', () => {
    for (const [id, address] of [
      ['Page', 'night@theatre.test'],
      ['Ticket', 'day@theatre.test'],
    ]) {
      synthesized.hasResourceProperties('AWS::SNS::Subscription', {
        Protocol: 'email',
        Endpoint: address,
        TopicArn: { Ref: logicalIdAt(synthesized, `Night/${id}`) },
      });
    }
  });
});
