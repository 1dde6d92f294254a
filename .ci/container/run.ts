/** Runs the image against a local project; prints what it did and ends with exit code 1 if something was wrong. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runSql } from '../../local-supabase/database.ts';
import { freePort } from '../../local-supabase/ports.ts';
import { startPostgres } from '../../local-supabase/postgres.ts';
import { createProject } from '../../local-supabase/project.ts';
import { inventWork, startOpenAlexServer } from '../../test/support/openalex-server.ts';

const [image = '', base = ''] = process.argv.slice(2);
const size = (name: string) =>
  Number(execFileSync('podman', ['image', 'inspect', '--format', '{{.Size}}', name], { encoding: 'utf8' }));
const added = Math.round((size(image) - size(base)) / 1e6);

const handlers = mkdtempSync(join(tmpdir(), 'cloud-jobs-container-'));
writeFileSync(join(handlers, 'who.mjs'), 'export default () => ({ uid: process.getuid() });\n');
writeFileSync(
  join(handlers, 'slow.mjs'),
  'export default () => new Promise((end) => setTimeout(end, 600_000));\n',
);
execFileSync('chmod', ['-R', 'a+rX', handlers]);

const postgres = await startPostgres();
const project = await createProject(postgres);
const openAlex = await startOpenAlexServer({ works: [inventWork(1)] });
const sql = (text: string) => runSql(project.adminUrl, text);
const statusOf = async (name: string) => {
  const [job] = await sql(`select status, current_retries from cloud_jobs where name = '${name}'`);
  return job?.status === 'waiting' ? `waiting, retry ${job.current_retries}` : job?.status;
};

const started: ChildProcess[] = [];
function run(args: string[], variables: Record<string, string> = {}): ChildProcess {
  const env = {
    SUPABASE_URL: project.url,
    SUPABASE_SECRET_KEY: project.secretKey,
    CLOUD_JOBS_OPENALEX_URL: openAlex.url,
    OPENALEX_API_KEY: 'a-key',
    ...variables,
  };
  const child = spawn(
    'podman',
    [
      // runc, where it is there: crun knows no mixed control groups.
      ...(existsSync('/usr/sbin/runc') ? ['--runtime=runc', '--cgroup-manager=cgroupfs'] : []),
      ...['run', '--rm', '--network=host', '--read-only', '--cap-drop=all'],
      ...['--security-opt=no-new-privileges', '--tmpfs=/tmp'],
      ...['--ulimit=nofile=1024:1024', '--ulimit=nproc=1000:1000'],
      `--volume=${handlers}:/handlers:ro`,
      ...Object.entries(env).map(([name, value]) => `--env=${name}=${value}`),
      ...[image, ...args],
    ],
    { stdio: 'inherit' },
  );
  started.push(child);
  return child;
}

async function until(look: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; !(await look()); tries += 1) {
    if (tries > 600) throw new Error(`Waited a minute in vain for ${what}.`);
    await delay(100);
  }
}

async function end(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  return child.exitCode;
}

/** One run: a job of each type. */
async function runsEachType(): Promise<void> {
  await sql(
    `insert into cloud_jobs (name, job_type, config) values
       ('who', 'custom', '{"handler": "who"}'), ('clean', 'maintenance', '{}'),
       ('papers', 'paper_fetch', '{"keywords": ["invented"], "sources": ["openalex"], "max_papers": 1}')`,
  );
  const [code] = await once(run(['run']), 'exit');
  assert.equal(code, 0);
  for (const name of ['who', 'clean', 'papers']) assert.equal(await statusOf(name), 'success', name);
  const [row] = await sql(
    `select e.result from cloud_job_executions e join cloud_jobs j using (job_id) where j.name = 'who'`,
  );
  assert.deepEqual(row?.result, { uid: 10001 });
}

/** A worker that stays: it is healthy, takes a job that comes later, and hands back what runs on SIGTERM. */
async function staysAndHandsBack(): Promise<void> {
  const port = await freePort();
  const worker = run(['run', '--watch', '--health-port', String(port), '--grace-seconds', '12']);
  const isHealthy = () =>
    fetch(`http://127.0.0.1:${port}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(isHealthy, 'the worker to be healthy');
  await sql(
    `insert into cloud_jobs (name, job_type, config) values ('slow', 'custom', '{"handler": "slow"}')`,
  );
  await until(async () => (await statusOf('slow')) === 'locked', 'the worker to take the job');
  await end(worker);
  assert.equal(await statusOf('slow'), 'waiting, retry 0');
}

/** The dashboard: it asks for a password, and shows its page. */
async function servesDashboard(): Promise<void> {
  const port = await freePort();
  const args = ['dashboard', '--host', '0.0.0.0', '--port', String(port)];
  const [code] = await once(run(args), 'exit');
  assert.equal(code, 1, 'the dashboard started without a password');
  const dashboard = run(args, { CLOUD_JOBS_DASHBOARD_PASSWORD: 'a long password' });
  const page = () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      (reply) => reply.text(),
      () => '',
    );
  await until(async () => (await page()).includes('<script'), 'the page of the dashboard');
  await end(dashboard);
}

try {
  assert.ok(added <= 100, `The image adds ${added} MB to its base.`);
  await runsEachType();
  await staysAndHandsBack();
  await servesDashboard();
  console.log(`The container adds ${added} MB to its base, and works.`);
} finally {
  await Promise.all(started.map(end));
  await openAlex.close();
  await project.stop();
  await postgres.stop();
  rmSync(handlers, { recursive: true, force: true });
}
