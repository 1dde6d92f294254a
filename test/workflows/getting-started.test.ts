import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { codeBlocks } from '../support/code-blocks.ts';
import { copyOfCheckout, type Repository, ROOT } from '../support/repository.ts';

const page = readFileSync(join(ROOT, 'docs/getting-started.md'), 'utf8');
const section = /^## On your own machine\n[\s\S]*?(?=^## )/m.exec(page)?.[0] ?? '';
const [stackCommands = '', ...commands] = codeBlocks(section, 'sh');

let clone: Repository;
/** The folder in which the reader has cloned the repository. */
let home: string;
let stack: ChildProcess | undefined;

/** A terminal as a reader has it: none of this project's own tools on the path, but act. */
function terminal(script: string, cwd: string, detached = false): ChildProcess {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_|VITEST|GITHUB_|ACT$)/i.test(name),
  );
  const env = {
    ...Object.fromEntries(own),
    PATH: [join(home, 'bin'), ...path].join(delimiter),
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_CONFIG_HOME: join(home, 'config'),
    GIT_AUTHOR_NAME: 'reader',
    GIT_AUTHOR_EMAIL: 'reader@example.com',
    GIT_COMMITTER_NAME: 'reader',
    GIT_COMMITTER_EMAIL: 'reader@example.com',
  };
  return spawn('bash', ['-e', '-o', 'pipefail', '-c', script], {
    cwd,
    env,
    detached,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function output(child: ChildProcess): Promise<{ code: number | null; text: string }> {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (data: string) => {
      text += data;
    });
  }
  const [code] = await once(child, 'close');
  return { code, text };
}

beforeAll(() => {
  clone = copyOfCheckout('OWNER/cloud-jobs');
  home = dirname(clone.folder);
  mkdirSync(join(home, 'bin'));
  if (process.env.ACT) symlinkSync(resolve(process.env.ACT), join(home, 'bin/act'));
});

afterAll(async () => {
  if (stack?.pid !== undefined && stack.exitCode === null) {
    const closed = once(stack, 'close');
    process.kill(-stack.pid, 'SIGTERM');
    await closed;
  }
  clone?.remove();
});

it('shows the workflow of the README and the handler of its own first part', () => {
  const written = [...(commands[0] ?? '').matchAll(/^cat > (\S+) <<'EOF'\n([\s\S]*?)^EOF$/gm)];
  expect(Object.fromEntries(written.map(([, file = '', text = '']) => [file, text]))).toEqual({
    '.github/workflows/run-jobs.yml': codeBlocks(readFileSync(join(ROOT, 'README.md'), 'utf8'), 'yaml')[0],
    '.github/cloud-jobs/hello.mjs': codeBlocks(page, 'js')[0],
  });
});

it('its commands, as they stand, run a job of a new repository', { timeout: 600_000 }, async () => {
  stack = terminal(stackCommands, clone.folder, true);
  const stackEnd = output(stack);
  const secrets = join(home, 'my-app/.secrets');
  await Promise.race([
    expect.poll(() => existsSync(secrets), { timeout: 300_000, interval: 250 }).toBe(true),
    stackEnd.then(({ code, text }) => {
      throw new Error(`The stack ended with ${code}: ${text}`);
    }),
  ]);

  const { code, text } = await output(terminal(commands.join('\n'), home));

  expect(code, text).toBe(0);
  expect(text).toContain('Hello world, this is attempt 1');
  expect(text).toContain('1 job succeeded');
  expect(text).toContain('Job succeeded');
  // What `show` says at the end.
  expect(text.slice(text.lastIndexOf('Job succeeded'))).toMatch(/success[\s\S]*greeted/);
});
