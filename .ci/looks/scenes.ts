import type { Answer } from '../../src/commands/answer.ts';
import { execution, jobRow, runReport } from '../../test/action/reports.ts';

/** The moment at which the pictures are taken. */
export const NOW = '2026-11-24T12:30:00.000Z';

const failed = (name: string, error: string) =>
  execution({ name, outcome: 'failed', jobStatus: 'failed', failureKind: 'error', attempt: 4, error });

const LONG_NAME = `Export of ${'a very long name that somebody generated '.repeat(6)}`;
const LONG_ERROR = `Error: ${'x'.repeat(300)} at ${'/home/runner/work/repository/handlers/report.mjs:12:34 '.repeat(40)}`;

const THREE = runReport(
  [
    execution({
      name: 'Retrieval papers',
      jobType: 'paper_fetch',
      durationSeconds: 41.3,
      result: {
        new_papers: 12,
        updated_papers: 3,
        total_papers: 15,
        newest: [
          { title: 'Dense retrieval under distribution shift', url: 'https://arxiv.org/abs/2611.00001' },
          { title: 'A note on hybrid search', url: 'https://arxiv.org/abs/2611.00002' },
        ],
      },
    }),
    execution({
      name: 'Nightly cleanup',
      jobType: 'maintenance',
      durationSeconds: 3.2,
      result: { executions: 1840, jobs: 96 },
    }),
    execution({
      name: 'Weekly report',
      outcome: 'retry',
      jobStatus: 'waiting',
      failureKind: 'error',
      error: 'TypeError: fetch failed: connect ECONNREFUSED 10.0.0.7:443',
      nextRunAt: '2026-11-24T12:31:05.000Z',
      durationSeconds: 0.4,
    }),
  ],
  { durationSeconds: 46 },
);

/** What people may see on the page of a run. */
export const SCENES: Readonly<Record<string, Answer>> = {
  'nothing-to-do': {
    command: 'run',
    report: runReport([], { durationSeconds: 0.4, httpRequests: 1 }),
    warnings: [],
  },
  'three-jobs': { command: 'run', report: THREE, warnings: [] },
  'three-hundred-jobs': {
    command: 'run',
    report: runReport(
      Array.from({ length: 300 }, (_, n) =>
        n % 40 === 3
          ? failed(`Image ${n}`, `Error: HTTP 500 for image ${n}`)
          : n % 25 === 5
            ? execution({
                name: `Image ${n}`,
                outcome: 'snoozed',
                jobStatus: 'waiting',
                failureKind: 'snoozed',
                nextRunAt: '2026-11-24T13:00:00.000Z',
              })
            : execution({
                name: `Image ${n}`,
                durationSeconds: (n % 17) / 3,
                result: { bytes: 1000 + n * 37 },
              }),
      ),
      { durationSeconds: 131 },
    ),
    warnings: [],
  },
  'all-failed': {
    command: 'run',
    report: runReport([
      failed('Invoices', 'Error: password authentication failed for user "billing"'),
      failed('Backup', 'The handler was killed by SIGKILL: it ran out of memory.'),
      failed('Sync', 'Timed out: the job ran longer than its timeout of 60 s.'),
    ]),
    warnings: ['Ticks come late: the last three runs began 47 min, 1 h 12 min and 38 min after their time.'],
  },
  'long-texts': {
    command: 'run',
    report: runReport([
      failed(LONG_NAME, LONG_ERROR),
      execution({ name: LONG_NAME, result: { text: 'y'.repeat(400) } }),
    ]),
    warnings: [],
  },
  'right-to-left': {
    command: 'run',
    report: runReport([
      failed('تقرير يومي عن المبيعات', 'خطأ: تعذر الاتصال بالخادم (ECONNREFUSED)'),
      execution({ name: 'דוח שבועי', result: { שורות: 42 } }),
      execution({ name: 'Mixed تقرير 7 report', result: { ok: true } }),
    ]),
    warnings: [],
  },
  list: {
    command: 'list',
    reply: {
      v: 1,
      now: NOW,
      jobs: [
        jobRow(),
        jobRow({ name: 'Weekly report', status: 'failed' }),
        jobRow({ name: LONG_NAME, status: 'success' }),
      ],
      next: null,
    },
  },
};
