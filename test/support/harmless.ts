import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { parse } from 'yaml';
import type { StepResult } from './runner.ts';
import { commandsIn } from './runner-commands.ts';

const MANIFEST = parse(readFileSync(new URL('../../action.yml', import.meta.url), 'utf8')) as {
  outputs: Record<string, unknown>;
};
/** The commands that the action itself gives the runner, at the start of a line. */
const OWN = /^::(group|endgroup|error|warning|notice|debug)( title=[^:]*)?::/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
/** The longest line of a log, with its mark; and what GitHub keeps of an annotation, as it is escaped. */
const LONGEST_LINE = 17_000;

/** Nothing that anybody said has become anything but text, and no secret is shown. */
export function expectHarmless(step: StepResult, secrets: readonly string[]): void {
  expect([0, 1]).toContain(step.code);
  const lines = step.log.split('\n').filter((line) => !line.startsWith('::add-mask::'));
  for (const line of commandsIn(lines.join('\n'))) {
    expect(line).toMatch(OWN);
    // The group of a job and an annotation are data behind the command; a second command in them would be ours to blame.
    expect(line).not.toMatch(/##\[|\r/);
    const data = line.replace(OWN, '').replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
    expect(CONTROL.exec(data)?.[0]).toBeUndefined();
    // Once its line ends are read, as those who fetch annotations see it.
    expect(commandsIn(data)).toEqual([]);
  }
  for (const line of lines) expect(line.length).toBeLessThan(LONGEST_LINE);
  const shown = lines.join('\n');
  expect(CONTROL.exec(shown)?.[0]).toBeUndefined();
  expect(CONTROL.exec(step.summary)?.[0]).toBeUndefined();
  expect(/<(script|img|!--)|\]\(|\$\{\{/i.exec(step.summary)?.[0]).toBeUndefined();
  expect(Buffer.byteLength(step.summary)).toBeLessThan(1_048_576);
  expect(Object.keys(step.outputs).filter((name) => !(name in MANIFEST.outputs))).toEqual([]);
  expect(JSON.stringify(step.outputs).length).toBeLessThan(1_048_576);
  expect([step.state, step.env, step.path]).toEqual(['', '', '']);
  for (const text of [shown, plain(step.summary), JSON.stringify(step.outputs)])
    expectNoSecret(text, secrets);
}

export function expectNoSecret(text: string, secrets: readonly string[]): void {
  for (const secret of secrets) {
    expect(text.includes(secret)).toBe(false);
    expect(text.includes(Buffer.from(secret).toString('base64'))).toBe(false);
  }
}

/** What the terminal's door printed, to both streams. */
export function expectHarmlessText(text: string, secrets: readonly string[]): void {
  expect(CONTROL.exec(text)?.[0]).toBeUndefined();
  expect(commandsIn(text)).toEqual([]);
  expectNoSecret(text, secrets);
}

const plain = (text: string): string =>
  text.replaceAll('<wbr>', '').replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
