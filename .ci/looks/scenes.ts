import type { Answer } from '../../src/commands/answer.ts';
import type { ExecutionRow } from '../../src/queue/job.ts';
import { execution, jobRow, runReport } from '../../test/github/reports.ts';

/** The time that the pages are rendered for. */
export const NOW = '2026-11-24T12:30:00.000Z';

const ATTEMPTS = { success: 310, failed: 8, lost: 1, expired: 0, average_seconds: 3.4, p95_seconds: 22 };

const failed = (name: string, error: string) =>
  execution({ name, outcome: 'failed', jobStatus: 'failed', failureKind: 'error', attempt: 4, error });

const attempt = (changes: Partial<ExecutionRow>): ExecutionRow => ({
  execution_id: 'execution-1',
  status: 'success',
  attempt: 1,
  occurrence: 1,
  failure_kind: null,
  started_at: '2026-11-24T05:31:00Z',
  finished_at: '2026-11-24T05:31:08Z',
  duration_seconds: 8.2,
  result: null,
  error_message: null,
  error_details: null,
  output: null,
  progress: null,
  instance_id: 'octo/app:1:1:abc',
  run_url: 'https://github.com/octo/app/actions/runs/1',
  scheduled_for: '2026-11-24T05:30:00Z',
  next_run_at: null,
  ...changes,
});

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

/** Names that Mermaid could read as its own syntax, and names of which nothing is left. */
export const HOSTILE_NAMES: readonly string[] = [
  '"] click a "javascript:alert(1)"',
  '"\\n%%{init: {}}%%\\n"',
  '%%{init: {"theme": "forest"}}%%',
  '```',
  '\\',
  ';;;',
  '--> end',
  'end',
  '#quot; &amp; <b>',
  '[a, b]',
  '"',
  '',
  '😀😀😀',
  'تقرير يومي عن المبيعات',
  'x'.repeat(500),
  ',',
  '-/-',
  '12.5',
  'title',
  'Größe_der Datei/2026-11.csv',
];

/** Pages that people may see. */
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
                durationSeconds: ((n * 37) % 101) ** 2 / 900,
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
  tracebacks: {
    command: 'run',
    report: runReport([
      ...['database is down', 'customer 42 has no address', 'out of quota'].map((message, n) =>
        failed(
          `Report ${n + 1}`,
          `The handler "report.py" ended with exit code 1. Traceback (most recent call last):\n  File "/home/runner/work/app/app/.github/cloud-jobs/report.py", line 12, in <module>\n    main()\nRuntimeError: ${message}`,
        ),
      ),
      failed('Mail', 'TypeError: recipients is not iterable (.github/cloud-jobs/mail.mjs:31)'),
      execution({
        name: 'Papers on retrieval',
        jobType: 'paper_fetch',
        warnings: ['arXiv changed the query; no paper matched.'],
        result: { new_papers: 0 },
      }),
    ]),
    warnings: [],
  },
  cancelled: {
    command: 'run',
    report: runReport([
      execution({ name: 'Crawl', outcome: 'cancelled', jobStatus: 'failed', failureKind: 'cancelled' }),
      execution({
        name: 'Report at night',
        outcome: 'snoozed',
        jobStatus: 'waiting',
        failureKind: 'snoozed',
        error: 'The API asks to wait for 3 h.',
        nextRunAt: '2026-11-24T15:30:00.000Z',
        timezone: 'Europe/Berlin',
      }),
      execution({ name: 'Import', result: { rows: 1840 } }),
    ]),
    warnings: [],
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
  'many-ways': {
    command: 'run',
    report: runReport(
      [
        failed(
          'Invoices',
          'Error: password authentication failed for user "billing"\n    at connect (db.mjs:12:5)',
        ),
        execution({
          name: 'Crawl',
          outcome: 'cancelled',
          jobStatus: 'failed',
          failureKind: 'cancelled',
          error: 'Somebody cancelled it.',
        }),
        execution({ name: 'Slow one', outcome: 'lost', jobStatus: null, failureKind: 'lost', error: null }),
        execution({
          name: 'Weekly report',
          outcome: 'retry',
          jobStatus: 'waiting',
          failureKind: 'timeout',
          error: 'It ran longer than its timeout of 60 s.',
          nextRunAt: '2026-11-24T12:31:05.000Z',
        }),
        execution({
          name: 'Big export',
          outcome: 'released',
          jobStatus: 'waiting',
          failureKind: 'released',
          error: 'The worker was stopped.',
        }),
        execution({
          name: 'Rate limited',
          outcome: 'snoozed',
          jobStatus: 'waiting',
          failureKind: 'snoozed',
          nextRunAt: '2026-11-24T15:30:00.000Z',
        }),
        execution({
          name: 'Import',
          attempt: 2,
          progress: { done: 10, total: 10, note: 'rows read' },
          result: { rows: 10 },
        }),
        execution({
          name: 'Hourly clean-up',
          jobType: 'maintenance',
          nextRunAt: '2026-11-24T13:00:00.000Z',
          result: { executions: 40 },
        }),
      ],
      { stopCause: 'signal', remaining: 17, expired: 1 },
    ),
    warnings: [],
  },
  list: {
    command: 'list',
    reply: {
      v: 1,
      now: NOW,
      jobs: [
        jobRow({
          job_id: '0191f0c2-7d1e-7c44-a1b5-3f0f5ad8a001',
          run_at: '2026-11-25T05:30:00Z',
          schedule: '30 6 * * mon-fri',
          timezone: 'Europe/Berlin',
        }),
        jobRow({
          job_id: '0191f0c2-7d1e-7c44-a1b5-3f0f5ad8a002',
          name: 'Weekly report',
          status: 'failed',
          current_retries: 3,
          finished_at: '2026-11-24T09:00:00Z',
          error_message: 'TypeError: fetch failed',
        }),
        jobRow({ name: LONG_NAME, status: 'success' }),
      ],
      next: null,
    },
  },
  show: {
    command: 'show',
    reply: {
      v: 1,
      now: NOW,
      job: {
        ...jobRow({
          job_id: '0191f0c2-7d1e-7c44-a1b5-3f0f5ad8a001',
          description: 'Counts what was sold and mails it to those who asked for it.',
          run_at: '2026-11-25T05:30:00Z',
          schedule: '30 6 * * mon-fri',
          timezone: 'Europe/Berlin',
          source: 'octo/app:.github/cloud-jobs/jobs.yml',
        }),
        config: { handler: 'report', to: ['sales@example.com'] },
      },
      executions: [
        attempt({ status: 'success', result: { rows: 1840, mailed: 12 }, output: 'Reading\nMailing' }),
        attempt({
          status: 'failed',
          failure_kind: 'error',
          error_message: 'TypeError: fetch failed: connect ECONNREFUSED 10.0.0.7:443',
          error_details: { at: 'report.mjs:12' },
          progress: { done: 3, total: 10, note: 'rows read' },
          started_at: '2026-11-23T06:52:00Z',
          scheduled_for: '2026-11-23T05:30:00Z',
        }),
      ],
    },
  },
  stats: {
    command: 'stats',
    reply: {
      v: 1,
      now: NOW,
      total: 1248,
      jobs: { waiting: 40, locked: 4, success: 1200, failed: 3, disabled: 1 },
      due: 17,
      scheduled: 23,
      blocked: 2,
      expired_locks: 1,
      oldest_due_seconds: 4000,
      workers: { last_seen_at: '2026-11-24T12:28:00Z', schedules: [] },
      wake: null,
      queues: [
        {
          queue: 'default',
          due: 17,
          oldest_due_seconds: 4000,
          waiting: 40,
          locked: 4,
          success: 1180,
          failed: 3,
          disabled: 1,
        },
        {
          queue: 'billing-and-invoices',
          due: 0,
          oldest_due_seconds: null,
          waiting: 0,
          locked: 0,
          success: 20,
          failed: 0,
          disabled: 0,
        },
      ],
      executions_24h: {
        running: 4,
        success: 310,
        failed: 9,
        expired: 0,
        failure_kinds: { error: 7, timeout: 2, snoozed: 12, lost: 1 },
        average_seconds: 3.4,
        p95_seconds: 22,
        by_queue: [{ ...ATTEMPTS, queue: 'default' }],
        by_type: [{ ...ATTEMPTS, job_type: 'custom' }],
        is_partial: false,
      },
    },
  },
  doctor: {
    command: 'doctor',
    checks: [
      { name: 'Connection', state: 'good', found: 'Answers in 84 ms.', advice: '' },
      {
        name: 'Schema',
        state: 'bad',
        found: 'The cloud-jobs schema in this database is version 3; this release needs version 11.',
        advice: 'Run the sql/install.sql of this release in the SQL Editor of Supabase.',
      },
      {
        name: 'Ticks',
        state: 'warning',
        found: 'octo/consumer: The last 4 ticks came 47 min to 3 h 10 min after their time.',
        advice:
          'Nothing is lost: GitHub delivers them late. docs/guides/waking.md shows how the database starts the workflow.',
      },
    ],
  },
};
