import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { GRACE_MS, readStop, SHUTDOWN_GRACE_MS } from '../../../src/handlers/custom/outcomes.ts';
import { type AbortCause, AbortReason } from '../../../src/handlers/handler.ts';
import { HOST_SCRIPT, isEmpty, lives, openHandlers, printed, type Running, waitFor } from './harness.ts';

/** For handlers that obey: more than a busy machine uses up. */
const PATIENT = { graceMs: 10_000 };

/** Waits until a handler printed its pid. */
const pidOf = (running: Running, name = 'pid') => waitFor(() => printed(running.lines, name), `${name}=`);

describe('JavaScript handlers', () => {
  test.each<AbortCause>(['cancelled', 'timeout', 'lost', 'shutdown'])(
    '%s: gives the cause, and lets a handler that obeys end by itself',
    async (cause) => {
      const { start } = openHandlers(
        {
          'obey.mjs': `export default async (config, { signal }) => {
          console.log('pid=' + process.pid);
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          return { cause: signal.reason.abortCause, name: signal.reason.name, message: signal.reason.message };
        };`,
        },
        PATIENT,
      );
      const running = start({ handler: 'obey' });
      const pid = await pidOf(running);
      running.abort(cause);
      const { outcome } = await running.ended;
      expect(outcome).toEqual({
        outcome: 'success',
        result: { cause, name: 'StopReason', message: `stopped by the test (${cause})` },
      });
      // A process whose handler was asked to stop runs nothing again.
      expect(lives(pid)).toBe(false);
    },
  );

  test('the signal ends a fetch', async () => {
    const { start } = openHandlers(
      {
        'fetch.mjs': `import { createServer } from 'node:http';
        export default async (config, { signal }) => {
          const server = createServer(() => {}).listen(0);
          console.log('pid=' + process.pid);
          await fetch('http://127.0.0.1:' + server.address().port, { signal });
        };`,
      },
      PATIENT,
    );
    const running = start({ handler: 'fetch' });
    await pidOf(running);
    running.abort('timeout');
    expect((await running.ended).outcome).toMatchObject({
      kind: 'error',
      message: expect.stringMatching(/StopReason: stopped by the test/),
    });
  });

  test.each([
    ['an ignored abort', 'await new Promise(() => {})'],
    ['an endless loop', 'for (;;) {}'],
    ['an endless loop of microtasks', 'for (;;) await null'],
    [
      'signals that are ignored',
      'process.on("SIGTERM", () => {}); process.on("SIGINT", () => {}); await new Promise(() => {})',
    ],
  ])('%s: killed after the grace', async (_, code) => {
    const { start, run } = openHandlers({
      'stay.mjs': `import { writeSync } from 'node:fs';
        export default async () => { writeSync(1, 'pid=' + process.pid + '\\n'); ${code}; };`,
      'next.mjs': 'export default () => "next"',
    });
    const running = start({ handler: 'stay' });
    const pid = await pidOf(running);
    const at = performance.now();
    running.abort('timeout');
    const { outcome } = await running.ended;
    expect(lives(pid)).toBe(false);
    expect(performance.now() - at).toBeGreaterThan(290);
    expect(performance.now() - at).toBeLessThan(2_500);
    expect(outcome).toEqual({
      outcome: 'failure',
      kind: 'timeout',
      message:
        'The handler was killed, since it did not end within 0.3 s of being asked to stop: stopped by the test (timeout)',
    });
    expect((await run({ handler: 'next' })).outcome).toMatchObject({ result: 'next' });
  });

  test('an endless loop at the top of the module', async () => {
    const { start } = openHandlers({
      'loop.mjs': `import { writeSync } from 'node:fs'; writeSync(1, 'pid=' + process.pid + '\\n'); for (;;) {}`,
    });
    const running = start({ handler: 'loop' });
    const pid = await pidOf(running);
    running.abort('cancelled');
    expect((await running.ended).outcome).toMatchObject({ outcome: 'failure', kind: 'error' });
    expect(lives(pid)).toBe(false);
  });

  test('kills what the handler started, also outside of its process group', async () => {
    const { start } = openHandlers({
      'tree.mjs': `import { spawn } from 'node:child_process';
        export default async () => {
          spawn('sh', ['-c', 'echo a=$$; trap "" TERM; sleep 1000 & echo b=$!; wait'], { stdio: 'inherit' });
          spawn('sh', ['-c', 'echo c=$$; exec sleep 1000'], { stdio: 'inherit', detached: true });
          await new Promise(() => {});
        };`,
    });
    const running = start({ handler: 'tree' });
    const pids = await Promise.all(['a', 'b', 'c'].map((name) => pidOf(running, name)));
    expect(pids.map(lives)).toEqual([true, true, true]);
    running.abort('timeout');
    await running.ended;
    expect(pids.map(lives)).toEqual([false, false, false]);
  });

  test('a signal that aborts before the start starts nothing', async () => {
    const { start } = openHandlers({ 'it.mjs': 'console.log("loaded"); export default () => 1' });
    const running = start({ handler: 'it' });
    running.abort('shutdown');
    const { outcome, lines } = await running.ended;
    expect(outcome).toMatchObject({
      outcome: 'failure',
      message: expect.stringMatching(/not started: stopped by/),
    });
    expect(lines).toEqual([]);
  });

  test('a listener that throws fails that job', async () => {
    const { start } = openHandlers(
      {
        'it.mjs': `export default async (config, { signal }) => {
        console.log('pid=' + process.pid);
        signal.addEventListener('abort', () => { throw new Error('in the listener') });
        await new Promise(() => {});
      };`,
      },
      PATIENT,
    );
    const running = start({ handler: 'it' });
    await pidOf(running);
    running.abort('cancelled');
    expect((await running.ended).outcome).toMatchObject({
      kind: 'crashed',
      message: expect.stringMatching(/in the listener/),
    });
  });
});

describe('executables', () => {
  test('SIGTERM lets a shell clean up', async () => {
    const { start, scratchDir } = openHandlers(
      {
        // Waiting, and not in front: a signal that comes just before the program starts would be heard only after it.
        '*tidy.sh': '#!/bin/sh\ntrap "echo cleaned; exit 3" TERM\nsleep 1000 &\necho pid=$$\nwait\n',
      },
      PATIENT,
    );
    const running = start({ handler: 'tidy' });
    await pidOf(running);
    running.abort('cancelled');
    const { outcome, lines } = await running.ended;
    expect(lines).toContain('out cleaned');
    expect(outcome).toEqual({
      outcome: 'failure',
      kind: 'error',
      message: 'The handler ended when it was asked to stop: stopped by the test (cancelled)',
    });
    expect(isEmpty(scratchDir)).toBe(true);
  });

  test('one that ignores SIGTERM is killed after the grace, with its children', async () => {
    const { start } = openHandlers({
      '*deaf.sh': '#!/bin/bash\ntrap "" TERM\nset -m\nsleep 1000 & echo a=$!\necho pid=$$\nwait\n',
    });
    const running = start({ handler: 'deaf' });
    const pids = await Promise.all(['pid', 'a'].map((name) => pidOf(running, name)));
    const at = performance.now();
    running.abort('timeout');
    const { outcome } = await running.ended;
    expect(performance.now() - at).toBeGreaterThan(290);
    expect(outcome).toMatchObject({
      kind: 'timeout',
      message: expect.stringMatching(/did not end within 0\.3 s/),
    });
    expect(pids.map(lives)).toEqual([false, false]);
  });

  test('kills background processes when the handler ends, without delay', async () => {
    const { run } = openHandlers({
      '*leave.sh':
        '#!/bin/bash\nset -m\nsleep 1000 & echo a=$!\nset +m\n(sleep 1000 & echo b=$!)\necho done\n',
    });
    const at = performance.now();
    const { outcome, lines } = await run({ handler: 'leave' });
    expect(performance.now() - at).toBeLessThan(3_000);
    expect(outcome).toEqual({ outcome: 'success', result: null });
    expect(lines).toContain('out done');
    const pids = ['a', 'b'].map((name) => printed(lines, name) ?? 0);
    expect(pids.every((pid) => pid > 0)).toBe(true);
    expect(pids.map(lives)).toEqual([false, false]);
  });

  test('kills a daemon that left its group and session', async () => {
    const { start, run } = openHandlers({
      '*leave.sh': `#!/bin/bash
        (setsid sh -c 'echo d=$$; : > "$0.up"; exec sleep 1000' "$0" &)
        until [ -e "$0.up" ]; do sleep 0.01; done\n`,
      'leave.mjs': `import { execFileSync } from 'node:child_process';
        export default async () => {
          execFileSync('sh', ['-c', "(setsid sh -c 'echo d=$$; exec sleep 1000' &)"], { stdio: 'inherit' });
          await new Promise(() => {});
        };`,
    });
    const { lines } = await run({ handler: 'leave.sh' });
    const running = start({ handler: 'leave.mjs' });
    const pids = [printed(lines, 'd') ?? 0, await pidOf(running, 'd')];
    expect(pids[0]).toBeGreaterThan(0);
    running.abort('timeout');
    await running.ended;
    expect(pids.map(lives)).toEqual([false, false]);
  });

  test('close ends one that runs', async () => {
    const { start, close, scratchDir } = openHandlers({
      '*wait.sh': '#!/bin/sh\necho pid=$$\nsleep 1000\n',
    });
    const running = start({ handler: 'wait' });
    const pid = await pidOf(running);
    await close();
    expect(lives(pid)).toBe(false);
    expect(isEmpty(scratchDir)).toBe(true);
    await running.ended;
  });
});

describe('a worker that ends without stopping its handlers', () => {
  test.each(['exit', 'SIGKILL'])('%s: JavaScript handlers end too', async (how) => {
    const { folder, scratchDir } = openHandlers({
      'wait.mjs': `import { writeFileSync } from 'node:fs';
        export default async (config) => { writeFileSync(config.file, String(process.pid)); await new Promise(() => {}); };`,
    });
    const file = join(scratchDir, 'pid');
    const custom = new URL('../../../src/handlers/custom/custom-handlers.ts', import.meta.url).href;
    const options = { folder, scratchDir, env: {}, hostScript: HOST_SCRIPT.pathname };
    const program = `
      import { existsSync, readFileSync } from 'node:fs';
      const { CustomHandlers } = await import(${JSON.stringify(custom)});
      const { handler } = new CustomHandlers(${JSON.stringify(options)});
      const config = { handler: 'wait', file: ${JSON.stringify(file)} };
      void handler({ job: {}, config, idempotencyKey: '', signal: new AbortController().signal,
        log: { line: console.log }, progress() {}, secret() {}, memory: { steps: [], parents: [] } });
      setInterval(() => { if (${how === 'exit'} && existsSync(config.file) && readFileSync(config.file, 'utf8') !== '') process.exit(0); }, 5);
    `;
    const worker = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
    onTestFinished(() => void worker.kill('SIGKILL'));
    // A file that is there may be empty yet.
    const pid = await waitFor(
      () => (existsSync(file) && Number(readFileSync(file, 'utf8'))) || null,
      'its pid',
    );
    if (how === 'SIGKILL') worker.kill('SIGKILL');
    await waitFor(() => !lives(pid), 'the end of the handler');
  });
});

test('the grace at shutdown fits within the 7.5 s of the runner', () => {
  const stop = (cause: AbortCause) =>
    readStop(AbortSignal.abort(new AbortReason(cause, 'x')), GRACE_MS).graceMs;
  expect([stop('cancelled'), stop('timeout'), stop('lost'), stop('shutdown')]).toEqual([
    5000, 5000, 5000, 2000,
  ]);
  expect(readStop(AbortSignal.abort('anything'), 100)).toEqual({
    abortCause: 'shutdown',
    message: 'the worker stops',
    graceMs: 100,
  });
  expect(SHUTDOWN_GRACE_MS).toBe(2000);
});
