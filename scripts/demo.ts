/**
 * `npm start`: the main job on an embedded real stack. Creates three jobs through the packaged action, runs them as
 * GitHub would, and prints list, summary and statistics. Ends by itself. `--live` asks the real arXiv.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../local-supabase/postgres.ts';
import { createProject } from '../local-supabase/project.ts';
import { startArxivServer } from '../test/support/arxiv/server.ts';
import { runStep } from '../test/support/runner/step.ts';
import { plainPage } from './demo/plain-page.ts';

const live = process.argv.includes('--live');
const say = (text: string): void => console.log(text);
const folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-demo-'));
const handlers = join(folder, 'handlers');
mkdirSync(handlers);
writeFileSync(
  join(handlers, 'hello.mjs'),
  `export default async (config, context) => {
  console.log('Hello, ' + config.who + '! This is attempt ' + context.attempt + '.');
  return { greeted: config.who };
};
`,
);

say('Starting Postgres and PostgREST ...');
const postgres = await startPostgres();
const project = await createProject(postgres, {});
const arxiv = live ? null : await startArxivServer();
let failed = false;

/** One step of a workflow, as GitHub would run it. @returns its job summary */
async function step(inputs: Record<string, string>): Promise<string> {
  say(`\n$ uses: cloud-jobs   with: ${JSON.stringify(inputs)}`);
  const { code, summary } = await runStep(
    { 'supabase-url': project.url, 'supabase-key': project.secretKey, ...inputs },
    arxiv ? { CLOUD_JOBS_ARXIV_URL: arxiv.url } : {},
    // GitHub hides the key; here there is no runner, so this line is left out.
    (line) => (line.startsWith('::add-mask::') ? undefined : say(line)),
  );
  if (code !== 0) {
    failed = true;
    say(`(exit code ${code})`);
  }
  return summary;
}

try {
  await step({
    command: 'create',
    name: 'First Test Job',
    'job-type': 'paper_fetch',
    config: JSON.stringify({ keywords: ['retrieval', 'agents', 'graphs'], days_back: 30, max_papers: 50 }),
  });
  await step({
    command: 'create',
    name: 'Nightly cleanup',
    'job-type': 'maintenance',
    config: '{"cleanup_days": 30}',
  });
  await step({
    command: 'create',
    name: 'Say hello',
    'job-type': 'custom',
    config: '{"handler": "hello", "who": "world"}',
  });
  await step({ command: 'list' });
  const summary = await step({ command: 'run', handlers });
  say('\n---- the job summary of that run, which GitHub shows on its page ----\n');
  say(plainPage(summary));
  await step({ command: 'stats' });
} finally {
  await arxiv?.close();
  await project.stop();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}

say(
  failed
    ? '\nSomething failed: see above.'
    : `
Every job above was claimed, executed and recorded by dist/index.js, the file that GitHub runs.
Next: npm run stack keeps a stack running to play with; README.md sets up your own project in five minutes.`,
);
process.exitCode = failed ? 1 : 0;
