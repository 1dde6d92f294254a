/** A daily job against an arXiv that throttles for five days, on the clock of a real database. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ClaimedJob } from '../../../src/queue/job.ts';
import type { Json } from '../../../src/queue/types.ts';
import { throttled } from '../../support/arxiv-server.ts';
import { type ClockProject, startClockProject } from '../../support/clock.ts';
import { realStore, testContext } from './harness.ts';
import { startScene } from './scene.ts';

const START = Date.parse('2026-11-02T06:00:30Z');
const HOUR = 3_600_000;
const config = { keywords: ['invented'] };

let project: ClockProject;
let now = START;
beforeAll(async () => {
  project = await startClockProject();
  // The Data API reads the functions a moment after they were created.
  await vi.waitFor(() => realStore(project).queryState('none'), { timeout: 30_000, interval: 200 });
});
afterAll(() => project?.stop());

/** Claims what is due, runs it as a worker does, and records how it ended. */
async function tick(run: (job: ClaimedJob) => Promise<Readonly<Record<string, Json>>>): Promise<void> {
  await project.setClock(now);
  const claim = `select cloud_jobs_claim('worker', 1, '{default}', '{paper_fetch}') as reply`;
  const [row] = await project.sql<{ reply: { jobs: ClaimedJob[] } }>(claim);
  for (const job of row?.reply.jobs ?? []) {
    const item = { execution_id: job.execution_id, ...(await run(job)) };
    await project.sql(`select cloud_jobs_finish('worker', $1)`, [JSON.stringify([item])]);
  }
}

describe('a daily job', () => {
  it('fails each day that arXiv throttles, and says since when nothing came', async () => {
    await project.setClock(START);
    await project.sql(
      `select cloud_jobs_create('Papers', 'paper_fetch', $1, schedule_param => '0 6 * * *', run_at_param => clock.now())`,
      [JSON.stringify(config)],
    );
    await using scene = await startScene(realStore(project), {
      config,
      arxiv: { faultFor: () => throttled(429) },
      deps: { now: () => new Date(now) },
    });
    for (; now < START + 5 * 24 * HOUR; now += HOUR) {
      await tick(async (job) => {
        const outcome = await scene.run(testContext(config, job.created_at, job));
        if (outcome.outcome === 'snooze')
          return { outcome: 'snooze', delay_seconds: outcome.seconds, error: outcome.reason };
        if (outcome.outcome !== 'failure') throw new Error(JSON.stringify(outcome));
        return { outcome: 'failure', error: outcome.message, delay_seconds: outcome.retryInSeconds ?? null };
      });
    }
    const executions = await project.sql<{ occurrence: number; failure_kind: string; error_message: string }>(
      `select occurrence, failure_kind, error_message from cloud_job_executions order by started_at, execution_id`,
    );
    const failed = executions.filter((each) => each.failure_kind === 'error');
    expect(new Set(failed.map((each) => each.occurrence)).size).toBeGreaterThanOrEqual(3);
    expect(failed[0]?.error_message).toMatch(
      /^arXiv throttles this machine .*The occurrence of 2026-11-02 06:00 UTC was put off until now and counts as failed \(3 retries are left out: the next occurrence is due at 2026-11-03 06:00 UTC\.\)$/,
    );
    expect(failed.at(-1)?.error_message).toMatch(/since the job was created on 2026-11-02 \(\d days ago\)/);
    const [job] = await project.sql('select status, occurrence from cloud_jobs');
    expect(job?.status).toBe('waiting');
    expect(Number(job?.occurrence)).toBeGreaterThanOrEqual(3);
  });
});

describe('an occurrence', () => {
  const hoursAgo = (hours: number) => new Date(START - hours * HOUR).toISOString();
  it.each<[string, Partial<ClaimedJob>, string]>([
    ['put off for 5 hours is put off again', { schedule: '0 6 * * *', scheduled_for: hoursAgo(5) }, 'snooze'],
    ['put off for 21 hours fails', { schedule: '0 6 * * *', scheduled_for: hoursAgo(21) }, 'failure'],
    ['of a job without a schedule is put off again', { scheduled_for: hoursAgo(100) }, 'snooze'],
  ])('%s', async (_name, job, outcome) => {
    await using scene = await startScene(realStore(project), {
      config,
      arxiv: { faultFor: () => throttled(429) },
      deps: { now: () => new Date(START) },
    });
    expect(await scene.run(testContext(config, hoursAgo(1), job))).toMatchObject({ outcome });
  });
});
