import { describe, expect, it } from 'vitest';
import { run } from '../../src/commands/run.ts';
import type { ExecutionReport } from '../../src/worker/report.ts';
import { execution, runReport } from '../github/reports.ts';

const FAIL_ON = ['failed', 'any', 'never'] as const;

/** The exit code of a run with this one attempt. */
const exitCode = (attempt: Partial<ExecutionReport>, failOn: (typeof FAIL_ON)[number]) =>
  run.exitCode?.({ command: 'run', report: runReport([execution(attempt)]) }, run.input.parse({ failOn }));

describe('the exit code of a run', () => {
  describe.each([
    ['cancelled', 'failed'],
    ['snoozed', 'waiting'],
    ['released', 'waiting'],
  ] as const)('whose one attempt was %s', (kind, jobStatus) => {
    it.each(FAIL_ON)('is 0 with fail-on %s', (failOn) => {
      expect(exitCode({ outcome: kind, failureKind: kind, jobStatus }, failOn)).toBe(0);
    });
  });

  it.each([
    ['success', null, [0, 0, 0]],
    ['retry', 'error', [0, 1, 0]],
    ['failed', 'error', [1, 1, 0]],
  ] as const)('after an attempt that ended as %s follows fail-on', (outcome, failureKind, codes) => {
    expect(FAIL_ON.map((failOn) => exitCode({ outcome, failureKind }, failOn))).toEqual(codes);
  });

  it('is 1 for a run that an error ended, whatever fail-on says', () => {
    const report = runReport([], { stopCause: 'error', error: 'The database is gone.' });
    for (const failOn of FAIL_ON)
      expect(run.exitCode?.({ command: 'run', report }, run.input.parse({ failOn }))).toBe(1);
  });
});
