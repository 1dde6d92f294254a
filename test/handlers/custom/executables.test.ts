import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { findProgram } from '../../../src/handlers/custom/interpreter.ts';
import { parseProgress } from '../../../src/handlers/custom/job-files.ts';
import { folderOf, isEmpty, JOB, openHandlers, waitFor } from './harness.ts';

const sh = (text: string) => ({ '*it.sh': `#!/usr/bin/env bash\nset -eu\n${text}\n` });
const numbers = (count: number) => [...Array(count).keys()];

describe('what an executable gets', () => {
  test('gives the job on stdin, in CLOUD_JOBS_JOB and in a file', async () => {
    const { run, scratchDir } = openHandlers({
      '*it.py': `#!/usr/bin/env python3
import json, os, sys
given = json.load(sys.stdin)
assert given == json.loads(os.environ["CLOUD_JOBS_JOB"]) == json.load(open(os.environ["CLOUD_JOBS_JOB_FILE"]))
print("to stdout")
print("to stderr", file=sys.stderr)
json.dump({"job": given, "env": dict(os.environ)}, open(os.environ["CLOUD_JOBS_RESULT"], "w"))
`,
    });
    const config = { handler: 'it', city: 'Zürich' };
    const { outcome, lines } = await run(config);
    expect(outcome).toMatchObject({
      outcome: 'success',
      result: {
        job: { ...JOB, config, idempotency_key: 'key-1' },
        env: {
          GREETING: 'from the step',
          CLOUD_JOBS_ATTEMPT: '2',
          CLOUD_JOBS_JOB_ID: JOB.job_id,
          CLOUD_JOBS_IDEMPOTENCY_KEY: 'key-1',
        },
      },
    });
    for (const name of ['INPUT_', 'STATE_', 'ACTIONS_', 'GITHUB_OUTPUT', 'the key']) {
      expect(JSON.stringify(outcome)).not.toContain(name);
    }
    expect([...lines].sort()).toEqual(['err to stderr', 'out to stdout']);
    expect(isEmpty(scratchDir)).toBe(true);
  });

  test('the shell reads the job as one line', async () => {
    const { run } = openHandlers(sh('read -r job; test "$job" = "$CLOUD_JOBS_JOB"; echo same'));
    expect((await run({ handler: 'it', text: 'two\nlines \\ "quoted"' })).lines).toEqual(['out same']);
  });

  test('a job too large for one variable is on standard input and in the file', async () => {
    const { run } = openHandlers(
      sh(
        `echo "set: \${CLOUD_JOBS_JOB-no}"\ncmp - "$CLOUD_JOBS_JOB_FILE"\nwc -c < "$CLOUD_JOBS_JOB_FILE" > "$CLOUD_JOBS_RESULT"`,
      ),
    );
    const { outcome, lines } = await run({ handler: 'it', text: 'é'.repeat(100_000) });
    expect(lines).toEqual(['out set: no']);
    expect(outcome.outcome === 'success' && Number(outcome.result)).toBeGreaterThan(200_000);
  });

  test('one just below the limit starts, one just above too', async () => {
    const { run } = openHandlers(sh(`echo "\${#CLOUD_JOBS_JOB}"`));
    const base = JSON.stringify({
      ...JOB,
      config: { handler: 'it', text: '' },
      idempotency_key: 'key-1',
    }).length;
    const room = 131_072 - 'CLOUD_JOBS_JOB='.length - 1 - base;
    expect((await run({ handler: 'it', text: 'x'.repeat(room) })).lines).toEqual([`out ${base + room}`]);
    expect((await run({ handler: 'it', text: 'x'.repeat(room + 1) })).outcome).toMatchObject({
      message: expect.stringMatching(/CLOUD_JOBS_JOB: unbound variable/),
    });
  });

  test('a handler that does not read its standard input is fine', async () => {
    const { run } = openHandlers(sh('exec 0<&-; echo fine'));
    const { outcome } = await run({ handler: 'it', text: 'x'.repeat(1_000_000) });
    expect(outcome).toEqual({ outcome: 'success', result: null });
  });
});

describe('how it is started', () => {
  test.each<[string, Record<string, string>]>([
    ['.sh without a run bit', { 'it.sh': 'echo ran' }],
    ['.py without a run bit', { 'it.py': 'print("ran")' }],
    ['.sh with a run bit and no first line', { '*it.sh': 'echo ran' }],
    ['any name with a run bit', { '*it': '#!/bin/sh\necho ran' }],
    ['any extension with a run bit', { '*it.pl': '#!/bin/sh\necho ran' }],
  ])('%s', async (_, files) => {
    const { run } = openHandlers(files);
    const handler = Object.keys(files)[0]?.replace('*', '') ?? '';
    expect((await run({ handler })).lines).toEqual(['out ran']);
  });

  test('machine code', async () => {
    const folder = folderOf({ '*it': '' });
    writeFileSync(join(folder, 'it'), readFileSync('/bin/true'));
    chmodSync(join(folder, 'it'), 0o755);
    const { run } = openHandlers({}, { folder });
    expect((await run({ handler: 'it' })).outcome).toMatchObject({ outcome: 'success' });
    writeFileSync(join(folder, 'it'), Buffer.from('\x7fELF\x02\x01\x01 not for this machine\n', 'latin1'));
    expect((await run({ handler: 'it' })).outcome).toMatchObject({
      outcome: 'failure',
      message: expect.stringMatching(/it is a binary: was it built for|no format that this machine can run/),
    });
  });

  test.each<[string, Record<string, string>, RegExp]>([
    [
      'an interpreter that is missing',
      { '*it.rb': '#!/usr/bin/no-ruby -w\n' },
      /"it\.rb" is run by "\/usr\/bin\/no-ruby" \(its first line\).*not on this machine/,
    ],
    ['a relative interpreter', { '*it.x': '#!ruby\n' }, /is run by "ruby"/],
    ['Windows line ends', { '*it.sh': '#!/bin/bash\r\necho hi\r\n' }, /Windows line ends \(CRLF\)/],
    ['no first line', { '*it.rb': 'puts 1\n' }, /first line does not say what runs it.*#!\/usr\/bin\/env/],
    [
      'env of something missing',
      { '*it.rb': '#!/usr/bin/env no-such-ruby\n' },
      /exit code 127 \(a command in it was not found\).*no-such-ruby/s,
    ],
  ])('%s is a clear error', async (_, files, message) => {
    const { run } = openHandlers(files);
    expect((await run({ handler: 'it' })).outcome).toMatchObject({
      outcome: 'failure',
      kind: 'error',
      message: expect.stringMatching(message),
    });
  });

  test('without python on the PATH', async () => {
    const { run, validate } = openHandlers({ 'it.py': 'print(1)' }, { env: { PATH: '/nowhere' } });
    const message = /needs python3 or python, which is not on the PATH/;
    expect((await run({ handler: 'it' })).outcome).toMatchObject({
      kind: 'error',
      message: expect.stringMatching(message),
    });
    await expect(validate({ handler: 'it' })).rejects.toThrow(message);
  });

  test('an environment too large for any process', async () => {
    const env = { BIG: 'x'.repeat(200_000), PATH: process.env.PATH };
    const { run } = openHandlers(sh('echo hi'), { env });
    expect((await run({ handler: 'it' })).outcome).toMatchObject({
      kind: 'error',
      message: expect.stringMatching(/environment of the step is too large.*E2BIG/),
    });
  });
});

describe('how it ends', () => {
  test.each<[string, string, object]>([
    [
      'a result',
      `echo '{"n": [1, null]}' > "$CLOUD_JOBS_RESULT"`,
      { outcome: 'success', result: { n: [1, null] } },
    ],
    ['no result', 'true', { outcome: 'success', result: null }],
    ['an empty result', ': > "$CLOUD_JOBS_RESULT"', { outcome: 'success', result: null }],
    [
      '75',
      'exit 75',
      { outcome: 'snooze', seconds: 900, reason: 'the handler "it.sh" ended with exit code 75' },
    ],
    [
      '75 with minutes and a reason',
      `echo '{"snooze_minutes": 2.5, "reason": "busy"}' > "$CLOUD_JOBS_RESULT"; exit 75`,
      { outcome: 'snooze', seconds: 150, reason: 'busy' },
    ],
    [
      '75 with a word on stderr',
      'echo throttled >&2; exit 75',
      { outcome: 'snooze', seconds: 900, reason: 'throttled' },
    ],
  ])('%s', async (_, code, outcome) => {
    const { run } = openHandlers(sh(code));
    expect((await run({ handler: 'it' })).outcome).toEqual(outcome);
  });

  test.each<[string, string, RegExp]>([
    [
      'text',
      'echo "total: 5" > "$CLOUD_JOBS_RESULT"',
      /result cannot be taken\. The result file \(CLOUD_JOBS_RESULT\) is not JSON\. It starts with "total: 5"\./,
    ],
    ['NaN', 'echo "[NaN]" > "$CLOUD_JOBS_RESULT"', /no NaN/],
    ['long text', 'printf "y%.0s" {1..900} > "$CLOUD_JOBS_RESULT"', /starts with "y{200}…"/],
    ['NUL in text', `printf '"a\\\\u0000"' > "$CLOUD_JOBS_RESULT"`, /NUL/],
    [
      'a folder',
      'mkdir "$CLOUD_JOBS_RESULT"',
      /\. The result file \(CLOUD_JOBS_RESULT\) is not a file any more\.$/,
    ],
    ['much too large', 'truncate -s 17M "$CLOUD_JOBS_RESULT"', /has 17825792 bytes/],
  ])('a result that is %s fails the job', async (_, code, message) => {
    const { run } = openHandlers(sh(code));
    expect((await run({ handler: 'it' })).outcome).toMatchObject({
      outcome: 'failure',
      kind: 'error',
      message: expect.stringMatching(message),
    });
  });

  test('75 with pause_queue_minutes lets the queue cool down', async () => {
    const result = '{"snooze_minutes": 1, "pause_queue_minutes": 10, "reason": "HTTP 429"}';
    const { run } = openHandlers(sh(`echo '${result}' > "$CLOUD_JOBS_RESULT"; exit 75`));
    const { outcome, pauses, lines } = await run({ handler: 'it' });
    expect(outcome).toEqual({ outcome: 'snooze', seconds: 60, reason: 'HTTP 429' });
    expect(pauses).toEqual([{ seconds: 600, reason: 'HTTP 429' }]);
    expect(lines).toEqual([]);
  });

  test.each(['0', '-5', '1e9', '"10"', 'null'])(
    '75 with pause_queue_minutes %s goes on and says so',
    async (minutes) => {
      const { run } = openHandlers(
        sh(`echo '{"pause_queue_minutes": ${minutes}}' > "$CLOUD_JOBS_RESULT"; exit 75`),
      );
      const { pauses, lines } = await run({ handler: 'it' });
      expect(pauses).toEqual([]);
      expect(lines).toEqual([expect.stringMatching(/pause_queue_minutes must be a number above 0/)]);
    },
  );

  test('75 with minutes that make no sense takes the default and says so', async () => {
    const { run } = openHandlers(sh(`echo '{"snooze_minutes": -1}' > "$CLOUD_JOBS_RESULT"; exit 75`));
    const { outcome, lines } = await run({ handler: 'it' });
    expect(outcome).toMatchObject({ outcome: 'snooze', seconds: 900 });
    expect(lines).toEqual([
      expect.stringMatching(/err cloud-jobs: snooze_minutes must be a number above 0.*not -1/),
    ]);
  });

  test('another exit code is a failure with the last lines of stderr', async () => {
    const { run } = openHandlers(sh('for i in {1..30}; do echo "line $i" >&2; done; exit 3'));
    expect((await run({ handler: 'it' })).outcome).toEqual({
      outcome: 'failure',
      kind: 'error',
      message: 'The handler "it.sh" ended with exit code 3. line 26\nline 27\nline 28\nline 29\nline 30',
      details: { exit_code: 3, signal: null, stderr: numbers(10).map((n) => `line ${n + 21}`) },
    });
  });

  test.each<[string, string, string, RegExp]>([
    ['nothing said', 'exit 1', 'error', /exit code 1\. It wrote nothing to stderr\./],
    ['a signal', 'kill -KILL $$', 'crashed', /was killed by SIGKILL \(most often/],
    [
      'a signal inside',
      '(kill -SEGV $BASHPID); exit $?',
      'error',
      /exit code 139 \(a program in it was killed by SIGSEGV/,
    ],
    [
      'a command that is missing',
      'no-such-command',
      'error',
      /127 \(a command in it was not found\).*no-such-command/s,
    ],
  ])('%s', async (_, code, kind, message) => {
    const { run } = openHandlers({ '*it.sh': `#!/usr/bin/env bash\n${code}\n` });
    expect((await run({ handler: 'it' })).outcome).toMatchObject({
      outcome: 'failure',
      kind,
      message: expect.stringMatching(message),
    });
  });

  test('a Python traceback is the error', async () => {
    const { run } = openHandlers({ 'it.py': 'def f():\n    raise ValueError("no such city")\nf()\n' });
    expect((await run({ handler: 'it' })).outcome).toMatchObject({
      kind: 'error',
      message: expect.stringMatching(/exit code 1\..*ValueError: no such city$/s),
    });
  });
});

describe('progress and output', () => {
  test('progress arrives while it runs, and the last line even without its end', async () => {
    const folder = folderOf(
      sh(`echo "1/4 first" >> "$CLOUD_JOBS_PROGRESS"
        while [ ! -e "$(dirname "$0")/go" ]; do sleep 0.02; done
        printf 'what\n{"done": 4, "total": 4, "note": "all"}' >> "$CLOUD_JOBS_PROGRESS"`),
    );
    const { start } = openHandlers({}, { folder });
    const running = start({ handler: 'it' });
    await waitFor(() => running.progress.length > 0, 'the first progress');
    writeFileSync(join(folder, 'go'), '');
    await running.ended;
    expect(running.progress).toEqual([
      { done: 1, total: 4, note: 'first' },
      { done: 4, total: 4, note: 'all' },
    ]);
  });

  test('a progress file that is written anew each time works', async () => {
    const folder = folderOf(
      sh(`echo 1/2 > "$CLOUD_JOBS_PROGRESS"
        while [ ! -e "$(dirname "$0")/go" ]; do sleep 0.02; done
        echo 2/2 > "$CLOUD_JOBS_PROGRESS"`),
    );
    const { start } = openHandlers({}, { folder });
    const running = start({ handler: 'it' });
    await waitFor(() => running.progress.length > 0, 'the first progress');
    writeFileSync(join(folder, 'go'), '');
    await running.ended;
    expect(running.progress).toEqual([
      { done: 1, total: 2 },
      { done: 2, total: 2 },
    ]);
  });

  test('reports a line that is no progress once', async () => {
    const folder = folderOf(
      sh(`echo soon >> "$CLOUD_JOBS_PROGRESS"
        while [ ! -e "$(dirname "$0")/go" ]; do sleep 0.02; done
        echo later >> "$CLOUD_JOBS_PROGRESS"`),
    );
    const { start } = openHandlers({}, { folder });
    const running = start({ handler: 'it' });
    await waitFor(() => running.lines.length > 0, 'the complaint');
    writeFileSync(join(folder, 'go'), '');
    await running.ended;
    expect(running.progress).toEqual([]);
    expect(running.lines).toEqual(['err cloud-jobs: this progress line is not understood: soon']);
  });

  test.each<[string, unknown]>([
    ['3', { done: 3 }],
    ['3/10', { done: 3, total: 10 }],
    [' 3 / 10  reading rows ', { done: 3, total: 10, note: 'reading rows' }],
    ['2.5 GB', { done: 2.5, note: 'GB' }],
    ['{"done": 1}', { done: 1 }],
    ['{"done": 1, "total": 2, "note": "x"}', { done: 1, total: 2, note: 'x' }],
    ['-1/3', null],
    ['half', null],
    ['3/x', null],
    ['3x', null],
    ['{"done": "1"}', null],
    ['{"done": 1', null],
    ['{"done": 1, "note": 2}', null],
    ['', null],
  ])('the line %j', (line, value) => {
    expect(parseProgress(line)).toEqual(value);
  });

  test('::add-mask:: masks and is not shown', async () => {
    const { run } = openHandlers(
      sh('echo "::add-mask::hush"; echo "now hush"; echo "::set-output name=a::b"'),
    );
    const { lines, secrets } = await run({ handler: 'it' });
    expect(secrets).toEqual(['hush']);
    // Other commands of the runner are passed on as text, and disarmed where the log is printed.
    expect(lines).toEqual(['secret hush', 'out now hush', 'out ::set-output name=a::b']);
  });

  test('the output of Python is not held back', async () => {
    const { start } = openHandlers({ 'it.py': 'import time\nprint("early")\ntime.sleep(1000)\n' });
    const running = start({ handler: 'it' });
    await waitFor(() => running.lines.includes('out early'), 'the first line');
    running.abort('cancelled');
    await running.ended;
  });

  test('ten at once do not mix', async () => {
    const { run } = openHandlers(
      sh(`read -r job
        n=$(echo "$job" | grep -o '"n":[0-9]*' | cut -d: -f2)
        echo "n is $n"
        echo "$n" > "$CLOUD_JOBS_RESULT"`),
    );
    const runs = await Promise.all(numbers(10).map((n) => run({ handler: 'it', n })));
    expect(runs.map(({ outcome }) => outcome)).toEqual(
      numbers(10).map((n) => ({ outcome: 'success', result: n })),
    );
    expect(runs.map(({ lines }) => lines)).toEqual(numbers(10).map((n) => [`out n is ${n}`]));
  });
});

describe('findProgram on Windows', () => {
  const folderWith = (name: string, text: string): string => {
    const folder = folderOf({ [`*${name}`]: text });
    return join(folder, dirname(name));
  };

  it.each([
    ['bash', 'Windows/System32/bash.exe', 'MZ', 'the bash of the Linux subsystem'],
    ['bash', 'WINDOWS/system32/bash.exe', 'MZ', 'the same in another case'],
    ['python3', 'Microsoft/WindowsApps/python3.exe', '', 'an empty alias of the store'],
  ])('%s: passes over %s', async (name, path, text) => {
    const wrong = folderWith(path, text);
    const right = folderWith(`bin/${name}.exe`, 'MZ');
    expect(await findProgram(name, { Path: [wrong, right].join(delimiter) }, 'win32')).toBe(
      join(right, `${name}.exe`),
    );
    expect(await findProgram(name, { Path: wrong }, 'win32')).toBeNull();
  });
});
