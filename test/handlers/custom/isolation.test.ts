import { describe, expect, test } from 'vitest';
import type { Json } from '../../../src/queue/types.ts';
import { lives, openHandlers, printed, waitFor } from './harness.ts';

const PID = { 'pid.mjs': 'export default () => process.pid;' };

function pidOf(outcome: { readonly result?: Json } | object): number {
  if ('result' in outcome && typeof outcome.result === 'number') return outcome.result;
  throw new Error(`No pid in ${JSON.stringify(outcome)}`);
}

describe('processes are reused', () => {
  test('one after the other in one process, never in the worker’s', async () => {
    const { run } = openHandlers({ ...PID, 'other.mjs': PID['pid.mjs'] });
    const first = pidOf((await run({ handler: 'pid' })).outcome);
    expect(first).not.toBe(process.pid);
    for (const handler of ['pid', 'other', 'pid']) {
      expect(pidOf((await run({ handler })).outcome)).toBe(first);
    }
  });

  test('at the same time in processes of their own; at most maxIdle are kept', async () => {
    const { start, run } = openHandlers(
      {
        ...PID,
        'slow.mjs': `import { setTimeout as sleep } from 'node:timers/promises';
        export default async () => { await sleep(150); return process.pid; };`,
      },
      { maxIdle: 1 },
    );
    const runs = await Promise.all([1, 2, 3].map(() => start({ handler: 'slow' }).ended));
    const pids = runs.map(({ outcome }) => pidOf(outcome));
    expect(new Set(pids).size).toBe(3);
    expect(pids.filter(lives)).toHaveLength(1);
    expect(pids).toContain(pidOf((await run({ handler: 'pid' })).outcome));
  });

  test('working directory and environment are put back for the next job', async () => {
    const { run } = openHandlers({
      'change.mjs': `export default () => {
        process.chdir('/'); process.env.GREETING = 'changed'; process.env.NEW = '1'; delete process.env.HOME;
        process.exitCode = 3;
      };`,
      'look.mjs': 'export default () => ({ cwd: process.cwd(), env: { ...process.env } });',
    });
    const before = (await run({ handler: 'look' })).outcome;
    await run({ handler: 'change' });
    expect((await run({ handler: 'look' })).outcome).toEqual(before);
  });

  test('close leaves no process, idle or busy', async () => {
    const { start, run, close } = openHandlers({
      ...PID,
      'wait.mjs': `export default () => { console.log('pid=' + process.pid); return new Promise(() => {}); };`,
    });
    const busy = start({ handler: 'wait' });
    const idle = pidOf((await run({ handler: 'pid' })).outcome);
    const pid = await waitFor(() => printed(busy.lines, 'pid'), 'the busy one');
    await close();
    expect([lives(idle), lives(pid)]).toEqual([false, false]);
    expect((await busy.ended).outcome).toMatchObject({ outcome: 'failure', kind: 'crashed' });
    await expect(run({ handler: 'pid' })).rejects.toThrow(/closed/);
  });
});

describe('a fault fails that job alone and the process is replaced', () => {
  test.each<[string, string, RegExp]>([
    [
      'process.exit',
      'console.error("the end"); process.exit(3)',
      /ended with exit code 3 before the handler returned.*process\.exit.*the end/,
    ],
    ['process.exit(0)', 'process.exit(0)', /exit code 0 before/],
    ['process.exit later', 'setImmediate(() => process.exit(4)); await new Promise(() => {})', /exit code 4/],
    [
      'a signal',
      'process.kill(process.pid, "SIGKILL"); await new Promise(() => {})',
      /killed by SIGKILL \(most often: the machine ran out of memory\)/,
    ],
    [
      'a floating rejection',
      'Promise.reject(new Error("nobody waits")); return 1',
      /rejected promise was not handled: nobody waits/,
    ],
    [
      'a rejection later',
      'setTimeout(async () => { throw new Error("late") }, 1); await new Promise(() => {})',
      /was not handled: late/,
    ],
    [
      'a throw in a callback',
      'setTimeout(() => { throw new RangeError("in a timer") }, 1); await new Promise(() => {})',
      /outside of the handler.s promise: RangeError: in a timer/,
    ],
    [
      'an error event',
      'new (await import("node:events")).EventEmitter().emit("error", new Error("unheard"));',
      /unheard/,
    ],
  ])('%s', async (name, code, message) => {
    const { run } = openHandlers({ ...PID, 'it.mjs': `export default async () => { ${code} };` });
    const before = pidOf((await run({ handler: 'pid' })).outcome);
    const { outcome } = await run({ handler: 'it' });
    const kind = name === 'an error event' ? 'error' : 'crashed';
    expect(outcome).toMatchObject({ outcome: 'failure', kind, message: expect.stringMatching(message) });
    const after = pidOf((await run({ handler: 'pid' })).outcome);
    if (kind === 'crashed') {
      expect(lives(before)).toBe(false);
      expect(after).not.toBe(before);
    } else expect(after).toBe(before);
  });

  test('out of memory says so', async () => {
    const { run } = openHandlers(
      {
        ...PID,
        'it.mjs':
          'export default () => { const all = []; for (;;) all.push(new Array(1000).fill({ a: 1 })); };',
      },
      { memoryMb: 24 },
    );
    const { outcome } = await run({ handler: 'it' });
    expect(outcome).toMatchObject({ kind: 'crashed', message: expect.stringMatching(/ran out of memory/) });
    expect((await run({ handler: 'pid' })).outcome).toMatchObject({ outcome: 'success' });
  });

  test('others run on meanwhile', async () => {
    const { start, run } = openHandlers({
      'slow.mjs': `import { setTimeout as sleep } from 'node:timers/promises'; export default async () => { await sleep(300); return 'fine'; };`,
      'die.mjs': 'export default () => process.exit(1);',
    });
    const slow = start({ handler: 'slow' });
    const dead = await Promise.all([run({ handler: 'die' }), run({ handler: 'die' })]);
    expect(dead.map(({ outcome }) => outcome)).toEqual([
      expect.objectContaining({ kind: 'crashed' }),
      expect.objectContaining({ kind: 'crashed' }),
    ]);
    expect((await slow.ended).outcome).toEqual({ outcome: 'success', result: 'fine' });
  });
});

describe('what a handler leaves running', () => {
  test.each([
    ['a timer', 'setInterval(() => { console.log("leaked"); }, 1)'],
    ['a timer that throws', 'setTimeout(() => { throw new Error("leaked") }, 20)'],
    [
      'a process',
      `(await import('node:child_process')).spawn('sh', ['-c', 'echo child=$$; exec sleep 100'], { stdio: 'inherit' }); await new Promise((r) => setTimeout(r, 100))`,
    ],
  ])('%s: the process is not used again, and the next job sees nothing of it', async (_, code) => {
    const { run, start } = openHandlers({
      'leave.mjs': `export default async () => { ${code}; return process.pid; };`,
      'next.mjs': `import { setTimeout as sleep } from 'node:timers/promises'; export default async () => { await sleep(100); return process.pid; };`,
    });
    const leaving = start({ handler: 'leave' });
    const first = pidOf((await leaving.ended).outcome);
    expect(lives(first)).toBe(false);
    const child = printed(leaving.lines, 'child');
    if (child !== undefined) expect(lives(child)).toBe(false);
    const { outcome, lines } = await run({ handler: 'next' });
    expect(pidOf(outcome)).not.toBe(first);
    expect(lines).toEqual([]);
  });

  test('does not blame the next job of a process for an earlier failure', async () => {
    // An unreferenced timer is not seen as left running, so the process is used again.
    const { run } = openHandlers({
      'leave.mjs': `export default () => {
        const timer = setInterval(() => {
          if (!globalThis.go) return;
          clearInterval(timer);
          globalThis.gone = true;
          Promise.reject(new Error('mine'));
        }, 5);
        timer.unref();
        return process.pid;
      };`,
      // It fails while this one runs, however long that takes to begin.
      'next.mjs': `import { setTimeout as sleep } from 'node:timers/promises'; export default async () => {
        globalThis.go = true;
        for (let i = 0; i < 40 && !globalThis.gone; i += 1) await sleep(5);
        await sleep(50);
        return process.pid;
      };`,
    });
    const first = pidOf((await run({ handler: 'leave' })).outcome);
    const { outcome, lines } = await run({ handler: 'next' });
    expect(outcome).toEqual({ outcome: 'success', result: first });
    expect(lines).toEqual([
      expect.stringMatching(/err cloud-jobs: something that an earlier job left running failed: mine/),
    ]);
    expect(pidOf((await run({ handler: 'next' })).outcome)).not.toBe(first);
  });

  test('is announced when it prints, and the process is not used after that', async () => {
    const { run } = openHandlers({
      'leave.mjs': `export default () => {
        const timer = setInterval(() => { if (globalThis.go) { clearInterval(timer); console.log('late'); } }, 5);
        timer.unref();
        return process.pid;
      };`,
      'next.mjs': `import { setTimeout as sleep } from 'node:timers/promises'; export default async () => {
        globalThis.go = true;
        console.log('mine');
        await sleep(100);
        return process.pid;
      };`,
    });
    const first = pidOf((await run({ handler: 'leave' })).outcome);
    const { outcome, lines } = await run({ handler: 'next' });
    expect(pidOf(outcome)).toBe(first);
    expect(lines.toSorted()).toEqual([
      expect.stringMatching(
        /^err cloud-jobs: an earlier job left something running in this process, which printed/,
      ),
      'out late',
      'out mine',
    ]);
    expect(pidOf((await run({ handler: 'next' })).outcome)).not.toBe(first);
  });

  test('a process that dies while it waits costs the next job nothing', async () => {
    const { run } = openHandlers({
      'leave.mjs': `export default () => { setTimeout(() => process.kill(process.pid, 'SIGKILL'), 5).unref(); return process.pid; };`,
      ...PID,
    });
    const first = pidOf((await run({ handler: 'leave' })).outcome);
    // At once, so that the request may already be on its way when the process dies.
    for (let i = 0; i < 5; i += 1)
      expect((await run({ handler: 'pid' })).outcome).toMatchObject({ outcome: 'success' });
    await waitFor(() => !lives(first), 'its death');
    expect(pidOf((await run({ handler: 'pid' })).outcome)).not.toBe(first);
  });
});
