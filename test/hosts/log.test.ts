import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createJobOutput, TAIL_BYTES } from '../../src/hosts/job-output.ts';
import { createGitHubLog, createTerminalLog } from '../../src/hosts/log.ts';
import { createRedactor } from '../../src/text/redact.ts';

function github() {
  const written: string[] = [];
  const redactor = createRedactor();
  const log = createGitHubLog({ write: (text) => written.push(text), redact: redactor.redact });
  return { log, redactor, lines: () => written.join('').split('\n').slice(0, -1) };
}

describe('the log for GitHub', () => {
  test('prints lines, groups and annotations', () => {
    const { log, lines } = github();
    log.info('one\ntwo');
    log.group('A 100% group', ['inside', '::error::not a command']);
    log.warning('careful: 50%\nsecond line', 'a, b: c');
    log.error('boom');
    log.end();
    expect(lines()).toEqual([
      'one',
      'two',
      '::group::A 100%25 group',
      'inside',
      ': :error::not a command',
      '::endgroup::',
      '::warning title=a%2C b%3A c::careful: 50%25%0Asecond line',
      '::error::boom',
    ]);
  });

  test('hides secrets everywhere, also those that something invisible parts', () => {
    const { log, redactor, lines } = github();
    redactor.add('hunter2222');
    log.info('a hunter2222');
    log.info('a hunter\u001b[31m2222');
    log.group('hunter2222', ['hunter2222']);
    log.error('hunter2222', 'hunter2222');
    expect(lines()).toHaveLength(6);
    expect(lines().join('\n')).not.toMatch(/hunter|2222/);
  });

  test('keeps to ten annotations of a kind, and says what else there is', () => {
    const { log, lines } = github();
    for (let n = 1; n <= 25; n++) log.error(`error ${n}`);
    log.warning('a warning');
    log.end();
    const errors = lines().filter((line) => line.startsWith('::error'));
    expect(errors).toHaveLength(10);
    expect(errors.at(-1)).toBe('::error::16 more errors: see the log of this step and the job summary.');
    expect(lines()).toContain('Error: error 25');
    expect(lines().filter((line) => line.startsWith('::warning'))).toEqual(['::warning::a warning']);
  });

  test('cuts an annotation at what GitHub shows', () => {
    const { log, lines } = github();
    log.error('%'.repeat(100_000));
    expect(lines()[0]).toBe(`::error::${'%25'.repeat(3999)}…`);
  });

  test('property: whatever is said, only its own commands are in it', () => {
    const nasty = fc
      .array(fc.constantFrom('::', '##[', 'error', ']', '\n', '\r', ' ', 'x', '%0A', ',', ':', '\u200b'), {
        maxLength: 15,
      })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(nasty, nasty, (a, b) => {
        const { log, lines } = github();
        log.info(a);
        log.group(a, [b]);
        log.error(a, b);
        const text = lines().flatMap((line) => line.split('\r'));
        const commands = text
          .filter((line) => /^\s*::|##\[/.test(line))
          .map((line) => /^::[a-z]+/.exec(line)?.[0]);
        // What stands behind the command's own name is data to the runner, whatever it looks like.
        expect(commands).toEqual(['::group', '::endgroup', '::error']);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the log for a terminal', () => {
  const written: string[] = [];
  const make = (colour: boolean) => {
    written.length = 0;
    return createTerminalLog({ write: (text) => written.push(text), redact: (text) => text, colour });
  };

  test('has no colours unless somebody looks, and none of the text itself', () => {
    const log = make(false);
    log.info('plain \u001b[31mred\u001b[0m');
    log.error('two\nlines');
    log.group('a job', ['out\nput', 'done']);
    expect(written.join('')).toBe('plain red\nError: two\n  lines\na job\n  out\n  put\n  done\n');
  });

  test('paints its own words', () => {
    make(true).warning('careful');
    expect(written.join('')).toBe('\u001b[33mWarning:\u001b[0m careful\n');
  });
});

describe('the output of a job', () => {
  test('is one group, printed at the end', () => {
    const { log, lines } = github();
    const output = createJobOutput('mail (attempt 1 of 4)', log);
    output.line('first');
    output.line('second\r\nthird', 'stderr');
    expect(lines()).toEqual([]);
    output.end('Succeeded');
    expect(lines()).toEqual([
      '::group::mail (attempt 1 of 4)',
      'first',
      'second',
      'third',
      'Succeeded',
      '::endgroup::',
    ]);
    expect(output.tail()).toBe('first\nsecond\nthird');
  });

  test('of a silent job is one line', () => {
    const { log, lines } = github();
    createJobOutput('mail', log).end('Succeeded');
    expect(lines()).toEqual(['mail: Succeeded']);
  });

  test('of a chatty job keeps the first and the last lines', () => {
    const { log, lines } = github();
    const output = createJobOutput('chatty', log);
    for (let n = 1; n <= 10_000; n++) output.line(`line ${n}`);
    output.end('done');
    const printed = lines();
    expect(printed[1]).toBe('line 1');
    expect(printed[200]).toBe('line 200');
    expect(printed[201]).toBe('… 7800 lines left out');
    expect(printed[202]).toBe('line 8001');
    expect(printed).toHaveLength(1 + 200 + 1 + 2000 + 1 + 1);
    expect(output.tail().startsWith('line ')).toBe(true);
    expect(output.tail().endsWith('line 10000')).toBe(true);
    expect(Buffer.byteLength(output.tail())).toBeLessThanOrEqual(TAIL_BYTES);
  });

  test('with huge lines stays within bounds of memory', () => {
    const { log, lines } = github();
    const output = createJobOutput('huge', log);
    for (let n = 0; n < 300; n++) output.line('ü'.repeat(1_000_000));
    output.end('done');
    expect(Buffer.byteLength(output.tail())).toBeLessThanOrEqual(TAIL_BYTES);
    expect(output.tail()).not.toContain('\ufffd');
    expect(lines().join('').length).toBeLessThan(2_000_000);
    expect(lines().at(-2)).toBe('done');
  });

  test('hides secrets, also those that are known only later, and half of one that the cut would leave', () => {
    const { log, redactor, lines } = github();
    const output = createJobOutput('secretive', log);
    redactor.add('hunter2222');
    output.line('early swordfish');
    // The tail begins in the middle of the secret.
    output.line(`hunter2222${'x'.repeat(TAIL_BYTES - 5)}`);
    redactor.add('swordfish');
    output.end('done');
    expect(lines().join('\n')).not.toMatch(/swordfish|hunter/);
    expect(output.tail()).not.toContain('2222');
  });

  test('can be stored: no NUL, no half character, no terminal sequence', () => {
    const { log } = github();
    const output = createJobOutput('binary', log);
    output.line('a\0b\ud800c\u001b[2Jd');
    expect(output.tail()).toBe('a\u2400b\ufffdcd');
  });
});
