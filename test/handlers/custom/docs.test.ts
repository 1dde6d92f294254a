import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openHandlers } from './harness.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGE = readFileSync(join(ROOT, 'docs/guides/handlers.md'), 'utf8');
const ERRORS = readFileSync(join(ROOT, 'docs/reference/handler-errors.md'), 'utf8');

/** The first code block of a language that contains some text. */
function block(language: string, containing: string): string {
  for (const [, text = ''] of PAGE.matchAll(
    new RegExp(`^ *\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\``, 'gm'),
  )) {
    // Blocks in a list are indented by three.
    if (text.includes(containing)) return text.replaceAll(/^ {3}/gm, '');
  }
  throw new Error(`No ${language} block with ${containing}`);
}

test('the first handler of the page runs as it is written', async () => {
  const { run } = openHandlers({ 'hello.mjs': block('js', 'this is attempt') });
  const { outcome, lines } = await run(JSON.parse(block('json', '"hello"')));
  expect(outcome).toEqual({ outcome: 'success', result: { greeted: 'Ada' } });
  expect(lines).toEqual(['out Hello Ada, this is attempt 2']);
});

test('so do the Python one and the typed one', async () => {
  const { run } = openHandlers({ '*hello.py': block('python', 'json.load(sys.stdin)') });
  const { outcome, lines } = await run({ handler: 'hello', name: 'Ada' });
  expect(outcome).toEqual({ outcome: 'success', result: { greeted: 'Ada' } });
  expect(lines).toEqual(['out Hello Ada']);
  // zod is found from the repository, not from the folder of the test.
  const zod = JSON.stringify(import.meta.resolve('zod'));
  const typed = block('ts', 'defineHandler({').replace("'zod'", zod);
  const other = openHandlers({ 'trip.ts': typed });
  expect((await other.run({ handler: 'trip', city: 'Rome' })).outcome).toMatchObject({
    result: { city: 'Rome', days: 7 },
  });
  expect((await other.run({ handler: 'trip' })).outcome).toMatchObject({ outcome: 'discard' });
});

test.skipIf(spawnSync('jq', ['--version']).status !== 0)('so does the shell one (needs jq)', async () => {
  const { run } = openHandlers({ '*hello.sh': block('bash', 'read -r job') });
  const { outcome } = await run({ handler: 'hello', name: 'Ada' });
  expect(outcome).toEqual({ outcome: 'success', result: { greeted: 'Ada' } });
});

test('every error that the page explains is one that the code can give', () => {
  const folder = join(ROOT, 'src/handlers/custom');
  const code = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n')
    // A message that is written in two pieces is one message.
    .replaceAll(/['`] \+\n\s*['`]/g, '');
  const table = ERRORS.slice(ERRORS.indexOf('| error | what to do |')).split('\n').slice(2);
  const errors = table.flatMap((line) => /^\| (.*?) \|/.exec(line)?.[1] ?? []);
  expect(errors.length).toBeGreaterThan(10);
  for (const error of errors) {
    for (const part of error.split(/["'…]+/)) {
      const words = part.trim();
      // `Cannot find package` is Node's own.
      if (words !== '' && words !== 'Cannot find package') expect(code, error).toContain(words);
    }
  }
});
