import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../src/commands/answer.ts';
import { fitPage, PAGE_BYTES } from '../../src/github/job-summary/fit.ts';
import { errorPage, page } from '../../src/github/job-summary/page.ts';
import type { ExecutionRow } from '../../src/queue/job.ts';
import type { ShowReply } from '../../src/queue/replies.ts';
import type { StatsReply } from '../../src/queue/report-replies.ts';
import type { ExecutionReport } from '../../src/worker/report.ts';
import { nasty, seen } from './nasty-text.ts';
import { execution, jobRow, runReport } from './reports.ts';

const NOW = new Date('2026-01-31T12:00:00Z');
const OUR_TAGS =
  /<\/?(?:details|summary|code|pre|strong|sub)>|<(?:wbr|br)>|<a href="https?:\/\/[^"<>\s]*">|<\/a>/g;

function checkPage(text: string): void {
  expect(text.replace(OUR_TAGS, '')).not.toMatch(/[<]/);
  const tables = text.split('\n\n').filter((part) => part.startsWith('| '));
  for (const part of tables) {
    const bars = part
      .trimEnd()
      .split('\n')
      .map((line) => line.split('|').length);
    expect(new Set(bars).size, part).toBe(1);
  }
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(PAGE_BYTES);
}

const answers: fc.Arbitrary<Answer> = nasty.chain((text) =>
  fc.constantFrom<Answer>(
    {
      command: 'run',
      report: runReport(
        (['success', 'failed', 'retry', 'snoozed', 'released', 'cancelled', 'lost'] as const).map((outcome) =>
          execution({
            outcome,
            name: text,
            queue: text,
            error: outcome === 'success' ? null : text,
            jobType: 'paper_fetch',
            result: { [text]: text, newest: [{ title: text, url: `https://x.example/${text}` }, text, null] },
            resultFile: text,
          }),
        ),
        { error: text },
      ),
      warnings: [text],
    },
    {
      command: 'plan',
      reply: { v: 1, now: NOW.toISOString(), queues: [{ queue: text, due: 2, side_by_side: 1 }] },
      workers: 1,
      warnings: [text],
    },
    { command: 'create', jobId: text, name: text, created: false },
    {
      command: 'list',
      reply: { v: 1, now: NOW.toISOString(), next: 'x', jobs: [jobRow(texts(text)), jobRow()] },
    },
    {
      command: 'dry-run',
      peek: {
        v: 1,
        now: NOW.toISOString(),
        due: 9,
        due_is_minimum: false,
        expired_locks: 0,
        blocked: 0,
        jobs: [jobRow(texts(text))],
      },
    },
    { command: 'show', reply: showReply(text) },
    { command: 'stats', reply: statsReply(text) },
    {
      command: 'verb',
      verb: 'cancel',
      replies: [{ v: 1, job_id: text, status: text, applied: false, changed: false, reason: text }],
    },
    {
      command: 'bulk',
      verb: 'retry',
      dryRun: false,
      matched: 2,
      changed: 1,
      refused: [{ job_id: text, reason: text }],
    },
    {
      command: 'queues',
      reply: {
        v: 1,
        now: NOW.toISOString(),
        queues: [
          {
            queue: text,
            due: 1,
            due_is_capped: false,
            running: 0,
            oldest_due_seconds: null,
            paused: true,
            cool_down_until: null,
            reason: text,
            max_running: null,
            rate_limit: null,
            rate_period_seconds: null,
            rate_used: null,
            default_timeout_seconds: null,
          },
        ],
      },
    },
    { command: 'doctor', checks: [{ name: text, state: 'bad', found: text, advice: text }] },
  ),
);

const texts = (text: string) => ({
  name: text,
  job_id: text,
  queue: text,
  description: text,
  error_message: text,
  schedule: text,
  timezone: text,
  unique_key: text,
  concurrency_key: text,
  locked_by: text,
});

function executionRow(text: string): ExecutionRow {
  return {
    execution_id: text,
    status: 'failed',
    attempt: 1,
    occurrence: 1,
    failure_kind: 'error',
    started_at: '2026-01-31T11:00:00+00:00',
    finished_at: null,
    duration_seconds: 2,
    result: text,
    error_message: text || null,
    error_details: text,
    output: text,
    progress: null,
    instance_id: text,
    run_url: `https://github.com/${text}`,
    scheduled_for: null,
    next_run_at: null,
  };
}

function showReply(text: string): ShowReply {
  const job = { ...jobRow(texts(text)), config: { [text]: text } };
  return { v: 1, now: NOW.toISOString(), job, executions: [executionRow(text)] };
}

function statsReply(queue: string): StatsReply {
  const counts = { waiting: 2, locked: 1, success: 3, failed: 1, disabled: 0 };
  return {
    v: 1,
    now: NOW.toISOString(),
    total: 7,
    jobs: counts,
    due: 1,
    scheduled: 1,
    blocked: 0,
    expired_locks: 1,
    oldest_due_seconds: 60,
    workers: {
      last_seen_at: NOW.toISOString(),
      schedules: [{ repository: queue, schedule: queue, ticks: [] }],
    },
    wake: {
      last_tick_at: NOW.toISOString(),
      calls_24h: 2,
      errors_24h: 1,
      watched: [
        {
          queue,
          target: queue,
          last_call_at: null,
          next_call_at: null,
          errors: 1,
          in_vain: 0,
          last_error: queue,
        },
      ],
      calls: [],
    },
    queues: [{ queue, due: 1, oldest_due_seconds: 60, ...counts }],
    executions_24h: {
      running: 1,
      success: 3,
      failed: 1,
      expired: 0,
      failure_kinds: { [queue]: 1 },
      average_seconds: 2,
      p95_seconds: 4,
      by_queue: [{ queue, success: 3, failed: 1, lost: 0, expired: 0, average_seconds: 2, p95_seconds: 4 }],
      by_type: [
        { job_type: queue, success: 3, failed: 1, lost: 0, expired: 0, average_seconds: 2, p95_seconds: 4 },
      ],
      is_partial: false,
    },
  };
}

it('no page lets text become Markdown or HTML', () => {
  fc.assert(
    fc.property(answers, (answer) => checkPage(page(answer, NOW))),
    { numRuns: 1500 },
  );
});

it('the page of an error lets no text become Markdown or HTML', () => {
  fc.assert(fc.property(nasty, (message) => checkPage(errorPage(message))));
});

describe('page that is too large', () => {
  const FAT = `|${'<é|`'.repeat(512)}`;
  const fat = (n: number): ExecutionReport =>
    execution({
      jobId: `job-${n}`,
      name: FAT,
      outcome: n % 2 ? 'failed' : 'retry',
      failureKind: 'error',
      error: FAT,
    });

  it('run: 5,000 executions with errors of 2 KiB', () => {
    const letters = (n: number): string =>
      String(n).replace(/\d/g, (digit) => String.fromCharCode(97 + Number(digit)));
    const report = runReport(
      Array.from({ length: 5000 }, (_, n) => ({ ...fat(n), error: `${letters(n)} ${FAT}` })),
    );
    const text = page({ command: 'run', report, warnings: [] }, NOW);
    checkPage(text);
    expect(text).toContain('… and 4975 more kinds of failure');
    expect(text.match(/<details>/g)?.length).toBe(25);
  });

  it('run: of 5,000 successes a table of 200, folded', () => {
    const report = runReport(Array.from({ length: 5000 }, () => execution({ name: FAT, result: FAT })));
    const text = page({ command: 'run', report, warnings: [] }, NOW);
    checkPage(text);
    expect(text).toMatch(/<details><summary>5000 jobs<\/summary>[\s\S]*… and 4800 more[\s\S]*<\/details>/);
    expect(text.match(/^\| ✅/gm)).toHaveLength(200);
  });

  it('list: 1,000 jobs with long texts lose rows, not the table', () => {
    const jobs = Array.from({ length: 1000 }, (_, n) => jobRow({ ...texts(FAT), job_id: `job-${n}` }));
    const text = page({ command: 'list', reply: { v: 1, now: NOW.toISOString(), jobs, next: null } }, NOW);
    checkPage(text);
    const shown = text.split('\n').filter((line) => line.includes('<code>job-')).length;
    expect(shown).toBeGreaterThan(400);
    expect(shown).toBeLessThan(1000);
    expect(text).toContain(`… and ${1000 - shown} more, for which there is no room here.`);
  });

  it('show: 200 executions with everything', () => {
    const reply = showReply(FAT);
    const executions = Array.from({ length: 200 }, () => executionRow(FAT.repeat(8)));
    const text = page({ command: 'show', reply: { ...reply, executions } }, NOW);
    checkPage(text);
  });

  it('keeps to the bytes given, and says what it left out', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.string({ maxLength: 4000 }),
            fc.constant({ head: ['a'], rows: Array(80).fill(['é'.repeat(50)]) }),
          ),
        ),
        (sections) => {
          const text = fitPage(sections, 5000);
          expect(Buffer.byteLength(text)).toBeLessThanOrEqual(5000);
          const all = fitPage(sections, Number.MAX_SAFE_INTEGER);
          if (text !== all) expect(text).toMatch(/did not fit on it|no room here/);
        },
      ),
    );
  });
});

describe('warnings of jobs', () => {
  const of = (warnings: string[]) =>
    page({ command: 'run', report: runReport([execution({ name: 'Papers', warnings })]), warnings: [] }, NOW);

  it('stand on the page with the name of the job', () => {
    expect(of(['one <phrase> is not taken'])).toContain('⚠️ Papers: one &#60;phrase&#62; is not taken');
  });

  it('are counted beyond twenty', () => {
    const text = of(Array.from({ length: 25 }, (_, index) => `warning ${index}`));
    expect(text.match(/⚠️/g)).toHaveLength(20);
    expect(text).toContain('… and 5 more warnings, in the log.');
  });
});

describe('page', () => {
  it('of a run', () => {
    const report = runReport([
      execution({ result: { sent: 3, list: [1] } }),
      execution({
        jobId: 'job-2',
        name: 'Mail | all',
        outcome: 'retry',
        failureKind: 'timeout',
        error: 'It took too long.\nStopped.',
        progress: { done: 3, total: 10, note: 'rows | more' },
        nextRunAt: '2026-01-31T12:04:00+00:00',
        attempt: 2,
      }),
    ]);
    expect(page({ command: 'run', report, warnings: [] }, NOW)).toMatchInlineSnapshot(`
      "### 🔁 1 of 2 jobs will be retried

      1 succeeded · took 12 s.

      <details><summary>🔁 <strong>Mail &#124; all</strong><br>It took too long.<br><sub>due again at 12:04 UTC, with the next run · attempt 2 of 4 · reached 3 of 10: rows &#124; more · took&nbsp;1.3&nbsp;s</sub></summary>

      <pre>It took too long.&#10;Stopped.</pre>

      Job <code>job-2</code>; type custom, kind of failure <code>timeout</code>.

      </details>

      | Job | Result | Took |
      | :--- | :--- | ---: |
      | ✅&nbsp;Nightly report | sent: 3 | 1.3&nbsp;s |
      "
    `);
  });

  it('of a run whose queues are held', () => {
    const held = { queue: 'mail', paused: false, until: null, reason: null };
    const heldQueues = [
      { ...held, paused: true, reason: '<b>night' },
      { ...held, until: '2026-11-25T13:00:00Z' },
      held,
    ];
    const shown = page({ command: 'run', report: runReport([], { heldQueues }) }, NOW);
    expect(shown).toContain('### ⏸️ Nothing was started');
    expect(shown).toContain('⏸️ The queue mail is paused: &#60;b&#62;night');
    expect(shown).toMatch(/⏸️ The queue mail is paused until .*13:00 UTC\./);
    expect(shown).toContain('⏸️ The queue mail has reached its limit, so jobs of it may wait.');
  });

  it('of a run with nothing to do, and of one that failed', () => {
    expect(page({ command: 'run', report: runReport([]), warnings: [] }, NOW)).toMatchInlineSnapshot(`
      "### ✅ Nothing was due

      Took 12 s.
      "
    `);
    expect(
      page(
        {
          command: 'run',
          report: runReport([], { stopCause: 'error', error: 'No answer.', remaining: null }),
        },
        NOW,
      ),
    ).toMatchInlineSnapshot(`
      "### ❌ The run could not do its work

      The number of due jobs left is not known · took 12 s.

      **The run ended early.** No answer.
      "
    `);
  });

  it('of a list', () => {
    const jobs = [
      jobRow({ schedule: '0 9 * * *' }),
      jobRow({ job_id: 'job-2', status: 'locked', locked_at: '2026-01-31T11:59:00Z', lock_expired: false }),
      jobRow({
        job_id: 'job-3',
        status: 'failed',
        finished_at: '2026-01-30T12:00:00Z',
        error_message: 'boom',
      }),
    ];
    expect(page({ command: 'list', reply: { v: 1, now: '', jobs, next: null } }, NOW)).toMatchInlineSnapshot(`
      "### 3 jobs

      | Job | Status | Runs |
      | :--- | :--- | :--- |
      | Nightly report<br><sub>custom · queue default<br><code>job-1</code></sub> | 🕒&nbsp;scheduled for later | in 4 min &#40;12:04 UTC&#41;<br><sub>At 09:00 &#40;UTC&#41;</sub><br><sub>then 2026-02-01 09:00, 2026-02-02 09:00 UTC</sub> |
      | Nightly report<br><sub>custom · queue default<br><code>job-2</code></sub> | ▶️&nbsp;locked | started 1 min ago &#40;11:59 UTC&#41; |
      | Nightly report<br><sub>custom · queue default<br><code>job-3</code></sub> | ❌&nbsp;failed<br><sub>boom</sub> | 24 h ago &#40;2026-01-30 12:00 UTC&#41; |
      "
    `);
  });

  it('of a job', () => {
    expect(page({ command: 'show', reply: showReply('abc') }, NOW)).toMatchInlineSnapshot(`
      "### 🕒 abc: scheduled for later

      abc

      Schedule <code>abc</code>: abc &#40;abc&#41;. Missed occurrences: run once. Next: 12:04 UTC. Unique key <code>abc</code>. Concurrency key <code>abc</code>. Locked by <code>abc</code>. Created 1 h ago &#40;11:00 UTC&#41;.

      | Job | Status | Runs |
      | :--- | :--- | :--- |
      | abc<br><sub>custom · queue abc<br><code>abc</code></sub> | 🕒&nbsp;scheduled for later<br><sub>abc</sub> | in 4 min &#40;12:04 UTC&#41;<br><sub>abc &#40;abc&#41;</sub> |

      #### Executions, newest first

      | Status | Result or error | Took |
      | :--- | :--- | ---: |
      | ❌&nbsp;failed: error<br><sub>attempt 1, 1 h ago &#40;11:00 UTC&#41;</sub><br><sub><a href="https://github.com/abc">run</a></sub> | abc | 2.0&nbsp;s |

      <details><summary>Config</summary>

      <pre>{&#10;  &#34;abc&#34;: &#34;abc&#34;&#10;}</pre>

      </details>

      <details><summary>Output of attempt 1, started 1 h ago &#40;11:00 UTC&#41;</summary>

      <pre>abc</pre>

      </details>
      "
    `);
  });

  it('of the statistics', () => {
    expect(page({ command: 'stats', reply: statsReply('mail') }, NOW)).toMatchInlineSnapshot(`
      "### 7 jobs: 1 due now

      | Queue | Due now | Jobs |
      | :--- | ---: | :--- |
      | mail | 1<br><sub>the oldest for 1 min</sub> | 2 waiting, 1 locked, 3 success, 1 failed |

      1 scheduled for later, 0 blocked by a concurrency key.

      Executions of the last 24 hours: 3 succeeded, 1 failed (mail 1), 1 running; 2.0 s on average, 95 % within 4.0 s.

      | Queue | Succeeded in 24 h | Failed | Took |
      | :--- | ---: | ---: | ---: |
      | mail | 3 | 1 | 2.0 s<br><sub>95 % within 4.0 s</sub> |

      | Type | Succeeded in 24 h | Failed | Took |
      | :--- | ---: | ---: | ---: |
      | mail | 3 | 1 | 2.0 s<br><sub>95 % within 4.0 s</sub> |

      **1 lock expired**: the next run ends it.

      The last worker was seen now (12:00 UTC).

      Wake on work: 2 calls in 24 hours, 1 failed.

      **mail (queue mail) was not woken**, 1 error in a row: mail
      "
    `);
  });

  it('links the newest papers of a paper_fetch job', () => {
    const newest = [
      { title: 'On [Retrieval]', url: 'https://arxiv.org/abs/2601.00001', published: '2026-01-30' },
      { title: 'Bad address', url: 'javascript:alert(1)' },
    ];
    const report = runReport([
      execution({ jobType: 'paper_fetch', name: 'Papers', result: { new_papers: 2, newest } }),
    ]);
    expect(page({ command: 'run', report, warnings: [] }, NOW)).toContain(
      '#### Papers: newest papers\n\n- <a href="https://arxiv.org/abs/2601.00001">On &#91;Retrieval&#93;</a>\n- Bad address',
    );
  });

  it('shows equal errors once, the larger group first', () => {
    const failed = (n: number, error: string): ExecutionReport =>
      execution({ jobId: `job-${n}`, name: `Image ${n}`, outcome: 'failed', failureKind: 'error', error });
    const report = runReport([
      failed(1, 'No space left on device'),
      ...[2, 3, 4, 5, 6].map((n) =>
        failed(n, `HTTP 500 for image ${n}, request 0191f0c2-7d1e-7c44-a1b5-3f0f5ad8a00${n}`),
      ),
    ]);
    const text = page({ command: 'run', report, warnings: [] }, NOW);
    const titles = [...text.matchAll(/<summary>(.*?)<\/summary>/g)].map((match) => seen(match[1] ?? ''));
    expect(titles).toEqual([
      expect.stringMatching(
        /^❌ Image 2, Image 3, Image 4 and 2 more.*HTTP 500 for image 2.*5 attempts with this error/,
      ),
      expect.stringMatching(/^❌ Image 1.*No space left on device.*failed for good/),
    ]);
    expect(text).toContain('Jobs <code>job-2</code>, <code>job-3</code>');
  });

  it.each([
    [['failed'], '❌ The job failed'],
    [['failed', 'failed'], '❌ All 2 jobs failed'],
    [['failed', 'retry', 'success'], '❌ 1 of 3 jobs failed'],
    [['retry', 'success'], '🔁 1 of 2 jobs will be retried'],
    [['success', 'success'], '✅ 2 jobs succeeded'],
    [['success', 'snoozed'], '✅ 1 of 2 jobs succeeded'],
    [['released'], '↩️ 1 job taken, none finished'],
  ] as const)('%j begins with %s', (outcomes, headline) => {
    const report = runReport(outcomes.map((outcome) => execution({ outcome })));
    expect(page({ command: 'run', report, warnings: [] }, NOW)).toMatch(`### ${headline}\n`);
  });

  it('charts the slowest, without names that Mermaid would read', () => {
    const report = runReport(
      Array.from({ length: 12 }, (_, n) =>
        execution({ name: `n${n} "] click%%{init: {}}%%\n\`\`\``, durationSeconds: n }),
      ),
    );
    const text = page({ command: 'run', report, warnings: [] }, NOW);
    const [, axis = ''] = /^ {2}x-axis \[(.*)\]$/m.exec(text) ?? [];
    expect(axis).toMatch(/^"1\. n11 click init \(11\.0 s\)", "2\. n10 .*"10\. n2 click init \(2\.0 s\)"$/);
    expect(text).toContain('bar [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]');
  });

  it('charts durations of many attempts and no outcomes', () => {
    const many = Array.from({ length: 300 }, (_, n) => execution({ durationSeconds: n < 100 ? 0.5 : 20 }));
    const text = page({ command: 'run', report: runReport(many) }, NOW);
    expect(text).toContain(
      'x-axis ["0.3 to 1 s: 100", "1 to 3 s: 0", "3 to 10 s: 0", "10 to 30 s: 200"]\n  y-axis 0 --> 220\n  bar [100, 0, 0, 200]',
    );
    expect(text).not.toContain('pie');
    expect(page({ command: 'run', report: runReport(many.slice(0, 10)) }, NOW)).not.toContain('mermaid');
  });

  it('keeps apart errors that differ in their last line only', () => {
    const failed = (message: string) =>
      execution({
        name: message,
        outcome: 'failed',
        failureKind: 'error',
        error: `The handler "a.py" ended with exit code 1. Traceback (most recent call last):\n  File "/app/a.py", line 3, in <module>\n    run()\nRuntimeError: ${message}`,
      });
    const report = runReport(
      ['database is down', 'customer 42 has no address', 'customer 43 has no address'].map(failed),
    );
    const text = page({ command: 'run', report }, NOW);
    const titles = [...text.matchAll(/<summary>(.*?)<\/summary>/g)].map((match) => seen(match[1] ?? ''));
    expect(titles).toEqual([
      expect.stringMatching(/RuntimeError: customer 42 has no address \(a\.py:3\)2 attempts with this error/),
      expect.stringMatching(/RuntimeError: database is down \(a\.py:3\)failed for good/),
    ]);
  });

  it('counts a cancelled job once and does not call it failed', () => {
    const outcomes = [...Array(2).fill('failed'), ...Array(6).fill('success'), 'cancelled'] as const;
    const report = runReport(outcomes.map((outcome) => execution({ outcome })));
    expect(page({ command: 'run', report }, NOW)).toMatch(
      /^### ❌ 2 of 9 jobs failed\n\n6 succeeded\u00a0· 1 cancelled\u00a0· took/,
    );
  });

  it('says of what was snoozed, released or lost that it did not fail', () => {
    const at = '2026-01-31T15:00:00Z';
    const report = runReport([
      execution({ outcome: 'snoozed', failureKind: 'snoozed', nextRunAt: at, timezone: 'Europe/Berlin' }),
      execution({ outcome: 'released', failureKind: 'released' }),
      execution({ outcome: 'lost', failureKind: null }),
    ]);
    const text = seen(page({ command: 'run', report }, NOW));
    expect(text).toContain('snoozed until 16:00 Europe/Berlin, 15:00 UTC');
    expect(text).toContain('handed back for the next run');
    expect(text).toContain('lost its lock: another run may have it');
    expect(text).not.toContain('failed');
  });

  it('shows no progress of a finished job and no error twice', () => {
    const progress = { done: 4, total: 5, note: 'sleeping' };
    const done = page({ command: 'run', report: runReport([execution({ progress })]) }, NOW);
    expect(done).not.toContain('sleeping');
    const error = 'out of quota';
    const failed = execution({ outcome: 'failed', failureKind: 'error', error, progress });
    const text = page({ command: 'run', report: runReport([failed]) }, NOW);
    expect(text.split(error)).toHaveLength(2);
    expect(seen(text)).toContain('reached 4 of 5: sleeping');
  });

  it('says of a running job that was cancelled when it stops', () => {
    const reply = { v: 1, job_id: 'a', status: 'locked', applied: true, changed: true } as const;
    for (const [reason, words] of [
      [null, 'is cancelling; it stops within 15 s.\n'],
      ['It stops within 15 s.', 'is cancelling; it stops within 15 s.\n'],
      ['Its lock has expired.', 'is cancelling; its lock has expired.\n'],
    ] as const)
      expect(page({ command: 'verb', verb: 'cancel', replies: [{ ...reply, reason }] }, NOW)).toContain(
        words,
      );
  });
});
