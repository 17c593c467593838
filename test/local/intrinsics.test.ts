// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Fn::Sub has placeholders of this form in plain strings
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds, resolve, type Scope, UnresolvedError } from '../../lib/local/intrinsics.ts';

const refs: Record<string, unknown> = {
  'AWS::Region': 'eu-west-1',
  'AWS::AccountId': '000000000000',
  Queue: 'http://127.0.0.1:4566/000000000000/q',
  Zones: ['a', 'b'],
  Stage: 'test',
};
const attributes: Record<string, unknown> = {
  'Queue.Arn': 'arn:aws:sqs:eu-west-1:000000000000:q',
  'Nested.Outputs.Url': 'u',
};
const exports: Record<string, unknown> = { 'net:Vpc': 'vpc-1' };
const outputs: Record<string, unknown> = { 'net/Vpc': 'vpc-2' };
const scope: Scope = {
  stack: 'shop',
  ref: (name) => refs[name],
  getAtt: (logicalId, attribute) => attributes[`${logicalId}.${attribute}`],
  importValue: (name) => exports[name],
  stackOutput: (stack, output) => outputs[`${stack}/${output}`],
  mapping: (map, top, second) => (map === 'Sizes' && top === 'test' && second === 'memory' ? 512 : undefined),
  condition: (name) => ({ IsProd: false, IsTest: true })[name],
  availabilityZones: (region) => [`${region}a`, `${region}b`],
};
const place = { logicalId: 'Function', path: 'Properties' };
const value = (template: unknown) => resolve(template, scope, place);

describe('intrinsic functions', () => {
  it.each([
    [{ Ref: 'AWS::Region' }, 'eu-west-1'],
    [{ Ref: 'Queue' }, 'http://127.0.0.1:4566/000000000000/q'],
    [{ 'Fn::GetAtt': ['Queue', 'Arn'] }, 'arn:aws:sqs:eu-west-1:000000000000:q'],
    [{ 'Fn::GetAtt': 'Queue.Arn' }, 'arn:aws:sqs:eu-west-1:000000000000:q'],
    [{ 'Fn::GetAtt': ['Nested', 'Outputs.Url'] }, 'u'],
    [{ 'Fn::GetAtt': 'Nested.Outputs.Url' }, 'u'],
    [{ 'Fn::Sub': 'q-${AWS::Region}-${Queue.Arn}' }, 'q-eu-west-1-arn:aws:sqs:eu-west-1:000000000000:q'],
    [{ 'Fn::Sub': '${!Literal} costs ${Stage}$' }, '${Literal} costs test$'],
    [{ 'Fn::Sub': ['${Name}/${Stage}', { Name: { Ref: 'AWS::AccountId' } }] }, '000000000000/test'],
    [{ 'Fn::Join': ['-', ['a', { Ref: 'Stage' }, 3]] }, 'a-test-3'],
    [{ 'Fn::Join': [',', { Ref: 'Zones' }] }, 'a,b'],
    [{ 'Fn::Split': ['/', 'a/b'] }, ['a', 'b']],
    [{ 'Fn::Select': ['1', { 'Fn::Split': ['/', 'a/b'] }] }, 'b'],
    [{ 'Fn::ImportValue': { 'Fn::Sub': 'net:Vpc' } }, 'vpc-1'],
    [{ 'Fn::GetStackOutput': { StackName: 'net', OutputName: 'Vpc' } }, 'vpc-2'],
    [
      {
        'Fn::GetStackOutput': {
          StackName: 'arn:aws:cloudformation:eu-west-1:000000000000:stack/net/*',
          OutputName: 'Vpc',
        },
      },
      'vpc-2',
    ],
    [{ 'Fn::FindInMap': ['Sizes', { Ref: 'Stage' }, 'memory'] }, 512],
    [{ 'Fn::FindInMap': ['Sizes', 'prod', 'memory', { DefaultValue: 1024 }] }, 1024],
    [{ 'Fn::If': ['IsProd', 1, { Ref: 'Stage' }] }, 'test'],
    [{ 'Fn::Base64': 'baton' }, 'YmF0b24='],
    [{ 'Fn::GetAZs': '' }, ['a', 'b']],
    [{ 'Fn::GetAZs': { Ref: 'AWS::Region' } }, ['eu-west-1a', 'eu-west-1b']],
    [{ 'Fn::Length': { Ref: 'Zones' } }, 2],
    [{ 'Fn::ToJsonString': { stage: { Ref: 'Stage' } } }, '{"stage":"test"}'],
  ])('resolve %j', (template, expected) => {
    expect(value(template)).toEqual(expected);
  });

  it('take a property away whose value is AWS::NoValue, and an element of a list', () => {
    const none = { Ref: 'AWS::NoValue' };
    expect(value({ a: none, b: { 'Fn::If': ['IsProd', 1, none] }, c: [1, none, 2] })).toEqual({ c: [1, 2] });
  });

  it('leave objects alone that only look like one', () => {
    const policy = { Condition: { StringEquals: { 'aws:SourceArn': 'x' } } };
    expect(value(policy)).toEqual(policy);
    expect(value({ Ref: 'Stage', Other: 1 })).toEqual({ Ref: 'Stage', Other: 1 });
  });

  it('do not look at the branch of Fn::If that is not taken', () => {
    expect(value({ 'Fn::If': ['IsTest', 'here', { Ref: 'NotInThisStage' }] })).toBe('here');
  });
});

describe('conditions', () => {
  const check = (expression: unknown) => holds(expression, scope, { logicalId: 'Conditions', path: 'C' });

  it.each([
    [{ 'Fn::Equals': [{ Ref: 'Stage' }, 'test'] }, true],
    [{ 'Fn::Equals': [1, '1'] }, true],
    [{ 'Fn::Equals': [{ Ref: 'Zones' }, ['a', 'b']] }, true],
    [{ Condition: 'IsTest' }, true],
    [{ 'Fn::Not': [{ Condition: 'IsTest' }] }, false],
    [{ 'Fn::And': [{ Condition: 'IsTest' }, { 'Fn::Equals': ['a', 'b'] }] }, false],
    [{ 'Fn::Or': [{ Condition: 'IsProd' }, { 'Fn::Equals': ['a', 'a'] }] }, true],
  ])('%j is %j', (expression, expected) => {
    expect(check(expression)).toBe(expected);
  });

  it('that are neither true nor false are refused', () => {
    expect(() => check({ Ref: 'Stage' })).toThrow(/has to be true or false, and is "test"/);
  });
});

describe('what cannot be resolved', () => {
  it.each([
    [{ Environment: { QUEUE: { Ref: 'Missing' } } }, 'Properties.Environment.QUEUE.Ref', /'Missing' is neither/],
    [{ Layers: [{ 'Fn::GetAtt': ['Queue', 'Color'] }] }, 'Properties.Layers[0].Fn::GetAtt', /no attribute 'Color'/],
    [{ A: { 'Fn::Transform': {} } }, 'Properties.A', /Fn::Transform is not known/],
    [{ A: { 'Fn::Sub': '${Missing.Arn}' } }, 'Properties.A.Fn::Sub', /'Missing'/],
    [
      { A: { 'Fn::ImportValue': 'nobody' } },
      'Properties.A.Fn::ImportValue',
      /no stack of the assembly exports 'nobody'/,
    ],
    [{ A: { 'Fn::Select': [2, ['x']] } }, 'Properties.A.Fn::Select', /no value 2 in a list of 1/],
    [{ A: { 'Fn::If': ['Unheard', 1, 2] } }, 'Properties.A.Fn::If', /no condition 'Unheard'/],
    [{ A: { 'Fn::FindInMap': ['Sizes', 'prod', 'memory'] } }, 'Properties.A.Fn::FindInMap', /has no 'prod', 'memory'/],
    [{ A: { 'Fn::Join': ['-', 'text'] } }, 'Properties.A.Fn::Join', /has to be a list/],
  ])('%j names stack, logical id and property path', (template, path, problem) => {
    let thrown: unknown;
    try {
      value(template);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(UnresolvedError);
    const error = thrown as UnresolvedError;
    expect([error.stackName, error.logicalId, error.path]).toEqual(['shop', 'Function', path]);
    expect(error.message).toMatch(problem);
    expect(error.message).toContain(`Stack shop, Function, ${path}: `);
  });
});

describe('for every value', () => {
  const key = fc.string().filter((name) => name !== 'Ref' && !name.startsWith('Fn::') && name !== '__proto__');
  const literal = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4 }),
    ),
  })).value;

  it('a literal resolves to itself', () => {
    fc.assert(
      fc.property(literal, (template) => {
        expect(value(template)).toEqual(template);
      }),
    );
  });

  it('Fn::Join undoes Fn::Split', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), (text, delimiter) => {
        expect(value({ 'Fn::Join': [delimiter, { 'Fn::Split': [delimiter, text] }] })).toBe(text);
      }),
    );
  });

  it('Fn::Sub leaves text alone in which nothing is to be substituted', () => {
    const plain = fc.string().filter((text) => !text.includes('${'));
    fc.assert(
      fc.property(plain, (text) => {
        expect(value({ 'Fn::Sub': text })).toBe(text);
      }),
    );
  });

  it('Fn::Sub with variables is Fn::Join of its parts', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(value({ 'Fn::Sub': ['${a}:${b}', { a, b }] })).toBe(value({ 'Fn::Join': [':', [a, b]] }));
      }),
    );
  });
});
