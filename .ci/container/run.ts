/** Runs the image against a local project; prints what it did and ends with exit code 1 if something was wrong. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runSql } from '../../local-supabase/database.ts';
import { startPostgres } from '../../local-supabase/postgres.ts';
import { createProject } from '../../local-supabase/project.ts';

const [image = '', base = ''] = process.argv.slice(2);
const size = (name: string) =>
  Number(execFileSync('podman', ['image', 'inspect', '--format', '{{.Size}}', name], { encoding: 'utf8' }));
const added = Math.round((size(image) - size(base)) / 1e6);

const handlers = mkdtempSync(join(tmpdir(), 'cloud-jobs-container-'));
writeFileSync(join(handlers, 'who.mjs'), 'export default () => ({ uid: process.getuid() });\n', {
  mode: 0o644,
});
writeFileSync(
  join(handlers, 'slow.mjs'),
  'export default () => new Promise((end) => setTimeout(end, 60_000));\n',
);
execFileSync('chmod', ['-R', 'a+rX', handlers]);

const postgres = await startPostgres();
const project = await createProject(postgres);
const sql = (text: string) => runSql(project.adminUrl, text);
const add = (handler: string) =>
  sql(
    `insert into cloud_jobs (name, job_type, config) values ('${handler}', 'custom', '{"handler": "${handler}"}')`,
  );
const run = () =>
  spawn(
    'podman',
    [
      // runc, where it is there: crun knows no mixed control groups.
      ...(existsSync('/usr/sbin/runc') ? ['--runtime=runc', '--cgroup-manager=cgroupfs'] : []),
      'run',
      '--rm',
      '--network=host',
      '--read-only',
      '--cap-drop=all',
      '--security-opt=no-new-privileges',
      '--tmpfs=/tmp',
      '--ulimit=nofile=1024:1024',
      '--ulimit=nproc=1000:1000',
      `--volume=${handlers}:/handlers:ro`,
      `--env=SUPABASE_URL=${project.url}`,
      `--env=SUPABASE_SECRET_KEY=${project.secretKey}`,
      image,
      'run',
    ],
    { stdio: 'inherit' },
  );

try {
  await add('who');
  const [code] = await once(run(), 'exit');
  const [who] = await sql(
    `select status, (select result from cloud_job_executions) as result from cloud_jobs`,
  );
  await sql('truncate cloud_jobs, cloud_job_executions');
  await add('slow');
  const second = run();
  while ((await sql(`select from cloud_jobs where status = 'locked'`)).length === 0) {
    if (second.exitCode !== null) throw new Error('The second worker ended before it claimed the job.');
    await delay(100);
  }
  await delay(2_000);
  second.kill('SIGTERM');
  await once(second, 'exit');
  const [slow] = await sql('select status, current_retries from cloud_jobs');
  console.log(JSON.stringify({ added, code, who, slow }));
  const isRight =
    added <= 100 &&
    code === 0 &&
    who?.status === 'success' &&
    JSON.stringify(who.result) === '{"uid":10001}' &&
    slow?.status === 'waiting' &&
    slow.current_retries === 0;
  process.exitCode = isRight ? 0 : 1;
} finally {
  await project.stop();
  await postgres.stop();
  rmSync(handlers, { recursive: true, force: true });
}
