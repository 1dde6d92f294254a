import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { COMMANDS, OPTIONS, USED } from '../../src/commands/options.ts';
import { OUTPUTS } from '../../src/github/outputs.ts';

interface Manifest {
  readonly name: string;
  readonly description: string;
  readonly inputs: Record<string, { description: string; required?: boolean; default?: string }>;
  readonly outputs: Record<string, { description: string }>;
  readonly runs: { using: string; main: string };
}

const manifest: Manifest = parse(readFileSync(new URL('../../action.yml', import.meta.url), 'utf8'));

test('action.yml has the inputs that the code reads, in the same order', () => {
  expect(Object.keys(manifest.inputs)).toEqual([...OPTIONS]);
});

test('action.yml has the outputs that the code writes', () => {
  expect(Object.keys(manifest.outputs).sort()).toEqual([...OUTPUTS].sort());
});

test('each input but the first three says which commands read it', () => {
  for (const name of OPTIONS.slice(3)) {
    const description = manifest.inputs[name]?.description ?? '';
    const users = COMMANDS.filter((command) => USED[command].includes(name));
    for (const user of users) expect(description, name).toMatch(new RegExp(`\\b${user}\\b`));
  }
});

test('no default is declared: the runner would pass it to every command, which would have to ignore it', () => {
  for (const [name, input] of Object.entries(manifest.inputs)) expect(input.default, name).toBeUndefined();
});

test('only the two that every command needs are required', () => {
  const required = Object.keys(manifest.inputs).filter((name) => manifest.inputs[name]?.required);
  expect(required).toEqual(['supabase-url', 'supabase-key']);
});

test('it runs the bundle on Node 24, and fits the marketplace', () => {
  expect(manifest.runs).toEqual({ using: 'node24', main: 'dist/index.js' });
  expect(manifest.description.length).toBeLessThanOrEqual(125);
});
