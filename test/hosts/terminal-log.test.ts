import { describe, expect, it } from 'vitest';
import { createTerminalLog } from '../../src/hosts/terminal-log.ts';

function terminal(colour: boolean) {
  const written: string[] = [];
  const log = createTerminalLog({ write: (text) => written.push(text), redact: (text) => text, colour });
  return { log, written: () => written.join('') };
}

describe('terminal log', () => {
  it('prints no colours to a pipe, not even those of the text', () => {
    const { log, written } = terminal(false);
    log.info('plain \u001b[31mred\u001b[0m');
    log.error('two\nlines');
    log.group('a job', ['out\nput', 'done']);
    expect(written()).toBe('plain red\nError: two\n  lines\na job\n  out\n  put\n  done\n');
  });

  it('colours its own words in a terminal', () => {
    const { log, written } = terminal(true);
    log.warning('careful');
    expect(written()).toBe('\u001b[33mWarning:\u001b[0m careful\n');
  });
});
