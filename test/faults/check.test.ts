import { expect, it } from 'vitest';
import type { AuditRow, ExecutionRow, JobRow } from './audit.ts';
import { findViolations } from './check.ts';
import type { Evidence, LedgerLine, Span, WorkerRecord } from './evidence.ts';

const job = (id: string, more: Partial<JobRow> = {}): JobRow => ({
  job_id: id,
  status: 'success',
  behaviour: 'nothing',
  current_retries: 0,
  max_retries: 3,
  locked_execution_id: null,
  locked_by: null,
  concurrency_key: null,
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
  at: 2_000,
  was_expiry: was === 'locked' ? 32_000 : null,
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
  killed: false,
  cancelled: false,
  pauses: [],
  childKills: 0,
  fullDisk: false,
  gaveUp: false,
  leftBehind: false,
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
/** A job's change to locked, and from there back since the lock was lost. */
const lockLost = (more: Partial<AuditRow>): AuditRow[] => [
  change('a', null, 'waiting'),
  change('a', 'waiting', 'locked', { execution: 'e-lost' }),
  change('a', 'locked', 'waiting', { was_execution: 'e-lost', now_retries: 1, ...more }),
];
const withLost = {
  executions: [lost, ...GOOD.executions],
  audit: [wrote('e-lost', null, 'running'), wrote('e-lost', 'running', 'failed'), ...GOOD.audit],
};

it('takes an ending that a fault explains', () => {
  const on = (more: Partial<WorkerRecord>) =>
    findViolations({ ...GOOD, ...withLost, workers: new Map([['w', worker(more)]]) });
  expect(on({ killed: true })).toEqual([]);
  expect(on({ leftBehind: true })).toEqual([]);
  expect(on({ pauses: [{ from: 600, to: 700 }] })).toEqual([]);
  // It was frozen before it claimed, and handed its jobs back.
  expect(on({ pauses: [{ from: 100, to: 400 }], cancelled: true, gaveUp: true })).not.toEqual([]);
  const long = { started: -20_000 };
  const outages = [
    { from: -18_000, to: -12_000 },
    { from: -14_000, to: -7_000 },
  ];
  const over = (more: readonly Span[]) =>
    findViolations({
      ...GOOD,
      ...withLost,
      executions: [{ ...lost, ...long }, ...GOOD.executions],
      outages: more,
    });
  expect(over(outages)).toEqual([]);
  // Locks are renewed three times before they are over, so that a short one explains nothing.
  expect(over(outages.slice(0, 1))).not.toEqual([]);
});

it('allows a start after success only if the worker was frozen meanwhile', () => {
  const late = { ledger: [line('start', 'a', 2_500), ...GOOD.ledger.slice(1)] };
  const frozen = (from: number, to: number) =>
    findViolations({
      ...GOOD,
      ...late,
      workers: new Map([['w', worker({ pauses: [{ from, to }] })]]),
    });
  expect(frozen(1_000, 2_400)).toEqual([]);
  expect(frozen(2_100, 2_400)).not.toEqual([]);
});

it('allows a crash for each kill, and a lock that could not be taken', () => {
  const crashed = execution('e-crashed', 'a', { status: 'failed', failure_kind: 'crashed', started: 1 });
  const audit = [wrote('e-crashed', null, 'running'), wrote('e-crashed', 'running', 'failed'), ...GOOD.audit];
  const killed = (childKills: number) =>
    findViolations({
      ...GOOD,
      audit,
      executions: [crashed, ...GOOD.executions],
      workers: new Map([['w', worker({ childKills })]]),
    });
  expect(killed(1)).toEqual([]);
  expect(killed(0)).not.toEqual([]);
  const left = {
    executions: withLost.executions,
    audit: [
      ...withLost.audit.slice(0, 2),
      ...lockLost({ was_expiry: 1_000, at: 41_000 }),
      ...GOOD.audit.slice(1),
    ],
    workers: new Map([['w', worker({ killed: true })]]),
  };
  expect(findViolations({ ...GOOD, ...left, outages: [{ from: 2_000, to: 40_000 }] })).toEqual([]);
  expect(findViolations({ ...GOOD, ...left })).toEqual([
    expect.stringMatching(/e-lost was left 40000 ms beyond/),
  ]);
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
    'a handler of an unclaimed job',
    { ledger: [...GOOD.ledger, line('start', 'x')] },
    /e-x, which is not known/,
  ],
  ['a lost attempt of a healthy worker', withLost, /not explained: job a .* ended lost/],
  [
    'an error outside of the plan',
    { executions: [execution('e-a', 'a', { failure_kind: 'error' }), execution('e-b', 'b')] },
    /ended error on w/,
  ],
  [
    'an error of a job that fails only the first time, the second time',
    {
      jobs: [job('a', { behaviour: 'flaky' }), job('b')],
      executions: [execution('e-a', 'a', { failure_kind: 'error', attempt: 2 }), execution('e-b', 'b')],
    },
    /not explained: job a \(flaky\) ended error/,
  ],
  [
    'a lock that is taken away early',
    {
      ...withLost,
      audit: [
        ...withLost.audit.slice(0, 2),
        ...lockLost({ was_expiry: 9_000, at: 8_000 }),
        ...GOOD.audit.slice(1),
      ],
    },
    /e-lost was called lost 1000 ms before its lock was over/,
  ],
  [
    'two handlers at once under one concurrency key',
    {
      jobs: [job('a', { concurrency_key: 'k' }), job('b', { concurrency_key: 'k' })],
      ledger: [
        line('start', 'a', 1_000),
        line('start', 'b', 1_200),
        line('done', 'a', 1_300),
        line('done', 'b', 1_400),
      ],
    },
    /e-a and e-b ran at once under concurrency key k/,
  ],
  [
    'more tries than a job may have',
    {
      ...withLost,
      jobs: [job('a', { max_retries: 0 }), job('b')],
      executions: [lost, execution('e-lost2', 'a', { failure_kind: 'lost' }), ...GOOD.executions],
    },
    /job a was tried 2 times, with 0 retries/,
  ],
  [
    'a job that is given up too early',
    { jobs: [job('a', { behaviour: 'fail', status: 'failed', max_retries: 1 }), job('b')] },
    /job a was given up after 0 tries, with 1 retries/,
  ],
  [
    'a job handed back by a worker that was not stopped',
    {
      executions: [
        execution('e-a', 'a', { failure_kind: 'released', error_message: 'The worker' }),
        execution('e-b', 'b'),
      ],
    },
    /ended released on w/,
  ],
  [
    'a job handed back as not started that was',
    {
      executions: [
        execution('e-a', 'a', { failure_kind: 'released', error_message: 'Not started: why' }),
        execution('e-b', 'b'),
      ],
    },
    /handed back as not started, but it was: e-a/,
  ],
  ['a worker that was never started', { workers: new Map() }, /unknown worker w/],
];

it.each(planted)('finds %s', (_what, change, words) => {
  expect(findViolations({ ...GOOD, ...change })).toContainEqual(expect.stringMatching(words));
});
