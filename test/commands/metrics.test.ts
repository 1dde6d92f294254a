import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metrics as command } from '../../src/commands/metrics.ts';
import { serveHealth } from '../../src/hosts/health.ts';
import type { MetricsReply } from '../../src/queue/control-replies.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import { OPEN_METRICS_TYPE, openMetrics } from '../../src/text/open-metrics.ts';
import { queueOf } from '../sql/support.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
let ask: () => Promise<MetricsReply>;
beforeAll(async () => {
  project = await startTestProject();
  const { queue } = openQueue({ url: project.url, key: project.secretKey }, 'test');
  ask = () => queue.metrics();
});
afterAll(() => project?.stop());

/** The samples of a text, by series. @throws Error on a line that OpenMetrics does not allow */
function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines.pop() !== '# EOF') throw new Error('It does not end with # EOF.');
  const series = /^cloud_jobs_\w+(\{\w+="(?:[^"\\\n]|\\[\\"n])*"(?:,\w+="(?:[^"\\\n]|\\[\\"n])*")*\})?$/;
  for (const line of lines) {
    if (/^# (TYPE|HELP|UNIT) cloud_jobs_\w+ .+$/.test(line)) continue;
    const at = line.lastIndexOf(' ');
    const [name, value] = [line.slice(0, at), Number(line.slice(at + 1))];
    if (!series.test(name) || Number.isNaN(value) || samples.has(name))
      throw new Error(`A wrong line: ${line}`);
    samples.set(name, value);
  }
  return samples;
}
const now = async () => samplesOf(openMetrics(await ask()));

describe('metrics', () => {
  it('count jobs by queue, type and state', async () => {
    const q = queueOf(project);
    const key = { concurrency_key: `k-${q.queue}` };
    await q.add({}, { job_type: 'maintenance' }, { delay_seconds: 600 }, key, key);
    const failed = await q.addOne({ max_retries: 0, priority: -5 });
    const job = await q.take('w');
    expect(job.job_id).toBe(failed);
    await q.end('w', job.execution_id, 'failure', { error: 'x' });
    const { jobs } = await q.claim('w', 10);
    expect(jobs).toHaveLength(3);
    const samples = await now();
    const count = (state: string, type = 'custom') =>
      samples.get(`cloud_jobs_jobs{queue="${q.queue}",job_type="${type}",state="${state}"}`);
    expect([
      count('due'),
      count('scheduled'),
      count('blocked'),
      count('running'),
      count('failed'),
      count('running', 'maintenance'),
    ]).toEqual([0, 1, 1, 2, 1, 1]);
    expect(
      samples.get(`cloud_jobs_recent_attempts{queue="${q.queue}",job_type="custom",outcome="error"}`),
    ).toBe(1);
    expect(samples.get('cloud_jobs_workers')).toBeGreaterThan(0);
  });

  it('say how long the oldest due job has waited', async () => {
    const q = queueOf(project);
    await q.add({ run_at: new Date(Date.now() - 3_600_000).toISOString() }, {});
    const age = (await now()).get(`cloud_jobs_oldest_due_seconds{queue="${q.queue}",job_type="custom"}`);
    expect(age).toBeGreaterThan(3590);
    expect(age).toBeLessThan(3700);
  });

  it('give no age to a queue in which nothing is due', async () => {
    const q = queueOf(project);
    await q.add({ delay_seconds: 600 });
    const samples = await now();
    expect(samples.get(`cloud_jobs_jobs{queue="${q.queue}",job_type="custom",state="scheduled"}`)).toBe(1);
    expect(samples.has(`cloud_jobs_oldest_due_seconds{queue="${q.queue}",job_type="custom"}`)).toBe(false);
  });

  it('have histograms of the time that first attempts waited and ran', async () => {
    const q = queueOf(project);
    await q.add(
      { run_at: new Date(Date.now() - 30_000).toISOString() },
      { run_at: new Date(Date.now() - 400_000).toISOString() },
    );
    for (const seconds of [0.25, 7]) {
      const job = await q.take('w');
      await q.end('w', job.execution_id, 'success', { duration_seconds: seconds });
    }
    const samples = await now();
    const labels = `queue="${q.queue}",job_type="custom"`;
    const bucket = (kind: string, le: string) =>
      samples.get(`cloud_jobs_recent_${kind}_seconds_bucket{${labels},le="${le}"}`);
    expect(['15.0', '60.0', '300.0', '900.0', '+Inf'].map((le) => bucket('wait', le))).toEqual([
      0, 1, 1, 2, 2,
    ]);
    expect(['0.1', '0.5', '5.0', '15.0', '+Inf'].map((le) => bucket('run', le))).toEqual([0, 1, 1, 2, 2]);
    expect(samples.get(`cloud_jobs_recent_run_seconds_gsum{${labels}}`)).toBeCloseTo(7.25);
    expect(samples.get(`cloud_jobs_recent_run_seconds_gcount{${labels}}`)).toBe(2);
  });

  it('name the queues that are paused', async () => {
    const q = queueOf(project);
    await project.sql(`select cloud_jobs_set_queue($1, '{"paused": true}')`, [q.queue]);
    expect((await now()).get(`cloud_jobs_queue_paused{queue="${q.queue}"}`)).toBe(1);
  });

  it('read the same number of pages however long the history is', async () => {
    const pages = async () => {
      const [row] = await project.sql<{ 'QUERY PLAN': [{ Plan: { 'Shared Hit Blocks': number } }] }>(
        'explain (analyze, buffers, format json) select cloud_jobs_metrics()',
      );
      return row?.['QUERY PLAN'][0].Plan['Shared Hit Blocks'] ?? Number.NaN;
    };
    await pages();
    const before = await pages();
    await project.sql(`
      insert into cloud_jobs (job_id, name, job_type, status, finished_at)
      select 'h-' || n, 'h', 'custom', 'success', now() - interval '2 d' from generate_series(1, 100000) n;
      insert into cloud_job_executions (execution_id, job_id, status, started_at, finished_at)
      select 'e-' || n, 'h-' || n, 'success', now() - interval '2 d', now() - interval '2 d' from generate_series(1, 100000) n;
      analyze cloud_jobs; analyze cloud_job_executions`);
    await pages();
    expect(await pages()).toBeLessThan(before * 1.5 + 200);
  });

  it('are what the command prints, as OpenMetrics text', async () => {
    const text = command.text({ command: 'metrics', reply: await ask() }, new Date(), 80);
    expect(() => samplesOf(`${text}\n`)).not.toThrow();
    expect(text).toContain('# TYPE cloud_jobs_recent_wait_seconds gaugehistogram');
  });
});

it('a label keeps quotes, backslashes and line breaks', async () => {
  const reply = await ask();
  const queue = 'a"b\\c\nd';
  const text = openMetrics({ ...reply, jobs: [], attempts: [], times: [], paused: [queue] });
  expect([...samplesOf(text).keys()]).toContain('cloud_jobs_queue_paused{queue="a\\"b\\\\c\\nd"}');
});

describe('the health port of a worker', () => {
  it('offers metrics, and makes them once for many who ask', async () => {
    let made = 0;
    await using health = await serveHealth(0, {
      metrics: async () => {
        made += 1;
        return openMetrics(await ask());
      },
    });
    const get = () => fetch(`http://127.0.0.1:${health.port}/metrics`);
    const [first] = await Promise.all([get(), get(), get()]);
    expect(first?.headers.get('content-type')).toBe(OPEN_METRICS_TYPE);
    expect(samplesOf((await first?.text()) ?? '').size).toBeGreaterThan(0);
    expect(made).toBe(1);
  });

  it('answers 503 with the reason if the database cannot be asked', async () => {
    await using health = await serveHealth(0, { metrics: () => Promise.reject(new Error('no answer')) });
    const response = await fetch(`http://127.0.0.1:${health.port}/metrics`);
    expect([response.status, await response.text()]).toEqual([503, 'no answer\n']);
  });
});
