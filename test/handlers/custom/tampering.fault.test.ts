import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/queue/types.ts';
import { lives, openHandlers, printed } from './harness.ts';

const FILES = {
  'pid.mjs': 'export default () => process.pid;',
  // Uses what a handler before it may have broken.
  'next.mjs': `import { setTimeout as sleep } from 'node:timers/promises';
    export default async () => {
      console.log('hello');
      await sleep(1);
      await Promise.resolve().then(() => new Promise((resolve) => setTimeout(resolve, 1)));
      return { pid: process.pid, ids: [1, 2].map((id) => String(id)), json: JSON.parse(JSON.stringify({ a: [1] })) };
    };`,
};
const IMPORTS = `import fs from 'node:fs'; import { spawnSync, spawn } from 'node:child_process';
  import module from 'node:module'; import net from 'node:net'; import events from 'node:events'; import v8 from 'node:v8';
  import dns, { setDefaultResultOrder } from 'node:dns'; import http from 'node:http'; import stream from 'node:stream';
  import tls from 'node:tls'; import util from 'node:util'; import hooks from 'node:async_hooks';`;

const open = (body: string, top = '') =>
  openHandlers({
    ...FILES,
    'it.mjs': `${IMPORTS} ${top}\nexport default async (config, context) => { ${body}\nreturn 'done'; };`,
  });

const pidOf = async (run: ReturnType<typeof openHandlers>['run']): Promise<Json> => {
  const { outcome } = await run({ handler: 'pid' });
  return 'result' in outcome ? outcome.result : null;
};

/** The next job has its output and its result, as if no other had run before it. */
async function expectNextIsWell(run: ReturnType<typeof openHandlers>['run']): Promise<void> {
  const { outcome, lines } = await run({ handler: 'next' });
  expect(outcome).toMatchObject({ outcome: 'success', result: { ids: ['1', '2'], json: { a: [1] } } });
  expect(lines).toEqual(['out hello']);
}

describe('handler that tampers with its process', () => {
  it.each<[string, string]>([
    ['a line end on descriptor 3', `fs.writeSync(3, '\\n')`],
    ['junk without a line end on descriptor 3', `fs.writeSync(3, 'x')`],
    ['a megabyte of junk on descriptor 3', `fs.writeSync(3, 'x'.repeat(1 << 20))`],
    ['JSON on descriptor 3', `fs.writeSync(3, '{"type":"end"}\\n')`],
    [
      'a forged end of another run',
      `fs.writeSync(3, '\\u001ex {"type":"end","outcome":{},"reuse":"any"}\\n')`,
    ],
    ['a child that writes to descriptor 3', `spawnSync('sh', ['-c', 'echo >&3'], { stdio: [0, 1, 2, 3] })`],
    ['descriptor 4 closed', 'fs.closeSync(4)'],
    ['setTimeout', 'globalThis.setTimeout = () => 0; globalThis.setImmediate = () => 0'],
    ['console', 'globalThis.console = {}'],
    ['console.log', 'console.log = () => {}'],
    ['process.emit', 'process.emit = () => false'],
    ['process.exit', 'process.exit = () => {}'],
    ['process.send', 'process.send = () => { throw new Error("no") }'],
    ['process.stdout.write', 'process.stdout.write = () => true; process.stderr.write = () => true'],
    ['all listeners', 'process.removeAllListeners(); process.stdout.removeAllListeners()'],
    ['a listener', 'process.on("uncaughtException", () => {})'],
    ['Promise.prototype.then', 'Promise.prototype.then = () => new Promise(() => {})'],
    ['Promise', 'globalThis.Promise = class {}'],
    ['JSON', 'JSON.stringify = () => "{"; JSON.parse = () => null'],
    ['toJSON', 'Object.prototype.toJSON = () => "no"; delete Object.prototype.toJSON; Array.prototype.x = 1'],
    ['Array.prototype', 'Array.prototype.map = Array.prototype.push = () => []'],
    ['array iteration', 'Array.prototype[Symbol.iterator] = function* () {}'],
    ['iterators', 'Object.getPrototypeOf([][Symbol.iterator]()).next = () => ({ done: true })'],
    ['Map', 'Map.prototype.get = () => { throw new Error("no") }; Set.prototype.has = () => false'],
    ['Object', 'Object.keys = Object.entries = () => []; Object.hasOwn = () => false'],
    ['Reflect', 'Reflect.ownKeys = () => []; Reflect.getOwnPropertyDescriptor = () => undefined'],
    ['Buffer', 'Buffer.from = () => Buffer.alloc(0)'],
    [
      'a built-in module',
      'fs.writeSync = () => 0; fs.fstatSync = () => ({}); module.syncBuiltinESMExports()',
    ],
    ['EventEmitter', 'events.EventEmitter.prototype.emit = () => false'],
    ['a module imported later', '(await import("node:http")).default.request = () => {}'],
    [
      'a hook of the module loader',
      'module.registerHooks({ load: (url, context, next) => next(url, context) })',
    ],
    ['flags of V8', 'v8.setFlagsFromString("--stack-size=500")'],
    ['a built-in module that is not imported', 'process.getBuiltinModule("node:zlib").gzipSync = () => 0'],
    ['a built-in module that is required', 'module.createRequire("/x/")("node:querystring").parse = () => 0'],
    ['the order of addresses', 'setDefaultResultOrder("ipv6first")'],
    ['the servers of names', 'dns.setServers(["127.0.0.1"])'],
    ['the choice of addresses', 'net.setDefaultAutoSelectFamily(false)'],
    ['the global agent', 'http.globalAgent = new http.Agent()'],
    ['the sockets of the global agent', 'http.globalAgent.maxSockets = 1'],
    ['the size of stream buffers', 'stream.setDefaultHighWaterMark(false, 1)'],
    ['trusted certificates', 'tls.setDefaultCACertificates([])'],
    ['how objects are printed', 'util.inspect.defaultOptions.depth = 0'],
    ['how many objects are printed', 'util.inspect.defaultOptions = { maxArrayLength: 1 }'],
    ['how many listeners warn', 'events.defaultMaxListeners = 1'],
    ['hooks of asynchronous resources', 'hooks.createHook({ init() {} }).enable()'],
    ['source maps', 'process.setSourceMapsEnabled(true)'],
    ['number formats', 'Intl.NumberFormat.prototype.formatToParts = () => []'],
    ['typed arrays', 'Object.getPrototypeOf(Uint8Array.prototype).map = () => 0'],
    [
      'generators',
      'Object.getPrototypeOf(Object.getPrototypeOf((function* () {})())).next = () => ({ done: true })',
    ],
    ['matches', `Object.getPrototypeOf('a'.matchAll(/a/g)).next = () => ({ done: true })`],
    ['frozen arrays', 'Object.freeze(Array.prototype)'],
    ['sealed globals', 'Object.preventExtensions(globalThis)'],
    ['prototypes of prototypes', 'Object.setPrototypeOf(Array.prototype, { x: 1 })'],
    ['a new global', 'globalThis.leak = "secret"'],
    ['the mask of new files', 'process.umask(0)'],
    ['output that is corked', 'process.stdout.cork(); process.stdout.write("")'],
    ['output that is ended', 'process.stdout.end()'],
    ['many open files', 'for (let i = 0; i < 100; i++) fs.openSync("/dev/null")'],
    ['a server that listens', 'await new Promise((resolve) => net.createServer().listen(0, resolve))'],
  ])('%s: its result counts and no other job meets it', async (name, body) => {
    const { run } = open(body);
    const first = await pidOf(run);
    expect((await run({ handler: 'it' })).outcome).toEqual({ outcome: 'success', result: 'done' });
    // Corked output is let go, which leaves nothing behind.
    if (name !== 'output that is corked') expect(await pidOf(run)).not.toBe(first);
    await expectNextIsWell(run);
  });

  it.each<[string, string, RegExp]>([
    ['descriptor 3 closed', 'fs.closeSync(3)', /closed or replaced descriptor 3/],
    [
      'every descriptor closed',
      'for (let i = 0; i < 40; i++) { try { fs.closeSync(i) } catch {} }',
      /descriptor 3|killed|exit code/,
    ],
  ])('%s: fails that job alone and says why', async (_, body, message) => {
    const { run } = open(body);
    expect((await run({ handler: 'it' })).outcome).toMatchObject({
      outcome: 'failure',
      kind: 'crashed',
      message: expect.stringMatching(message),
    });
    await expectNextIsWell(run);
  });

  it('gets no report into a file that took the number of the descriptor', async () => {
    const { run, folder } = open(
      'fs.closeSync(3); fs.openSync(new URL("./mine", import.meta.url), "w"); context.progress(1);',
    );
    expect((await run({ handler: 'it' })).outcome).toMatchObject({
      message: expect.stringMatching(/closed or replaced descriptor 3/),
    });
    expect(readFileSync(join(folder, 'mine'), 'utf8')).toBe('');
    await expectNextIsWell(run);
  });

  it('changes a global when it is loaded: never used for another job', async () => {
    const { run } = open('', 'globalThis.setTimeout = () => 0;');
    const first = await pidOf(run);
    expect((await run({ handler: 'it' })).outcome).toMatchObject({ result: 'done' });
    expect(await pidOf(run)).not.toBe(first);
    await expectNextIsWell(run);
  });

  it('adds a global when it is loaded: its process is kept for itself alone', async () => {
    const { run } = openHandlers({
      ...FILES,
      'it.mjs':
        'globalThis.mine ??= []; export default () => ({ pid: process.pid, mine: globalThis.mine.push(1) });',
      'look.mjs': 'export default () => ({ pid: process.pid, mine: typeof globalThis.mine });',
    });
    const first = await pidOf(run);
    expect((await run({ handler: 'it' })).outcome).toMatchObject({ result: { pid: first, mine: 1 } });
    const { outcome } = await run({ handler: 'look' });
    expect(outcome).toMatchObject({ result: { mine: 'undefined' } });
    expect(outcome).not.toMatchObject({ result: { pid: first } });
    expect((await run({ handler: 'it' })).outcome).toMatchObject({ result: { pid: first, mine: 2 } });
  });

  it('reads, writes and listens in the usual ways: its process is used again', async () => {
    const { run } = openHandlers({
      ...FILES,
      'usual.mjs': `import { createServer } from 'node:http';
        import { promisify } from 'node:util';
        import { exec } from 'node:child_process';
        import { createHash, randomUUID } from 'node:crypto';
        import { gzipSync } from 'node:zlib';
        import { AsyncLocalStorage } from 'node:async_hooks';
        import * as fs from 'node:fs/promises';
        process.env.FROM_A_FILE = '1';
        export default async (config, context) => {
          const server = createServer((request, response) => response.end('hi')).listen(0);
          const text = await (await fetch('http://127.0.0.1:' + server.address().port)).text();
          server.closeAllConnections();
          await new Promise((resolve) => server.close(resolve));
          console.table([{ a: 1 }]); console.time('t'); console.timeEnd('t'); console.count(); console.error('e');
          await promisify(exec)('true');
          performance.mark('m');
          new AsyncLocalStorage().run(1, () => [structuredClone({ a: new Date() }), new URL('http://x/')]);
          AbortSignal.timeout(10);
          await fs.readdir('.');
          process.once('SIGUSR2', () => {}); process.removeAllListeners('SIGUSR2');
          context.progress(1, 2, 'note'); context.secret('a-secret-of-mine'); context.log.warn('careful');
          new TextDecoder().decode(new TextEncoder().encode(new Intl.NumberFormat('de').format(1.5)));
          return { pid: process.pid, text, hash: createHash('sha256').update(gzipSync(randomUUID())).digest('hex').length };
        };`,
    });
    const first = await pidOf(run);
    for (let i = 0; i < 2; i += 1) {
      expect((await run({ handler: 'usual' })).outcome).toMatchObject({
        result: { pid: first, text: 'hi', hash: 64 },
      });
      expect(await pidOf(run)).toBe(first);
    }
  });
});

describe('handler whose output another process holds open', () => {
  // Without the worker's environment it is not known as a process of the job, and stays.
  const HOLD = {
    'it.mjs': `import { spawn } from 'node:child_process'; import { closeSync } from 'node:fs';
      export default () => {
        const child = spawn('sleep', ['60'], { stdio: 'inherit', detached: true, env: { PATH: process.env.PATH } });
        child.unref(); console.log('held=' + child.pid); closeSync(1); return 'done'; };`,
    '*it.sh': `#!/bin/sh
env -i setsid sleep 60 &
until grep -q sleep /proc/$!/comm; do :; done
echo "held=$!"; echo '"done"' > "$CLOUD_JOBS_RESULT"`,
  };

  it.each(['it.mjs', 'it.sh'])('says that some of it may be missing: %s', async (handler) => {
    const { run } = openHandlers({ ...FILES, ...HOLD });
    const { outcome, lines } = await run({ handler });
    const pid = printed(lines, 'held');
    if (pid !== undefined && lives(pid)) process.kill(pid);
    expect(outcome).toMatchObject({ outcome: 'success', result: 'done' });
    expect(lines.at(-1)).toMatch(/^err cloud-jobs: the output of this job may not be whole: a process/);
    expect(lines.filter((line) => line.includes('may not be whole'))).toHaveLength(1);
    await expectNextIsWell(run);
  });
});

describe('context.secret', () => {
  it('refuses a value of 500 MB and goes on', async () => {
    const { run } = open(`
      try { context.secret('x'.repeat(500 * 1024 * 1024)); } catch (error) { return error.message; }`);
    const { outcome, secrets } = await run({ handler: 'it' });
    expect(outcome).toMatchObject({
      result: expect.stringMatching(/takes up to 65536 characters.*524288000/),
    });
    expect(secrets).toEqual([]);
  });

  it('takes 20,000 values, each once', async () => {
    const { run } = open(`
      for (let i = 0; i < 20_000; i++) { context.secret('secret-' + i); context.secret('secret-' + i); }`);
    const { outcome, secrets } = await run({ handler: 'it' });
    expect(outcome).toMatchObject({ outcome: 'success' });
    expect(secrets).toHaveLength(20_000);
    expect(new Set(secrets).size).toBe(20_000);
  });
});

describe('handler that keeps memory', () => {
  const keep = (what: string) => `const kept = [];
    export default ({ mb }) => { if (mb > 0) kept.push(${what}); return { pid: process.pid, kept: kept.length }; };`;

  it.each([
    [
      'objects of more than half its heap',
      'Array.from({ length: mb * 128 }, (_, n) => new Array(1024).fill(n))',
      350,
      { memoryMb: 400 },
    ],
    ['buffers of more than 512 MiB', 'Buffer.alloc(mb * 1024 * 1024, 1)', 560, {}],
  ])('%s: its process ends, and the next job has a new one', async (_, what, mb, options) => {
    const { run } = openHandlers({ 'keep.mjs': keep(what) }, options);
    const job = async (size: number) => {
      const { outcome } = await run({ handler: 'keep', mb: size });
      if (outcome.outcome !== 'success') throw new Error(JSON.stringify(outcome));
      return outcome.result as { pid: number; kept: number };
    };
    const first = await job(0);
    // A little is fine.
    expect(await job(1)).toEqual({ pid: first.pid, kept: 1 });
    expect(await job(mb)).toEqual({ pid: first.pid, kept: 2 });
    const next = await job(0);
    expect(next.pid).not.toBe(first.pid);
    expect(next.kept).toBe(0);
    await expect.poll(() => lives(first.pid), { timeout: 20_000 }).toBe(false);
  });
});
