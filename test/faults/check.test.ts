import { expect, it } from 'vitest';
import type { AuditRow, ExecutionRow, JobRow } from './audit.ts';
import { type Evidence, findViolations, type LedgerLine, type WorkerRecord } from './check.ts';

const job = (id: string, more: Partial<JobRow> = {}): JobRow => ({
  job_id: id,
  status: 'success',
  behaviour: 'nothing',
  current_retries: 0,
  max_retries: 3,
  locked_execution_id: null,
  locked_by: null,
  ...more,
});
const execution = (id: string, of: string, more: Partial<ExecutionRow> = {}): ExecutionRow => ({
  execution_id: id,
  job_id: of,
  status: 'success',
  failure_kind: null,
  error_message: null,
  instance_id: 'w',
  attempt: 1,
  started: 1_000,
  finished: 2_000,
  ...more,
});
const change = (of: string, was: string | null, now: string, more: Partial<AuditRow> = {}): AuditRow => ({
  kind: 'job',
  job_id: of,
  was,
  now,
  execution: now === 'locked' ? `e-${of}` : null,
  was_execution: was === 'locked' ? `e-${of}` : null,
  was_retries: was === null ? null : 0,
  now_retries: 0,
  queue: 'default',
  unique_key: null,
  concurrency_key: null,
  ...more,
});
const wrote = (id: string, was: string | null, now: string): AuditRow => ({
  ...change('', was, now),
  kind: 'execution',
  execution: id,
});
const line = (event: LedgerLine['event'], of: string, at = 1_500): LedgerLine => ({
  event,
  job: of,
  execution: `e-${of}`,
  at,
});

/** What one job leaves that was done without a fault. */
const life = (id: string, keys: Partial<AuditRow> = {}): AuditRow[] => [
  change(id, null, 'waiting', keys),
  wrote(`e-${id}`, null, 'running'),
  change(id, 'waiting', 'locked', keys),
  wrote(`e-${id}`, 'running', 'success'),
  change(id, 'locked', 'success', keys),
];

const worker = (more: Partial<WorkerRecord> = {}): WorkerRecord => ({
  instanceId: 'w',
  faults: new Set(),
  gaveUp: false,
  ...more,
});

const GOOD: Evidence = {
  jobs: [job('a'), job('b')],
  executions: [execution('e-a', 'a'), execution('e-b', 'b')],
  audit: [...life('a'), ...life('b')],
  ledger: [line('start', 'a'), line('done', 'a'), line('start', 'b'), line('done', 'b')],
  promised: new Set(['a', 'b']),
  workers: new Map([['w', worker()]]),
  outages: [],
};

it('finds nothing where nothing is wrong', () => {
  expect(findViolations(GOOD)).toEqual([]);
});

const lost = execution('e-lost', 'a', {
  status: 'failed',
  failure_kind: 'lost',
  started: 500,
  finished: 900,
});
const withLost = {
  executions: [lost, ...GOOD.executions],
  audit: [wrote('e-lost', null, 'running'), wrote('e-lost', 'running', 'failed'), ...GOOD.audit],
};

it('takes an ending that a fault explains', () => {
  expect(
    findViolations({
      ...GOOD,
      ...withLost,
      workers: new Map([['w', worker({ faults: new Set(['killed']) })]]),
    }),
  ).toEqual([]);
  expect(findViolations({ ...GOOD, ...withLost, outages: [{ from: 600, to: 700 }] })).toEqual([]);
});

const planted: readonly (readonly [string, Partial<Evidence>, RegExp])[] = [
  ['a job that is gone', { promised: new Set(['a', 'b', 'c']) }, /lost job: c/],
  [
    'a job that is not done',
    { jobs: [job('a', { status: 'waiting' }), job('b')] },
    /is waiting, not success/,
  ],
  [
    'a failure taken for a success',
    { jobs: [job('a', { behaviour: 'fail' }), job('b')] },
    /is success, not failed/,
  ],
  ['a lock that is left', { jobs: [job('a', { locked_by: 'w' }), job('b')] }, /lock left on job a/],
  [
    'an execution that is open',
    { executions: [execution('e-a', 'a', { status: 'running', finished: null }), execution('e-b', 'b')] },
    /open execution: e-a/,
  ],
  [
    'two successes of one job',
    { executions: [...GOOD.executions, execution('e-a', 'a', { started: 900 })] },
    /two successes: job a/,
  ],
  [
    'an attempt after the success',
    {
      executions: [
        ...GOOD.executions,
        execution('e-a2', 'a', { started: 3_000, status: 'failed', failure_kind: 'discarded' }),
      ],
    },
    /done again: execution e-a2/,
  ],
  ['an illegal change', { audit: [...GOOD.audit, change('a', 'success', 'waiting')] }, /success to waiting/],
  [
    'a change from what was not',
    { audit: [...GOOD.audit, change('a', 'locked', 'failed')] },
    /from locked, but was success/,
  ],
  [
    'an end that is written over',
    { audit: [...GOOD.audit, wrote('e-a', 'success', 'failed')] },
    /e-a was written again after its end/,
  ],
  [
    'a retry that is given back',
    {
      audit: [
        change('a', null, 'waiting'),
        change('a', 'waiting', 'waiting', { was_retries: 2, now_retries: 1 }),
      ],
    },
    /from 2 to 1 retries/,
  ],
  [
    'two holders of a concurrency key',
    {
      audit: [...life('a', { concurrency_key: 'k' }).slice(0, 3), ...life('b', { concurrency_key: 'k' })],
    },
    /concurrency key k held by a and b/,
  ],
  [
    'two unfinished jobs of a unique key',
    { audit: [change('a', null, 'waiting', { unique_key: 'k' }), ...life('b', { unique_key: 'k' })] },
    /unique key default\/k held by a and b/,
  ],
  [
    'a handler that ran twice as one execution',
    { ledger: [...GOOD.ledger, line('start', 'a')] },
    /started 2 times/,
  ],
  [
    'a start after the success was recorded',
    { ledger: [line('start', 'a', 2_500), ...GOOD.ledger.slice(1)] },
    /was started \(e-a\) after/,
  ],
  [
    'a success of a handler that did not end',
    { ledger: [line('start', 'a'), ...GOOD.ledger.slice(2)] },
    /did not get to the end: e-a/,
  ],
  [
    'a handler that nobody claimed',
    { ledger: [...GOOD.ledger, line('start', 'x')] },
    /e-x, which is not known/,
  ],
  ['a lost attempt of a healthy worker', withLost, /not explained: job a .* ended lost/],
  [
    'an error that nobody planned',
    { executions: [execution('e-a', 'a', { failure_kind: 'error' }), execution('e-b', 'b')] },
    /ended error on w/,
  ],
  ['a worker that nobody started', { workers: new Map() }, /unknown worker w/],
];

it.each(planted)('finds %s', (_what, change, words) => {
  expect(findViolations({ ...GOOD, ...change })).toContainEqual(expect.stringMatching(words));
});
