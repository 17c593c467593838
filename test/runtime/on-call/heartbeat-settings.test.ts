import { describe, expect, it } from 'vitest';
import { readHeartbeatSettings } from '../../../lib/runtime/on-call/heartbeat-settings.ts';

const complete = {
  BATON_ON_CALL: 'Night',
  BATON_PAGE_TOPIC_ARN: 'arn:page',
  BATON_PROBE_ALARM_ARN: 'arn:aws:cloudwatch:eu-west-1:1:alarm:probe',
  BATON_MAINTENANCE_ALARM: 'Night-Maintenance',
  BATON_OWNER: 'front-of-house',
  BATON_RUNBOOK: 'docs/runbooks/heartbeat.md',
};

describe('the settings of a heartbeat', () => {
  it('have defaults', () => {
    expect(readHeartbeatSettings(complete)).toEqual({
      onCall: 'Night',
      pageTopicArn: 'arn:page',
      probeAlarmArn: 'arn:aws:cloudwatch:eu-west-1:1:alarm:probe',
      probeMinutes: 15,
      maintenanceAlarm: 'Night-Maintenance',
      owner: 'front-of-house',
      runbook: 'docs/runbooks/heartbeat.md',
      publishRates: [],
    });
  });

  it.each([
    [{ BATON_SWITCH_SECRET: 'arn:s' }, { secret: 'arn:s' }],
    [
      { BATON_SWITCH_SECRET: 'arn:s', BATON_SWITCH_FIELD: 'url' },
      { secret: 'arn:s', field: 'url' },
    ],
    [{ BATON_SWITCH_PARAMETER: '/s' }, { parameter: '/s' }],
  ])('say where the URL of the switch is: %j', (variables, deadMansSwitch) => {
    expect(readHeartbeatSettings({ ...complete, ...variables })).toMatchObject({ deadMansSwitch });
  });

  it('list everything that is wrong', () => {
    const wrong = { BATON_PROBE_MINUTES: '7.5', BATON_PUBLISH_RATES: '{"a":1}' };
    expect(() => readHeartbeatSettings({ ...complete, ...wrong, BATON_OWNER: '' })).toThrow(
      /BATON_PROBE_MINUTES is '7\.5'.*BATON_OWNER is not set.*BATON_PUBLISH_RATES is no JSON list/,
    );
  });
});
