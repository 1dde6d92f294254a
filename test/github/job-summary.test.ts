import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Answer } from '../../src/commands/answer.ts';
import { block, link, words } from '../../src/github/job-summary/escape.ts';
import { fitPage, PAGE_BYTES } from '../../src/github/job-summary/fit.ts';
import { errorPage, page } from '../../src/github/job-summary/page.ts';
import type { ExecutionRow } from '../../src/queue/job.ts';
import type { ShowReply, StatsReply } from '../../src/queue/replies.ts';
import { duration, moment, plural } from '../../src/text/format.ts';
import type { ExecutionReport } from '../../src/worker/report.ts';
import { execution, jobRow, runReport } from './reports.ts';

const NOW = new Date('2026-01-31T12:00:00Z');
const OUR_TAGS =
  /<\/?(?:details|summary|code|pre|strong|sub)>|<(?:wbr|br)>|<a href="https?:\/\/[^"<>\s]*">|<\/a>/g;

/** What a reader sees of safe text. */
const seen = (text: string): string =>
  text
    .replace(/<[^>]*>/g, '')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll('&amp;', '&');

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

const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '|',
        '`',
        '```',
        '<',
        '>',
        '&',
        '\n',
        '\r\n',
        '\n\n',
        '<!--',
        '-->',
        '</pre>',
        '</details>',
        '@user',
        '#12',
        '\\',
        'https://evil.example',
        'www.evil.example',
        '[x](y)',
        '![i](https://t.example/p.png)',
        '**',
        '_',
        '~~',
        '$$',
        ':+1:',
        '\u202e',
        '\u0000',
        '\ud800',
        '\u2028',
        '&#60;',
        '::error::',
        '- ',
        '1. ',
        '| --- |',
        '<img src=x>',
        'é',
        '😀',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

describe('words', () => {
  test.each([
    ['<b>|`x`', '&#60;b&#62;&#124;&#96;x&#96;'],
    ['two\nlines\t and   spaces ', 'two lines and spaces'],
    ['@user #12', '&#64;<wbr>user &#35;<wbr>12'],
    ['https://x.example', 'https:<wbr>//x.example'],
    ['www.x.example', 'www<wbr>.x.example'],
    ['a&#60;b', 'a&#38;&#35;<wbr>60;b'],
    ['back\u202eward', 'back&#60;U+202E&#62;ward'],
  ])('%j', (text, wanted) => expect(words(text)).toBe(wanted));

  test('cuts what is long, in whole characters, and lets long words break', () => {
    expect(words('😀'.repeat(20), 5)).toBe('😀😀😀😀😀…');
    expect(words('a'.repeat(40))).toBe(`${'a'.repeat(16)}<wbr>${'a'.repeat(16)}<wbr>${'a'.repeat(8)}`);
    // At its signs first, and a short word not at all.
    expect(words('handlers/report.mjs:12')).toBe('handlers/<wbr>report.<wbr>mjs:<wbr>12');
    expect(words('a/b.mjs')).toBe('a/b.mjs');
  });

  test('property: a reader sees the text, and Markdown and HTML see nothing', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const safe = words(text, 10_000);
        expect(safe.replaceAll('<wbr>', '')).not.toMatch(/[<>|`*_[\]\\"'~$!@\n\r]|:\/\/(?!)|&(?!#\d+;)/);
        expect(seen(safe)).toBe(seen(safe).replace(/\s+/g, ' ').trim());
        expect(seen(words(seen(safe), 10_000))).toBe(seen(safe));
      }),
      { numRuns: 1000 },
    );
  });

  test('property: mentions, issue numbers and links are parted', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        // Text nodes, as GitHub looks for these after rendering.
        for (const node of words(text, 10_000).split('<wbr>').map(seen)) {
          expect(node).not.toMatch(/@\w|#\d|https?:\/\/\w|www\.\w/);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

test('property: a block is one line of HTML that keeps the lines of its text', () => {
  fc.assert(
    fc.property(nasty, (text) => {
      const html = block(text);
      expect(html.replace(/^<pre>|<\/pre>$/g, '')).not.toMatch(/[<>\n\r]/);
      expect(seen(html).split('\n')).toHaveLength(text.split(/\r\n|\r|\n/).length);
    }),
    { numRuns: 1000 },
  );
});

describe('link', () => {
  test.each([
    ['https://arxiv.org/abs/2601.00001', 'https://arxiv.org/abs/2601.00001'],
    ['https://x.example/a?b=c&d=%26e_f', 'https://x.example/a?b=c&amp;d=%26e_f'],
    ['https://x.example/a|b"c\'d(e)', 'https://x.example/a%7Cb%22c%27d%28e%29'],
  ])('%s', (address, href) => expect(link('x', address)).toBe(`<a href="${href}">x</a>`));

  test.each(['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', '/relative', 'nonsense', ''])(
    'is only words for %j',
    (address) => expect(link('a <b>', address)).toBe('a &#60;b&#62;'),
  );
});

describe('format', () => {
  test.each([
    [0.04, '0.0 s'],
    [1.25, '1.3 s'],
    [9.96, '10 s'],
    [59.6, '1 min'],
    [200, '3 min 20 s'],
    [3599.7, '1 h'],
    [7500, '2 h 5 min'],
    [7199.9, '2 h'],
    [200_000, '2 days'],
  ])('%d s is %s', (seconds, wanted) => expect(duration(seconds)).toBe(wanted));

  test('moments', () => {
    expect(moment('2026-01-31T12:04:00+00:00', NOW)).toBe('in 4 min (12:04 UTC)');
    expect(moment('2026-01-31T10:00:00+01:00', NOW)).toBe('3 h ago (09:00 UTC)');
    expect(moment('2026-02-01T12:00:00Z', NOW)).toBe('in 24 h (2026-02-01 12:00 UTC)');
    expect(moment(null, NOW)).toBe('');
    expect(moment('infinity', NOW)).toBe('infinity');
    expect(plural(1, 'job')).toBe('1 job');
  });
});

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
    { command: 'dry-run', peek: { v: 1, now: NOW.toISOString(), due: 9, jobs: [jobRow(texts(text))] } },
    { command: 'show', reply: showReply(text) },
    { command: 'stats', reply: statsReply(text) },
    {
      command: 'verb',
      verb: 'cancel',
      replies: [{ v: 1, job_id: text, status: text, applied: false, changed: false, reason: text }],
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
          repository: queue,
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
      failure_kinds: { [queue]: 1 },
      average_seconds: 2,
      p95_seconds: 4,
    },
  };
}

test('property: no text from outside becomes Markdown or HTML on any page', () => {
  fc.assert(
    fc.property(answers, (answer) => checkPage(page(answer, NOW))),
    { numRuns: 1500 },
  );
});

test('property: nor on the page of an error', () => {
  fc.assert(fc.property(nasty, (message) => checkPage(errorPage(message))));
});

describe('a page that is too large', () => {
  const FAT = `|${'<é|`'.repeat(512)}`;
  const fat = (n: number): ExecutionReport =>
    execution({
      jobId: `job-${n}`,
      name: FAT,
      outcome: n % 2 ? 'failed' : 'retry',
      failureKind: 'error',
      error: FAT,
    });

  test('run: 5,000 executions with errors of 2 KiB', () => {
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

  test('run: of 5,000 successes a table of 200, folded', () => {
    const report = runReport(Array.from({ length: 5000 }, () => execution({ name: FAT, result: FAT })));
    const text = page({ command: 'run', report, warnings: [] }, NOW);
    checkPage(text);
    expect(text).toMatch(/<details><summary>5000 jobs<\/summary>[\s\S]*… and 4800 more[\s\S]*<\/details>/);
    expect(text.match(/^\| ✅/gm)).toHaveLength(200);
  });

  test('list: 1,000 jobs with long texts lose rows, not the table', () => {
    const jobs = Array.from({ length: 1000 }, (_, n) => jobRow({ ...texts(FAT), job_id: `job-${n}` }));
    const text = page({ command: 'list', reply: { v: 1, now: NOW.toISOString(), jobs, next: null } }, NOW);
    checkPage(text);
    const shown = text.split('\n').filter((line) => line.includes('<code>job-')).length;
    expect(shown).toBeGreaterThan(400);
    expect(shown).toBeLessThan(1000);
    expect(text).toContain(`… and ${1000 - shown} more, for which there is no room here.`);
  });

  test('show: 200 executions with everything', () => {
    const reply = showReply(FAT);
    const executions = Array.from({ length: 200 }, () => executionRow(FAT.repeat(8)));
    const text = page({ command: 'show', reply: { ...reply, executions } }, NOW);
    checkPage(text);
  });

  test('keeps to the bytes given, and says what it left out', () => {
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

  test('stand on the page with the name of the job', () => {
    expect(of(['one <phrase> is not taken'])).toContain('⚠️ Papers: one &#60;phrase&#62; is not taken');
  });

  test('are counted beyond twenty', () => {
    const text = of(Array.from({ length: 25 }, (_, index) => `warning ${index}`));
    expect(text.match(/⚠️/g)).toHaveLength(20);
    expect(text).toContain('… and 5 more warnings, in the log.');
  });
});

describe('how the pages look', () => {
  test('a run', () => {
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

      <details><summary>🔁 <strong>Mail &#124; all</strong><br>It took too long.<br><sub>will be retried in 4 min (12:04 UTC) · attempt 2 of 4 · 3 of 10: rows &#124; more · took&nbsp;1.3&nbsp;s</sub></summary>

      <pre>It took too long.&#10;Stopped.</pre>

      Job <code>job-2</code>; type custom, kind of failure <code>timeout</code>.

      </details>

      | Job | Result | Took |
      | --- | --- | --- |
      | ✅&nbsp;Nightly report | sent: 3 | 1.3&nbsp;s |
      "
    `);
  });

  test('a run with nothing to do, and one that could not do it', () => {
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

      What is left is not known · took 12 s.

      **The run ended early.** No answer.
      "
    `);
  });

  test('a list', () => {
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
      | --- | --- | --- |
      | Nightly report<br><sub>custom · queue default<br><code>job-1</code></sub> | waiting | in 4 min (12:04 UTC)<br><sub>At 09:00 &#40;UTC&#41;</sub><br><sub>then 2026-02-01 09:00, 2026-02-02 09:00 UTC</sub> |
      | Nightly report<br><sub>custom · queue default<br><code>job-2</code></sub> | locked | started 1 min ago (11:59 UTC) |
      | Nightly report<br><sub>custom · queue default<br><code>job-3</code></sub> | failed<br><sub>boom</sub> | 24 h ago (2026-01-30 12:00 UTC) |
      "
    `);
  });

  test('a job', () => {
    expect(page({ command: 'show', reply: showReply('abc') }, NOW)).toMatchInlineSnapshot(`
      "### abc: waiting

      abc

      Schedule <code>abc</code>: abc &#40;abc&#41;. Missed occurrences: run once. Next: in 4 min (12:04 UTC). Unique key <code>abc</code>. Concurrency key <code>abc</code>. Held by <code>abc</code>. Created 1 h ago (11:00 UTC).

      | Job | Status | Runs |
      | --- | --- | --- |
      | abc<br><sub>custom · queue abc<br><code>abc</code></sub> | waiting<br><sub>abc</sub> | in 4 min (12:04 UTC)<br><sub>abc &#40;abc&#41;</sub> |

      The last error:

      <pre>abc</pre>

      #### Executions, newest first

      | Status | Result or error | Took |
      | --- | --- | --- |
      | failed: error<br><sub>attempt 1, 1 h ago (11:00 UTC)</sub><br><sub><a href="https://github.com/abc">run</a></sub> | abc | 2.0&nbsp;s |

      <details><summary>Config</summary>

      <pre>{&#10;  &#34;abc&#34;: &#34;abc&#34;&#10;}</pre>

      </details>

      <details><summary>Output of attempt 1, started 1 h ago (11:00 UTC)</summary>

      <pre>abc</pre>

      </details>
      "
    `);
  });

  test('the statistics', () => {
    expect(page({ command: 'stats', reply: statsReply('mail') }, NOW)).toMatchInlineSnapshot(`
      "### 7 jobs: 1 due now

      | Queue | Due now | Jobs |
      | --- | --- | --- |
      | mail | 1<br><sub>the oldest for 1 min</sub> | 2 waiting, 1 locked, 3 success, 1 failed |

      1 waiting for their time, 0 waiting for their key.

      Last 24 hours: 3 executions succeeded, 1 failed (mail 1), 1 running; 2.0 s on average, 95 % within 4.0 s.

      **1 lock expired**: the next run ends them.

      The last worker was seen now (12:00 UTC).

      Wake on work: 2 calls in 24 hours, 1 failed.

      **mail (queue mail) was not woken**, 1 error in a row: mail
      "
    `);
  });

  test('the newest papers of a paper_fetch job, with links to what is an address', () => {
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

  test('jobs that failed alike are told once, the larger group first', () => {
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
        /^❌ Image 2, Image 3, Image 4 and 2 more.*HTTP 500 for image 2.*5 attempts alike/,
      ),
      expect.stringMatching(/^❌ Image 1.*No space left on device.*failed for good/),
    ]);
    expect(text).toContain('Jobs <code>job-2</code>, <code>job-3</code>');
  });

  test.each([
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

  test('the chart of the slowest has the slowest, and names that mean nothing to Mermaid', () => {
    const report = runReport(
      Array.from({ length: 12 }, (_, n) =>
        execution({ name: `n${n} "] click%%{init: {}}%%\n\`\`\``, durationSeconds: n }),
      ),
    );
    const text = page({ command: 'run', report, warnings: [] }, NOW);
    const [, axis = ''] = /^ {2}x-axis \[(.*)\]$/m.exec(text) ?? [];
    expect(axis).toMatch(/^"1\. n11 click init \(11\.0 s\)", "2\. n10 .*"10\. n2 click init \(2\.0 s\)"$/);
    expect(text).toContain('bar [11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0]');
  });

  test('a chart only where there is much to count', () => {
    const many = Array.from({ length: 11 }, (_, n) => execution({ outcome: n < 3 ? 'retry' : 'success' }));
    expect(page({ command: 'run', report: runReport(many) }, NOW)).toContain('"succeeded" : 8');
    expect(page({ command: 'run', report: runReport(many.slice(0, 10)) }, NOW)).not.toContain('mermaid');
  });
});
