import { expect, it } from 'vitest';
import { oneLine } from '../../src/queue/one-line.ts';

it.each([
  ['two\n  lines\tand  blanks ', 'two lines and blanks'],
  ['<html><style>b { color: red }</style><h1>Bad<br>gateway</h1></html>', 'Bad gateway'],
  ['<script>\nlet x = 1;\n</script>after', 'after'],
  ['', ''],
])('%j is %j', (text, line) => expect(oneLine(text)).toBe(line));

it('cuts a long text in whole characters and says so', () => {
  expect(oneLine('x'.repeat(10), 10)).toBe('xxxxxxxxxx');
  expect(oneLine('x'.repeat(11), 10)).toBe('xxxxxxxxxx…');
  expect(oneLine(`${'x'.repeat(9)}😀y`, 10)).toBe(`${'x'.repeat(9)}\ufffd…`);
});
