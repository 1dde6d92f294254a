/** The lines of examples/systemd, run as cron and systemd run them; an installation is played by a folder. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queueOf } from '../sql/support.ts';
import { CLI, projectVariables } from '../support/command-line.ts';
import { until } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { makeWorkspace, type Workspace } from '../support/workspace.ts';

const example = (name: string): string =>
  readFileSync(new URL(`../../examples/systemd/${name}`, import.meta.url), 'utf8');

let project: TestProject;
let place: Workspace;
beforeAll(async () => {
  project = await startTestProject();
  const variables = Object.entries(projectVariables(project)).map(([name, value]) => `${name}=${value}`);
  place = makeWorkspace({
    'cloud-jobs.env': `${variables.join('\n')}\n`,
    'opt/handlers/wait.mjs': 'export default ({ ms }) => new Promise((resolve) => setTimeout(resolve, ms));',
    '*opt/node_modules/.bin/cloud-jobs': `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`,
  });
});
afterAll(async () => {
  await project?.stop();
  place?.remove();
});

/** A line of an example, with the paths of this machine. */
const here = (line: string): string =>
  line
    .replaceAll('/opt/cloud-jobs', place.path('opt'))
    .replaceAll('/etc/cloud-jobs.env', place.path('cloud-jobs.env'));
const PATH = '/usr/local/bin:/usr/bin:/bin';

describe.skipIf(process.platform === 'win32' || spawnSync('flock', ['--version']).status !== 0)(
  'cron',
  () => {
    const [, line = ''] = /^\*\/5 \* \* \* \* (.*)$/m.exec(example('crontab')) ?? [];
    const run = async () => {
      const shell = spawn('/bin/sh', ['-c', here(line)], {
        env: { PATH, HOME: place.folder },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let printed = '';
      for (const stream of [shell.stdout, shell.stderr])
        stream.on('data', (chunk: Buffer) => {
          printed += chunk;
        });
      await once(shell, 'close');
      return printed;
    };

    it('runs what is due with the variables of the file, prints nothing, and logs', async () => {
      const id = await queueOf(project, 'default').addOne({ config: { handler: 'wait', ms: 0 } });
      expect(await run()).toBe('');
      expect(await queueOf(project, 'default').job(id)).toMatchObject({ status: 'success' });
      expect(place.read('cloud-jobs.log')).toContain('1 succeeded');
    });

    it('prints where to look if a job failed for good', async () => {
      await queueOf(project, 'default').addOne({ config: { handler: 'none' }, max_retries: 0 });
      expect(await run()).toBe(`A run of cloud-jobs failed: see ${place.path('cloud-jobs.log')}\n`);
    });

    it('does nothing beside a run that goes on', async () => {
      const q = queueOf(project, 'default');
      const id = await q.addOne({ config: { handler: 'wait', ms: 0 } });
      const other = spawn('flock', [place.path('opt'), 'cat'], { stdio: ['pipe', 'ignore', 'ignore'] });
      await until(async () => spawnSync('flock', ['-n', place.path('opt'), 'true']).status !== 0, 20);
      expect(await run()).toBe('');
      expect(await q.job(id)).toMatchObject({ status: 'waiting' });
      other.stdin.end();
      await once(other, 'exit');
    });
  },
);

describe.skipIf(process.platform === 'win32')('systemd', () => {
  it('stops the worker by a signal to its main process, and the job goes back', async () => {
    const q = queueOf(project, 'default');
    await project.sql('truncate cloud_jobs cascade');
    const id = await q.addOne({ config: { handler: 'wait', ms: 600_000 } });
    const [, command = ''] = /^ExecStart=(.*)$/m.exec(example('cloud-jobs.service')) ?? [];
    const [program = '', ...args] = here(command).split(' ');
    const worker = spawn(program, args, {
      cwd: place.path('opt'),
      env: { PATH, ...projectVariables(project) },
      stdio: 'ignore',
    });
    const ended = once(worker, 'exit');
    await until(async () => (await q.job(id)).status === 'locked', 60);
    // The second one ends the time that jobs have to end by themselves.
    worker.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 200));
    worker.kill('SIGTERM');
    await ended;
    expect(await q.job(id)).toMatchObject({ status: 'waiting', current_retries: 0, locked_by: null });
  });
});
