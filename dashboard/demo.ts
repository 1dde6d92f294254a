/** `npm run dashboard`: the dashboard on a local Supabase project with made-up data. `--no-open` only prints the address. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { runSql } from '../local-supabase/database.ts';
import { startPostgres } from '../local-supabase/postgres.ts';
import { createProject } from '../local-supabase/project.ts';
import { describeConfigs } from '../src/handlers/index.ts';
import { openQueue } from '../src/queue/open-queue.ts';
import { VERSION } from '../src/version.ts';
import { serveDashboard } from './server/serve.ts';

const here = new URL('./', import.meta.url);
if (!existsSync(new URL('built/index.html', here))) {
  console.log('Building the page ...');
  execFileSync('npm', ['run', '--silent', 'build:dashboard'], {
    cwd: fileURLToPath(new URL('../', here)),
    stdio: 'inherit',
  });
}
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());

console.log('Starting Postgres and PostgREST ...');
const postgres = await startPostgres();
const project = await createProject(postgres, {});
try {
  await runSql(project.adminUrl, readFileSync(new URL('demo-data.sql', here), 'utf8'));
  await serveDashboard({
    queue: openQueue({ url: project.url, key: project.secretKey }, VERSION).queue,
    describeConfigs: () =>
      describeConfigs({
        folder: fileURLToPath(new URL('../examples/handlers', here)),
        env: { PATH: process.env.PATH },
        hostScript: new URL('../src/handlers/custom/host.ts', here),
        scratchDir: tmpdir(),
      }),
    readOnly: process.argv.includes('--read-only'),
    password: null,
    userHeader: null,
    host: '127.0.0.1',
    port: Number(process.env.PORT ?? 0),
    open: !process.argv.includes('--no-open'),
    pageDir: fileURLToPath(new URL('built', here)),
    version: VERSION,
    print: (line) => console.log(line),
    stop: stop.signal,
  });
} finally {
  await project.stop();
  await postgres.stop();
}
