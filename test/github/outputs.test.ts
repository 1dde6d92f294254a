import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeOutputs, OUTPUT_LIMIT, OUTPUTS, runOutputs } from '../../src/github/outputs.ts';
import { createRedactor } from '../../src/text/redact.ts';
import { execution, runReport } from './reports.ts';

const same = <T>(value: T): T => value;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-outputs-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a run gives its counts and its executions in the words of the database', () => {
  const report = runReport([execution({ outcome: 'success', result: { n: 1 }, resultFile: '/tmp/x.json' })]);
  const { values, warnings } = encodeOutputs(runOutputs(report), same);
  expect(warnings).toEqual([]);
  const outputs = Object.fromEntries(values);
  expect(outputs).toMatchObject({
    claimed: '1',
    succeeded: '1',
    failed: '0',
    remaining: '0',
    'executions-truncated': 'false',
  });
  expect(JSON.parse(outputs.executions ?? '')).toMatchObject([
    { job_id: 'job-1', outcome: 'success', result: { n: 1 } },
  ]);
  expect(JSON.parse(outputs['result-files'] ?? '')).toEqual([
    { job_id: 'job-1', execution_id: 'execution-1', path: '/tmp/x.json' },
  ]);
  for (const name of Object.keys(outputs)) expect(OUTPUTS).toContain(name);
});

test('what cannot be known is left out', () => {
  const { values } = encodeOutputs(runOutputs({ ...runReport([]), remaining: null }), same);
  expect(values.map(([name]) => name)).not.toContain('remaining');
});

test('secrets are hidden, in keys too', () => {
  const { redactJson, add } = createRedactor();
  add('hunter2222');
  const { values } = encodeOutputs(
    { jobs: [{ config: { hunter2222: 'hunter2222' } }], stats: 'hunter2222', 'job-id': 'hunter2222' },
    redactJson,
  );
  expect(JSON.stringify(values)).not.toContain('hunter2222');
});

test('cuts too many executions from the end with a warning', () => {
  const executions = Array.from({ length: 5000 }, (_, n) =>
    execution({ jobId: `job-${n}`, outcome: 'failed', error: `"é\n`.repeat(500) }),
  );
  const { values, warnings } = encodeOutputs({ ...runOutputs(runReport(executions)), jobs: [1, 2] }, same);
  const outputs = Object.fromEntries(values);
  const length = values.reduce((sum, [, value]) => sum + value.length, 0);
  expect(length).toBeLessThan(OUTPUT_LIMIT + 1000);
  expect(length).toBeGreaterThan(OUTPUT_LIMIT / 2);
  const kept: unknown[] = JSON.parse(outputs.executions ?? '');
  expect(kept[0]).toMatchObject({ job_id: 'job-0' });
  expect(outputs['executions-truncated']).toBe('true');
  expect(warnings[0]).toContain(`only the first ${kept.length} of 5000`);
});

test('empties a list whose only item is too large, with a warning', () => {
  const { values, warnings } = encodeOutputs(
    { jobs: ['x'.repeat(OUTPUT_LIMIT)], stats: 'y'.repeat(OUTPUT_LIMIT) },
    same,
  );
  expect(values).toEqual([
    ['jobs', '[]'],
    ['jobs-truncated', 'true'],
  ]);
  expect(warnings).toHaveLength(2);
});

/** In a process of its own, as the toolkit looks at the environment of its process. */
function write(outputs: object, env: Readonly<Record<string, string>>): string {
  const script = `
    const { writeOutputs } = await import(${JSON.stringify(new URL('../../src/github/outputs.ts', import.meta.url).href)});
    await writeOutputs(${JSON.stringify(outputs)}, process.env, (value) => value);`;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
  });
}

test('the file has what the runner reads, whatever the value holds', () => {
  const file = join(folder, 'output');
  writeFileSync(file, '');
  const evil = 'x\nEOF\nclaimed=999\nclaimed<<EOF';
  expect(write({ claimed: 2, 'job-id': evil }, { GITHUB_OUTPUT: file })).toBe('');
  expect(readOutputs(readFileSync(file, 'utf8'))).toEqual({ claimed: '2', 'job-id': evil });
});

test('without a runner nothing is written, not even to stdout', () => {
  expect(write({ claimed: 2 }, {})).toBe('');
});

/** `name<<DELIMITER`, lines, `DELIMITER`: what the runner makes of the file. */
function readOutputs(text: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  const lines = text.split('\n');
  while (lines.length > 0) {
    const [name, delimiter] = (lines.shift() ?? '').split('<<');
    if (!name || !delimiter) continue;
    const end = lines.indexOf(delimiter);
    outputs[name] = lines
      .splice(0, end + 1)
      .slice(0, -1)
      .join('\n');
  }
  return outputs;
}
