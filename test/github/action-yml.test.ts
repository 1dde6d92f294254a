import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { COMMANDS } from '../../src/commands/index.ts';
import { inputNames } from '../../src/commands/read-fields.ts';
import { OUTPUTS } from '../../src/github/outputs.ts';

interface Manifest {
  readonly name: string;
  readonly description: string;
  readonly inputs: Record<string, { description: string; required?: boolean; default?: string }>;
  readonly outputs: Record<string, { description: string }>;
  readonly runs: { using: string; main: string };
}

const manifest: Manifest = parse(readFileSync(new URL('../../action.yml', import.meta.url), 'utf8'));

describe('action.yml', () => {
  it('equals the schemas of the commands, as do types and reference', () => {
    const script = fileURLToPath(new URL('../../scripts/build-inputs.ts', import.meta.url));
    execFileSync(process.execPath, [script, '--check'], { stdio: ['ignore', 'ignore', 'inherit'] });
  });

  it('has the outputs that the code writes', () => {
    expect(Object.keys(manifest.outputs).sort()).toEqual([...OUTPUTS].sort());
  });

  it('says of each input which commands read it', () => {
    for (const command of COMMANDS) {
      for (const name of inputNames(command))
        expect(manifest.inputs[name]?.description, name).toMatch(new RegExp(`\\b${command.name}\\b`));
    }
  });

  it('declares no default, which the runner would pass to every command', () => {
    for (const [name, input] of Object.entries(manifest.inputs)) expect(input.default, name).toBeUndefined();
  });

  it('requires only the two inputs that every command needs', () => {
    const required = Object.keys(manifest.inputs).filter((name) => manifest.inputs[name]?.required);
    expect(required).toEqual(['supabase-url', 'supabase-key']);
  });

  it('runs the bundle on Node 24, and fits the marketplace', () => {
    expect(manifest.runs).toEqual({ using: 'node24', main: 'dist/index.js' });
    expect(manifest.description.length).toBeLessThanOrEqual(125);
  });
});
