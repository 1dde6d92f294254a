import { describe, expect, it } from 'vitest';
import { headline } from '../../src/text/headline.ts';

const ended = (printed: string): string => `The handler "report.py" ended with exit code 1. ${printed}`;
const traceback = (message: string): string =>
  ended(`Traceback (most recent call last):
  File "/home/runner/work/app/app/.github/cloud-jobs/report.py", line 12, in <module>
    main()
    ~~~~^^
  File "/usr/lib/python3.12/site-packages/requests/api.py", line 59, in request
    raise ConnectionError(message)
${message}`);

describe('headline of an error', () => {
  it.each([['database is down'], ['customer 42 has no address'], ['out of quota']])(
    'is the last line of a Python traceback with the own frame: %s',
    (message) => {
      expect(headline(traceback(`RuntimeError: ${message}`))).toBe(`RuntimeError: ${message} (report.py:12)`);
    },
  );

  it('is found in a traceback whose start was cut off', () => {
    const cut = ended(
      '    main()\n  File "/app/jobs/sync.py", line 7, in main\n    raise ValueError("no")\nValueError: no',
    );
    expect(headline(cut)).toBe('ValueError: no (sync.py:7)');
  });

  it('is the first line of a Python message of many lines', () => {
    expect(headline(traceback('ValueError: first\nsecond'))).toBe('ValueError: first (report.py:12)');
  });

  it('is the last of two tracebacks', () => {
    const both = `${traceback('KeyError: 1')}\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File "/app/b.py", line 3, in f\n    x()\nTypeError: two`;
    expect(headline(both)).toBe('TypeError: two (b.py:3)');
  });

  it.each([
    ['curl: (6) Could not resolve host: api.example', 'curl: (6) Could not resolve host: api.example'],
    ['starting\nfatal: not a git repository\nnote: run git init', 'fatal: not a git repository'],
    ['Error: boom\n    at main (/app/x.js:1:2)\n\nNode.js v24.1.0', 'Error: boom'],
    [
      "thread 'main' panicked at src/main.rs:4:5:\nnote: run with RUST_BACKTRACE=1",
      "thread 'main' panicked at src/main.rs:4:5:",
    ],
  ])('of a program is the most informative line: %j', (printed, wanted) => {
    expect(headline(ended(printed))).toBe(wanted);
  });

  it.each([
    [
      'TypeError: x is not a function (report.mjs:12)\nmore',
      'TypeError: x is not a function (report.mjs:12)',
    ],
    [
      'The handler "a" ended with exit code 3. It wrote nothing to stderr.',
      'The handler "a" ended with exit code 3. It wrote nothing to stderr.',
    ],
    [
      'The handler "a" was killed by SIGKILL (out of memory?). last words',
      'The handler "a" was killed by SIGKILL (out of memory?). last words',
    ],
    ['', ''],
  ])('is the first line of any other error: %j', (error, wanted) => {
    expect(headline(error)).toBe(wanted);
  });
});
