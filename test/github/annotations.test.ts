import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createGitHubLog } from '../../src/github/annotations.ts';
import { createRedactor } from '../../src/text/redact.ts';

let written = '';
beforeEach(() => {
  written = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

function github() {
  const redactor = createRedactor();
  return { log: createGitHubLog(redactor.redact), redactor };
}
const lines = (): string[] => written.split('\n').slice(0, -1);

describe('GitHub log', () => {
  it('prints lines, groups and annotations', () => {
    const { log } = github();
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

  it('hides secrets everywhere, even with invisible characters inside them', () => {
    const { log, redactor } = github();
    redactor.add('hunter2222');
    log.info('a hunter2222');
    log.info('a hunter\u001b[31m2222');
    log.group('hunter2222', ['hunter2222']);
    log.error('hunter2222', 'hunter2222');
    expect(lines()).toHaveLength(6);
    expect(lines().join('\n')).not.toMatch(/hunter|2222/);
  });

  it('makes ten annotations of a kind and reports how many more there are', () => {
    const { log } = github();
    for (let n = 1; n <= 25; n++) log.error(`error ${n}`);
    log.warning('a warning');
    log.end();
    const errors = lines().filter((line) => line.startsWith('::error'));
    expect(errors).toHaveLength(10);
    expect(errors.at(-1)).toBe('::error::16 more errors: see the log of this step and the job summary.');
    expect(lines()).toContain('Error: error 25');
    expect(lines().filter((line) => line.startsWith('::warning'))).toEqual(['::warning::a warning']);
  });

  it('cuts an annotation to what GitHub keeps', () => {
    const { log } = github();
    log.error('%'.repeat(100_000));
    expect(lines()[0]).toBe(`::error::${'%25'.repeat(3999)}…`);
  });

  it('prints no command but its own, whatever the text', () => {
    const nasty = fc
      .array(fc.constantFrom('::', '##[', 'error', ']', '\n', '\r', ' ', 'x', '%0A', ',', ':', '\u200b'), {
        maxLength: 15,
      })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(nasty, nasty, (a, b) => {
        written = '';
        const { log } = github();
        log.info(a);
        log.group(a, [b]);
        log.error(a, b);
        const commands = lines()
          .flatMap((line) => line.split('\r'))
          .filter((line) => /^\s*::|##\[/.test(line))
          .map((line) => /^::[a-z]+/.exec(line)?.[0]);
        // What follows the command's own name is data to the runner.
        expect(commands).toEqual(['::group', '::endgroup', '::error']);
      }),
      { numRuns: 1000 },
    );
  });
});
