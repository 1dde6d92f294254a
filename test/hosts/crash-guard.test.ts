import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const guard = fileURLToPath(new URL('../../src/hosts/crash-guard.ts', import.meta.url));
const run = (crash: string): string =>
  execFileSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { guardAgainstCrash } from ${JSON.stringify(guard)};
       const { signal } = guardAgainstCrash();
       signal.addEventListener('abort', () => {
         console.log(signal.reason.name, signal.reason.cause?.message);
         process.exit(0);
       });
       setTimeout(() => process.exit(1), 5_000);
       ${crash}`,
    ],
    { encoding: 'utf8' },
  ).trim();

describe('a worker whose process would end', () => {
  it.each([
    ['by an error in a callback', "setImmediate(() => { throw new Error('boom'); });"],
    ['by an unhandled rejection', "Promise.reject(new Error('boom'));"],
    [
      'by an event without a listener',
      "import('node:events').then(({ EventEmitter }) => new EventEmitter().emit('error', new Error('boom')));",
    ],
  ])('is stopped in its place: %s', (_, crash) => {
    expect(run(crash)).toBe('HostFault boom');
  });
});
