import type { AppFacts, Fact } from './app-facts.ts';
import type { Finding } from './finding.ts';

/** The property that is a resource's name, and the namespace it has to be unique in: metric and composite alarms share one. */
const NAMES: readonly (readonly [type: string, property: string, namespace: string])[] = [
  ['AWS::CloudWatch::Alarm', 'AlarmName', 'alarm'],
  ['AWS::CloudWatch::CompositeAlarm', 'AlarmName', 'alarm'],
  ['AWS::Lambda::Function', 'FunctionName', 'function'],
  ['AWS::SNS::Topic', 'TopicName', 'topic'],
  ['AWS::SQS::Queue', 'QueueName', 'queue'],
];

/**
 * Two resources of one stack with one name: CloudFormation would fail on the second one, or, of alarms, one would overwrite
 * the other. Names are made of construct ids, and `Seat-Plan` reads like `Plan` in `Seat`.
 */
export function* sameName({ byType }: AppFacts): Generator<Finding> {
  const taken = new Map<string, Fact>();
  for (const [type, property, namespace] of NAMES) {
    for (const fact of byType.get(type) ?? []) {
      const { [property]: name } = fact.properties;
      // Left out, or a reference or function (see template-values.ts): CloudFormation finds the name.
      if (typeof name !== 'string' || /[⟦{]/.test(name)) continue;
      const key = [fact.construct.stack.node.path, namespace, name].join('\n');
      const other = taken.get(key);
      if (other === undefined) {
        taken.set(key, fact);
        continue;
      }
      yield {
        rule: 'baton:same-name',
        severity: 'error',
        construct: fact.construct,
        problem: `It is called ${name}, as ${other.construct.node.path} is: the ${namespace} of one of them could not be made.`,
        remedy: 'Give one of the two another construct id, or put it into a construct of its own.',
      };
    }
  }
}
