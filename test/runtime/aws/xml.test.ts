import { expect, test } from 'vitest';
import { readXml } from '../../../lib/runtime/aws/xml.ts';

test.each([
  ['a text', '<a>hello</a>', { a: 'hello' }],
  ['an empty text', '<a></a>', { a: '' }],
  ['an element that closes itself', '<a><b/></a>', { a: { b: '' } }],
  ['a list', '<a><member>1</member><member>2</member></a>', { a: ['1', '2'] }],
  ['a list of one', '<a><member><b>1</b></member></a>', { a: [{ b: '1' }] }],
  ['entities', '<a>&lt;&amp;&quot;&apos;&gt;&#228;&#x1F4E6;</a>', { a: '<&"\'>ä\u{1F4E6}' }],
  ['an entity that it does not know', '<a>&nbsp;</a>', { a: '&nbsp;' }],
  ['attributes and a prolog', '<?xml version="1.0"?>\n<a xmlns="http://x/y/">1</a>', { a: '1' }],
  ['white space between elements', '<a>\n  <b>1</b>\n  <c> 2 </c>\n</a>\n', { a: { b: '1', c: ' 2 ' } }],
  ['one close too many', '<a>1</a></b>', { a: '1' }],
  ['a text that is no XML', 'garbage', ''],
])('reads %s', (_, text, value) => {
  expect(readXml(text)).toEqual(value);
});

test('tells truth from text where it is told to', () => {
  expect(readXml('<a><b>true</b><c>true</c><d>false</d></a>', ['b', 'd'])).toEqual({
    a: { b: true, c: 'true', d: false },
  });
});
