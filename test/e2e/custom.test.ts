/** One run of the packaged action with every kind of handler in it, good and bad, all at the same time. */
import { symlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lives } from '../handlers/custom/harness.ts';
import { runStep, type StepResult, startStep, until } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { makeWorkspace, type Workspace } from '../support/workspace.ts';

const SECRET = 'the-password-of-the-job';
const PYTHON_SECRET = 'the-password-of-python';
const SLEEPERS = `
  import { spawn } from 'node:child_process';
  import { writeFileSync } from 'node:fs';
  /** Starts two processes, one of them in a session of its own, and prints their pids and ours. */
  export function startTree(file) {
    const pids = [false, true].map((detached) => spawn('sleep', ['1000'], { detached, stdio: 'ignore' }).pid);
    writeFileSync(file, [process.pid, ...pids].join(' '));
  }`;
const SHELL_TREE = `echo $$ > "$1.part"; sleep 1000 & echo $! >> "$1.part"
  setsid sleep 1000 & echo $! >> "$1.part"; mv "$1.part" "$1"; wait`;

/** In the default folder, so that the default is tried as well. */
const HANDLERS: Readonly<Record<string, string>> = {
  'lib/tree.mjs': SLEEPERS,
  'pid.mjs': 'export default () => process.pid;',
  'context.mjs': `export default (config, { job, attempt, idempotencyKey }) =>
    ({ config, attempt, idempotencyKey, name: job.name, cwd: process.cwd() });`,
  'progress.mjs': `import { existsSync } from 'node:fs';
    export default async ({ go }, { progress }) => {
      progress(3, 10, 'reading rows');
      while (!existsSync(go)) await new Promise((resolve) => setTimeout(resolve, 30));
      progress(10, 10, 'rows read');
    };`,
  'obey.mjs': `import { writeFileSync } from 'node:fs';
    import { startTree } from './lib/tree.mjs';
    export default async (config, { signal }) => {
      if (config.tree) startTree(config.tree);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      writeFileSync(config.cause, signal.reason.abortCause);
      signal.throwIfAborted();
    };`,
  'tree.sh': `read -r job; set -- "$(printf %s "$job" | sed 's/.*"tree":"\\([^"]*\\)".*/\\1/')"; ${SHELL_TREE}`,
  'stubborn.sh': `trap '' TERM; read -r job; set -- "$(printf %s "$job" | sed 's/.*"tree":"\\([^"]*\\)".*/\\1/')"; ${SHELL_TREE}`,
  'loop.mjs': `import { startTree } from './lib/tree.mjs';
    export default ({ tree }) => { startTree(tree); for (;;); };`,
  'exit.mjs': 'export default () => process.exit(3);',
  'killed.mjs':
    'export default async () => { process.kill(process.pid, "SIGKILL"); await new Promise(() => {}); };',
  'rejects.mjs':
    'export default async () => { Promise.reject(new Error("nobody waits")); await new Promise(() => {}); };',
  'memory.mjs':
    'export default () => { for (const all = []; ; ) all.push(new Array(1000).fill({ a: 1 })); };',
  'bigint.mjs': 'export default () => ({ items: [{ count: 1n }] });',
  'snooze.mjs': 'export default (config, { snooze }) => snooze({ minutes: 90, reason: "too early" });',
  'snooze.py': `import json, os, sys
with open(os.environ["CLOUD_JOBS_RESULT"], "w") as result: json.dump({"snooze_minutes": 30}, result)
print("not yet", file=sys.stderr)
sys.exit(75)`,
  'discard.mjs': 'export default (config, { discard }) => discard("the account is closed");',
  'secret.mjs': `export default (config, { secret, progress }) => {
      secret(config.parts.join(''));
      const value = config.parts.join('');
      console.log('token ' + value);
      console.error(Buffer.from('x' + value).toString('base64') + ' ' + encodeURIComponent(value + '!'));
      progress(1, 2, 'with ' + value);
      if (config.fails) throw new Error('refused: ' + value);
      return { token: value, [value]: [value + value] };
    };`,
  'secret.py': `import json, os, sys
value = "".join(json.load(sys.stdin)["config"]["parts"])
print("::add-mask::" + value, flush=True)
print("token " + value)
sys.exit("refused: " + value)`,
  'env.mjs': `const found = (given) => Object.values(process.env).join() .includes([...given].reverse().join(''));
    export default ({ key, token }) => ({ key: found(key), token: found(token),
      withheld: Object.keys(process.env).filter((name) => /^INPUT_|^STATE_|^ACTIONS_|^GITHUB_(OUTPUT|ENV|PATH|STATE|STEP)/.test(name)) });`,
  'env.py': `import json, os, sys
config = json.load(sys.stdin)["config"]
found = lambda given: given[::-1] in ",".join(os.environ.values())
with open(os.environ["CLOUD_JOBS_RESULT"], "w") as result:
    json.dump({"key": found(config["key"]), "token": found(config["token"]),
        "withheld": [name for name in os.environ if name.startswith(("INPUT_", "STATE_", "ACTIONS_"))]}, result)`,
  'chatty.mjs': `export default async ({ who }) => {
      for (let n = 0; n < 20000; n++) { console.log(who + ' says ' + n); if (n % 5000 === 0) await null; }
    };`,
  'commands.mjs': `export default () => {
      console.log('::set-output name=claimed::999');
      console.log('  ::stop-commands::never');
      console.error('##[add-mask]success');
      process.stdout.write('half a line\\r::error::not ours\\n');
    };`,
  'twice.mjs':
    'import { writeFileSync } from "node:fs"; writeFileSync("ran", "mjs"); export default () => 1;',
  'twice.py': 'open("ran", "w").write("py")',
};

let project: TestProject;
let workspace: Workspace;
let ran: StepResult;
/** The processes of each tree that were alive when its job had ended. */
let alive: Readonly<Record<string, readonly number[]>>;
const connection = () => ({ 'supabase-url': project.url, 'supabase-key': project.secretKey });
const inside = () => ({ GITHUB_WORKSPACE: workspace.folder });
const reversed = (text: string): string => [...text].reverse().join('');

async function add(name: string, config: object, columns: Readonly<Record<string, unknown>> = {}) {
  await project.sql('select cloud_jobs_enqueue($1::jsonb)', [
    JSON.stringify([{ name, job_type: 'custom', config, max_retries: 0, ...columns }]),
  ]);
}

/** The job of this name with its only execution. */
async function outcome(name: string) {
  const rows = await project.sql(
    `select j.status as job, j.current_retries as retries, extract(epoch from j.run_at - now())::float8 as due_in, e.*
     from cloud_jobs j join cloud_job_executions e using (job_id) where j.name = $1`,
    [name],
  );
  expect(rows).toHaveLength(1);
  return rows[0] ?? {};
}

/** The lines that the log shows of a job, without the line that opens its group. */
function groupOf(name: string): string[] {
  const lines = ran.log.split('\n');
  const from = lines.findIndex((line) => line.startsWith(`::group::${name} (attempt `));
  expect(from, `the group of ${name}`).toBeGreaterThanOrEqual(0);
  return lines.slice(from + 1, lines.indexOf('::endgroup::', from));
}
const pidsOf = (file: string): number[] => (workspace.read(file) ?? '').split(/\s+/).map(Number);

const TREES = ['cancelled-js', 'cancelled-sh', 'timeout-js', 'timeout-sh'];
const BAD_NAMES = ['/etc/passwd', '../outside', 'sub/../../outside'];

beforeAll(async () => {
  project = await startTestProject();
  const files = Object.entries(HANDLERS).map(([name, text]) => [`.github/cloud-jobs/${name}`, text]);
  workspace = makeWorkspace({
    ...Object.fromEntries(files),
    '.github/outside.mjs': 'import { writeFileSync } from "node:fs"; writeFileSync("ran", "outside");',
  });
  symlinkSync(workspace.path('.github/outside.mjs'), workspace.path('.github/cloud-jobs/link.mjs'));

  const path = (name: string) => workspace.path(name);
  await add('progress', { handler: 'progress', go: path('go') });
  await add('cancelled', { handler: 'obey', tree: path('cancelled-js'), cause: path('cancelled-cause') });
  await add('cancelled shell', { handler: 'tree', tree: path('cancelled-sh') });
  await add('lost', { handler: 'obey', cause: path('lost-cause') });
  await add('loop', { handler: 'loop', tree: path('timeout-js') }, { timeout_seconds: 3 });
  await add('stubborn', { handler: 'stubborn', tree: path('timeout-sh') }, { timeout_seconds: 3 });
  const plain = ['exit', 'killed', 'rejects', 'memory', 'bigint', 'discard', 'commands'];
  for (const name of plain) await add(name, { handler: name });
  await add('discard with retries', { handler: 'discard' }, { max_retries: 5 });
  await add('context', { handler: 'context', mine: [1] });
  await project.sql("update cloud_jobs set current_retries = 1, max_retries = 3 where name = 'context'");
  await add('snooze', { handler: 'snooze.mjs' });
  await add('snooze python', { handler: 'snooze.py' });
  const parts = [SECRET.slice(0, 9), SECRET.slice(9)];
  await add('secret', { handler: 'secret.mjs', parts });
  await add('secret fails', { handler: 'secret.mjs', parts, fails: true });
  await add('secret python', {
    handler: 'secret.py',
    parts: [PYTHON_SECRET.slice(0, 9), PYTHON_SECRET.slice(9)],
  });
  const looked = { key: reversed(project.secretKey), token: reversed('given on purpose') };
  await add('env', { handler: 'env.mjs', ...looked });
  await add('env python', { handler: 'env.py', ...looked });
  for (const who of ['anna', 'bert']) await add(`chatty ${who}`, { handler: 'chatty', who });
  for (const handler of ['missing', 'twice', 'link', ...BAD_NAMES]) {
    await add(`name ${handler}`, { handler }, { max_retries: 3 });
  }
  for (let n = 0; n < 30; n += 1) await add(`pid ${n}`, { handler: 'pid' }, { priority: 10 });

  const running = startStep(
    { ...connection(), command: 'run', concurrency: '16', 'lock-minutes': '0.5' },
    { ...inside(), MAIL_TOKEN: 'given on purpose', NODE_OPTIONS: '--max-old-space-size=128' },
  );
  const ids = await until(async () => {
    const rows = await project.sql<{ name: string; job_id: string }>(
      `select name, job_id from cloud_jobs where status = 'locked' and name like any ('{cancelled%,lost}')`,
    );
    return rows.length === 3 && new Map(rows.map((row) => [row.name, row.job_id]));
  });
  await until(() => workspace.read('cancelled-js') && workspace.read('cancelled-sh'));
  await project.sql(
    `update cloud_jobs set lock_expires_at = now() - interval '1 s' where name = 'lost' and status = 'locked'`,
  );
  await project.sql('select release_expired_locks()');
  for (const name of ['cancelled', 'cancelled shell']) {
    const asked = await runStep({ ...connection(), command: 'cancel', 'job-id': ids.get(name) ?? '' });
    expect(asked.log).toContain('stops within 15 s');
  }
  // The heartbeat writes the row, with the progress.
  await until(async () => {
    const rows = await project.sql(
      `select from cloud_jobs join cloud_job_executions e using (job_id) where name = 'progress' and progress is not null`,
    );
    return rows.length > 0;
  });
  expect(await outcome('progress')).toMatchObject({
    status: 'running',
    progress: { done: 3, total: 10, note: 'reading rows' },
  });
  await until(async () => {
    const [row] = await project.sql(
      `select count(*) = 0 as over from cloud_jobs where status = 'locked' and name <> 'progress'`,
    );
    return row?.over === true;
  });
  // Now, and not after the step: what it leaves behind the runner ends.
  alive = Object.fromEntries(TREES.map((file) => [file, pidsOf(file).filter(lives)]));
  workspace.write('go', '');
  ran = await running.done;
});
afterAll(async () => {
  await project?.stop();
  workspace?.remove();
});

describe('what a handler gets', () => {
  it("gives config, attempt, idempotency key and the repository's folder", async () => {
    const { job_id, attempt, result } = await outcome('context');
    expect(attempt).toBe(2);
    expect(result).toEqual({
      config: { mine: [1] },
      attempt: 2,
      idempotencyKey: `${job_id}:1`,
      name: 'context',
      cwd: workspace.folder,
    });
  });
});

describe('what a handler says', () => {
  it('its progress is in the row', async () => {
    expect(await outcome('progress')).toMatchObject({
      status: 'success',
      progress: { done: 10, total: 10, note: 'rows read' },
    });
  });

  it('the summary shows the progress of failed jobs only', () => {
    expect(ran.summary).toContain('reached 1 of 2: with &#42;&#42;&#42;');
    expect(ran.summary).not.toContain('rows read');
  });

  it.each([
    ['snooze', 5400, 'too early'],
    ['snooze python', 1800, 'not yet'],
  ])('%s: runs again later, and no retry is spent', async (name, seconds, reason) => {
    const row = await outcome(name);
    expect(row).toMatchObject({ job: 'waiting', retries: 0, failure_kind: 'snoozed', error_message: reason });
    expect(row.due_in).toBeGreaterThan(seconds - 60);
    expect(row.due_in).toBeLessThanOrEqual(seconds);
  });

  it('discard: fails at once, whatever retries are left', async () => {
    expect(await outcome('discard with retries')).toMatchObject({
      job: 'failed',
      failure_kind: 'discarded',
      error_message: 'the account is closed',
    });
  });

  it('a result that is no JSON is an error that names it', async () => {
    expect(await outcome('bigint')).toMatchObject({
      failure_kind: 'error',
      error_message: expect.stringMatching(/result\.items\[0\]\.count.*BigInt/i),
    });
  });

  it('a secret is masked in log, summary, outputs and rows, in every form', async () => {
    expect(await outcome('secret')).toMatchObject({
      status: 'success',
      result: { token: '***', '***': ['***'] },
      progress: { note: 'with ***' },
      output: expect.stringContaining('token ***'),
    });
    for (const name of ['secret fails', 'secret python']) {
      expect(await outcome(name)).toMatchObject({ error_message: expect.stringContaining('refused: ***') });
    }
    const rows = await project.sql('select to_jsonb(e) as row from cloud_job_executions e');
    const jobs = await project.sql('select status, error_message from cloud_jobs');
    const log = ran.log.replace(/^::add-mask::.*$/gm, '');
    const everything = [log, ran.summary, JSON.stringify([ran.outputs, rows, jobs])].join('\n');
    for (const secret of [SECRET, PYTHON_SECRET]) {
      // The runner masks it too, in whatever else the workflow prints.
      expect(ran.log).toContain(`::add-mask::${secret}\n`);
      for (const form of [secret, Buffer.from(`x${secret}`).toString('base64').slice(4, -4)]) {
        expect(everything).not.toContain(form);
      }
    }
  });
});

describe('a fault fails that job alone, and its process is replaced', () => {
  it.each([
    ['exit', 'crashed', /exit code 3 before the handler returned/],
    ['killed', 'crashed', /killed by SIGKILL/],
    ['rejects', 'crashed', /was not handled: nobody waits/],
    ['memory', 'crashed', /ran out of memory/],
    ['loop', 'timeout', /timeout of 3 s/],
  ])('%s', async (name, kind, message) => {
    expect(await outcome(name)).toMatchObject({
      job: 'failed',
      failure_kind: kind,
      error_message: expect.stringMatching(message),
    });
  });

  it('thirty jobs after them succeed, in few processes', async () => {
    const rows = await project.sql(
      `select e.status, e.result from cloud_jobs j join cloud_job_executions e using (job_id) where name like 'pid %'`,
    );
    expect(rows.map((row) => row.status)).toEqual(Array.from({ length: 30 }, () => 'success'));
    expect(new Set(rows.map((row) => row.result)).size).toBeLessThanOrEqual(16);
  });

  it('the run ends in its own way, and leaves no process', () => {
    expect(ran).toMatchObject({ code: 1, signal: null, left: [] });
    expect(ran.outputs.remaining).toBe('0');
  });
});

describe('stopped with all that they started', () => {
  it.each([
    ['cancelled', 'cancelled', 'cancelled-js'],
    ['cancelled shell', 'cancelled', 'cancelled-sh'],
    ['loop', 'timeout', 'timeout-js'],
    ['stubborn', 'timeout', 'timeout-sh'],
  ])('%s', async (name, kind, file) => {
    expect(await outcome(name)).toMatchObject({ job: 'failed', failure_kind: kind });
    expect(pidsOf(file)).toHaveLength(3);
    expect(alive[file]).toEqual([]);
  });

  it('gives the cause, a lost lock too, and overwrites no other record', async () => {
    expect(workspace.read('cancelled-cause')).toBe('cancelled');
    expect(workspace.read('lost-cause')).toBe('lost');
    expect(await outcome('lost')).toMatchObject({ failure_kind: 'lost' });
    expect(ran.summary).toMatch(/<strong>lost<\/strong>.*<sub>lost its lock/);
  });
});

describe('the environment', () => {
  it.each(['env', 'env python'])(
    '%s: holds what the step gave, but nothing of the action or the runner',
    async (name) => {
      expect(await outcome(name)).toMatchObject({ result: { key: false, token: true, withheld: [] } });
    },
  );
});

describe('output', () => {
  it.each(['anna', 'bert'])('of %s is whole in its group and bounded, its end in the row', async (who) => {
    const lines = groupOf(`chatty ${who}`);
    const said = lines.filter((line) => line.startsWith(who));
    // All but the mark of what is left out and the verdict.
    expect(lines).toHaveLength(said.length + 2);
    expect(said.length).toBeLessThan(2500);
    expect(said[0]).toBe(`${who} says 0`);
    expect(said.at(-1)).toBe(`${who} says 19999`);
    expect(lines).toContainEqual(expect.stringMatching(/^… \d+ lines left out$/));
    expect(lines.at(-1)).toMatch(/^Succeeded after/);
    const { output } = await outcome(`chatty ${who}`);
    expect(Buffer.byteLength(String(output))).toBeLessThanOrEqual(16_384);
    expect(String(output).endsWith(`${who} says 19999`)).toBe(true);
  });

  it('gives no orders to the runner', () => {
    const lines = groupOf('commands');
    expect(lines.join('\n')).toContain('set-output name=claimed');
    for (const line of lines) expect(line).not.toMatch(/^\s*::|##\[/);
    expect(Number(ran.outputs.claimed)).toBeLessThan(100);
  });
});

describe('names', () => {
  it.each(BAD_NAMES)('%s is refused by create, and discarded by run', async (handler) => {
    const refused = await runStep({
      ...connection(),
      command: 'create',
      name: 'refused',
      'job-type': 'custom',
      config: JSON.stringify({ handler }),
    });
    expect(refused.code).toBe(1);
    expect(refused.log).toMatch(/config\.handler is .*(absolute path|leads out of the folder)/);
    expect(await project.sql("select 1 from cloud_jobs where name = 'refused'")).toEqual([]);
    expect(await outcome(`name ${handler}`)).toMatchObject({
      job: 'failed',
      failure_kind: 'discarded',
      error_message: expect.stringMatching(/absolute path|leads out of the folder/),
    });
  });

  it.each([
    ['missing', /There is no handler "missing" in the folder .*Handlers there: /],
    ['twice', /"twice" is ambiguous: it can mean twice\.mjs or twice\.py/],
    ['link', /is a link that leads out of the handlers folder/],
  ])('%s is reported, and retried after the next deploy', async (handler, message) => {
    expect(await outcome(`name ${handler}`)).toMatchObject({
      job: 'waiting',
      retries: 1,
      error_message: expect.stringMatching(message),
    });
  });

  it('nothing was run of any of them', () => {
    expect(workspace.read('ran')).toBeUndefined();
  });
});

describe('a step that is cancelled', () => {
  it('hands its jobs back within 7.5 s and ends every process', async () => {
    const cause = workspace.path('shutdown-cause');
    await add('handed back', { handler: 'obey', tree: workspace.path('shutdown-js'), cause });
    await add('handed back shell', { handler: 'stubborn', tree: workspace.path('shutdown-sh') });
    const running = startStep({ ...connection(), command: 'run' }, inside());
    await until(() => workspace.read('shutdown-js') && workspace.read('shutdown-sh'));
    const asked = performance.now();
    const ended = await running.cancel();
    expect((performance.now() - asked) / 1000).toBeLessThan(7.5);
    expect(ended).toMatchObject({ signal: null, left: [] });
    expect(workspace.read('shutdown-cause')).toBe('shutdown');
    for (const name of ['handed back', 'handed back shell']) {
      const row = await outcome(name);
      expect(row).toMatchObject({ job: 'waiting', retries: 0, failure_kind: 'released' });
      expect(row.due_in).toBeLessThanOrEqual(0);
    }
  });
});
