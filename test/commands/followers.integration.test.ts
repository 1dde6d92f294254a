/** `after` in a jobs file: read, applied, and worked. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyRows } from '../../src/commands/apply-words.ts';
import { readJobsFile } from '../../src/commands/jobs-file.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { openWorkshop } from '../worker/workshop.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

/** A jobs file of jobs in flow style: `fetch: { schedule: '@daily' }`. */
const read = (jobs: Readonly<Record<string, string>>) => {
  const lines = Object.entries(jobs).map(
    ([key, more]) => `  ${key}: { job-type: custom, config: { handler: h }, ${more} }`,
  );
  return readJobsFile(Buffer.from(`jobs:\n${lines.join('\n')}\n`), 'jobs.yml', (text) => text);
};
const ROOT = `schedule: '0 3 * * *'`;

describe('after in a jobs file', () => {
  it('puts jobs under the recurring one, each behind those that it comes after', () => {
    const { recurring, problems } = read({
      publish: 'after: [merge, fetch], on-parent-failure: run',
      merge: 'after: fetch, name: Merge it',
      fetch: ROOT,
      other: ROOT,
    });
    expect(problems).toEqual([]);
    expect(recurring).toMatchObject([
      {
        unique_key: 'fetch',
        followers: [
          { ref: 'merge', name: 'Merge it', depends_on: [], after_root: true },
          { ref: 'publish', depends_on: ['merge'], after_root: true, on_parent_failure: 'run' },
        ],
      },
      { unique_key: 'other' },
    ]);
    expect(recurring[0]?.followers?.[0]).not.toHaveProperty('unique_key');
  });

  it.each([
    [
      { a: ROOT, b: 'after: [fech]', fetch: ROOT },
      'b (line 3): its after names "fech", which is no job of the file. Did you mean fetch?',
    ],
    [{ b: 'after: [b]' }, 'b (line 2): its after goes in a circle: b → b'],
    [
      { a: 'after: [c]', b: 'after: [a]', c: 'after: [b]' },
      'a (line 2): its after goes in a circle: a → c → b → a',
    ],
    [
      { a: ROOT, b: ROOT, c: 'after: [a, b]' },
      'c (line 4): its after leads to jobs with schedules of their own: a, b.',
    ],
    [
      { a: ROOT, b: ROOT, c: 'after: [a]', d: 'after: [c, b]' },
      'd (line 5): its after leads to jobs with schedules of their own: a, b.',
    ],
    [{ a: ROOT, b: `after: [a], ${ROOT}` }, 'b (line 3): it has both after and schedule'],
    [{ a: ROOT, b: 'after: [a], depends-on: x' }, 'b (line 3): it has both after and depends-on'],
    [{ a: ROOT, b: 'after: [a, a]' }, 'b (line 3): its after names a job twice'],
    [{ a: ROOT, b: 'after: []' }, 'b (line 3): its after is no list of keys'],
    [{ a: ROOT, b: 'after: [3]' }, 'b (line 3): its after is no list of keys'],
    [{ a: ROOT, b: 'after: [a], on-parent-failure: wait' }, 'b (line 3): its on-parent-failure is wait'],
    [{ a: ROOT, b: 'after: [a], on-parent-failure: no' }, 'b (line 3): its on-parent-failure is "no"'],
    [
      { '"a.b"': ROOT, b: 'after: [a.b]' },
      'b (line 3): its after names "a.b": the key of a job that others come after',
    ],
    [{ a: 'priority: 1' }, 'a (line 2): it has no schedule, and no after'],
  ] as const)('is refused with its place: %j', (jobs, message) => {
    expect(read(jobs as Readonly<Record<string, string>>).problems.join('\n')).toContain(message);
  });
});

/** Handlers, and a jobs file of them in a queue of its own. */
function scene(text: string) {
  const shop = openWorkshop(project, {
    'fetch.mjs': `export default async (config, context) => { ran('fetch'); if (config.fails) throw new Error('no'); return context.job.occurrence; };`,
    'merge.mjs': `export default async (config, { parents }) => { ran('merge'); return parents; };`,
    'report.mjs': `export default async (config, { parents }) => { ran('report'); return Object.fromEntries(Object.entries(parents).map(([ref, { status }]) => [ref, status])); };`,
  });
  const { queue } = openQueue({ url: project.url, key: project.secretKey }, 'test');
  const apply = async (jobs: string, how: { readonly dryRun?: boolean; readonly prune?: boolean } = {}) => {
    const { recurring, problems } = readJobsFile(
      Buffer.from(`jobs:\n${jobs.replaceAll('QUEUE', shop.queue)}`),
      'jobs.yml',
      (line) => line,
    );
    expect(problems).toEqual([]);
    const reply = await queue.apply(`file of ${shop.queue}`, recurring, {
      prune: false,
      dryRun: false,
      adopt: false,
      ...how,
    });
    return applyRows({ reply }, new Date()).map(({ key, action, changes }) =>
      [key, action, ...changes].join(' '),
    );
  };
  return {
    ...shop,
    text,
    apply,
    /** An occurrence comes, and a worker works until nothing is due. */
    async occur() {
      await project.sql(
        `update cloud_jobs set run_at = now(), scheduled_for = now() where queue = $1 and schedule is not null`,
        [shop.queue],
      );
      await shop.work();
    },
    states: async () =>
      (
        await project.sql<{ name: string; status: string }>(
          'select name, status from cloud_jobs where queue = $1 order by created_at, job_id',
          [shop.queue],
        )
      ).map(({ name, status }) => `${name} ${status}`),
  };
}

const FILE = `
  fetch: { job-type: custom, schedule: '0 3 1 1 *', queue: QUEUE, max-retries: 0, config: { handler: fetch } }
  merge: { job-type: custom, after: fetch, queue: QUEUE, config: { handler: merge, keep: null } }
  report: { job-type: custom, after: [fetch, merge], on-parent-failure: run, queue: QUEUE, config: { handler: report } }
`;

describe('jobs with after', () => {
  it('run once after each occurrence, with the result of that occurrence', async () => {
    const s = scene(FILE);
    expect(await s.apply(s.text)).toEqual(['fetch create']);
    await s.occur();
    await s.occur();
    expect(s.ran()).toBe('fetch merge report fetch merge report');
    expect(await s.states()).toEqual([
      'fetch waiting',
      ...['merge', 'report', 'merge', 'report'].map((name) => `${name} success`),
    ]);
    const merged = await project.sql<{ parents: { fetch: { result: number; status: string } } }>(
      `select e.result as parents from cloud_job_executions e join cloud_jobs j using (job_id) where j.name = 'merge' and j.queue = $1 order by e.started_at`,
      [s.queue],
    );
    expect(merged.map(({ parents }) => parents.fetch)).toMatchObject([
      { result: 1, status: 'success' },
      { result: 2, status: 'success' },
    ]);
  });

  it('are left out after an occurrence that failed, except those that run all the same', async () => {
    const s = scene(FILE.replace('handler: fetch', 'handler: fetch, fails: true'));
    await s.apply(s.text);
    await s.occur();
    expect(s.ran()).toBe('fetch report');
    const [report] = await project.sql<{ result: unknown }>(
      `select e.result from cloud_job_executions e join cloud_jobs j using (job_id) where j.name = 'report' and j.queue = $1`,
      [s.queue],
    );
    expect(report?.result).toEqual({ fetch: 'failed' });
    const [job] = await project.sql<{ parents: unknown }>(
      `select cloud_jobs_show(job_id)->'family'->'parents' as parents from cloud_jobs where name = 'report' and queue = $1`,
      [s.queue],
    );
    expect(job?.parents).toMatchObject([{ ref: 'fetch', status: 'failed' }]);
  });

  it('are planned, applied and taken away as a part of the recurring job', async () => {
    const s = scene(FILE);
    const without = FILE.replace(/ {2}report: .*\n/, '');
    await s.apply(without);
    expect(await s.apply(without)).toEqual(['fetch unchanged']);
    const change = 'fetch update after it: merge -> merge, report';
    expect(await s.apply(FILE, { dryRun: true })).toEqual([change]);
    expect(await s.apply(FILE)).toEqual([change]);
    expect(await s.apply(FILE.replace('keep: null', 'keep: 1'))).toEqual([
      'fetch update after it: merge changed',
    ]);
    expect(await s.apply(FILE.replace(/ {2}(merge|report): .*\n/g, ''), { prune: true })).toEqual([
      'fetch update after it: merge, report -> nothing',
    ]);
    await s.occur();
    expect(s.ran()).toBe('fetch');
  });

  it('are refused by the database if they could not be added, and nothing is changed', async () => {
    const s = scene(FILE);
    const { queue } = openQueue({ url: project.url, key: project.secretKey }, 'test');
    const job = { name: 'a', job_type: 'custom', unique_key: 'a', schedule: '@daily', queue: s.queue };
    const apply = (follower: object) =>
      queue.apply('x', [{ ...job, followers: [follower as never] }], {
        prune: false,
        dryRun: false,
        adopt: false,
      });
    await expect(apply({ name: 'b', job_type: 'nothing' })).rejects.toThrow(
      /A job after "a" cannot be used: The job .* job_type nothing/,
    );
    await expect(apply({ name: 'b', job_type: 'custom', depends_on: ['c'] })).rejects.toThrow(
      /depends on "c"/,
    );
    await expect(apply({ name: 'b', job_type: 'custom', schedule: '@daily' })).rejects.toThrow(
      'without a schedule',
    );
    expect(await s.states()).toEqual([]);
  });

  it('do not keep the occurrence from ending if they cannot be added', async () => {
    const s = scene(FILE);
    await s.apply(s.text);
    await project.sql(
      `update cloud_jobs set followers = '[{"name": "b", "job_type": "custom", "depends_on": ["gone"]}]' where queue = $1`,
      [s.queue],
    );
    await s.occur();
    const [root] = await project.sql('select status, error_message from cloud_jobs where queue = $1', [
      s.queue,
    ]);
    expect(root).toMatchObject({
      status: 'waiting',
      error_message: expect.stringMatching(/^The jobs after it were not added: .*"gone"/),
    });
  });

  it('are added once if every reply is lost once', async () => {
    const s = scene(FILE);
    await s.apply(s.text);
    let requests = 0;
    project.setFaults(() => {
      requests += 1;
      return requests % 2 === 1 ? { kind: 'lose-reply' } : undefined;
    });
    try {
      await s.occur();
    } finally {
      project.setFaults(undefined);
    }
    expect(await s.states()).toEqual(['fetch waiting', 'merge success', 'report success']);
  }, 60_000);
});
