import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, queueOf } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

describe('the retry delay of a job', () => {
  /** The seconds from each failure to the next attempt. */
  async function waits(item: Record<string, unknown>, failures: number, asked?: number): Promise<number[]> {
    const q = queueOf(project);
    const id = await q.addOne({ max_retries: failures, ...item });
    const seen: number[] = [];
    for (let n = 0; n < failures; n += 1) {
      const { execution_id: execution } = await q.take('w');
      await q.end('w', execution, 'failure', asked === undefined ? {} : { delay_seconds: asked });
      seen.push((await q.job(id)).due_in as number);
      await project.sql('update cloud_jobs set run_at = now() where job_id = $1', [id]);
    }
    return seen;
  }
  const about = (seconds: number[], expected: number[]) => {
    expect(seconds).toHaveLength(expected.length);
    for (const [n, each] of expected.entries()) {
      expect(seconds[n]).toBeLessThanOrEqual(each);
      expect(seconds[n]).toBeGreaterThan(each - 20);
    }
  };

  it('is the same each time without a factor', async () => {
    about(await waits({ retry_delay_seconds: 600 }, 3), [600, 600, 600]);
    about(await waits({ retry_delay_seconds: 0 }, 2), [0, 0]);
  });

  it('grows by the factor, up to a day or itself', async () => {
    about(await waits({ retry_delay_seconds: 100, retry_factor: 3 }, 3), [100, 300, 900]);
    about(await waits({ retry_delay_seconds: 10_000, retry_factor: 10 }, 2), [10_000, 86_400]);
    about(await waits({ retry_delay_seconds: 100_000, retry_factor: 10 }, 2), [100_000, 100_000]);
  });

  it('comes before that of its handler', async () => {
    about(await waits({ retry_delay_seconds: 600 }, 1, 7), [600]);
    about(await waits({}, 1, 700), [700]);
  });

  it('leaves a snooze and the first lost lock as they are', async () => {
    const q = queueOf(project);
    const id = await q.addOne({ retry_delay_seconds: 86_400 });
    const first = await q.take('w');
    await q.end('w', first.execution_id, 'snooze', { delay_seconds: 60 });
    expect((await q.job(id)).due_in).toBeLessThanOrEqual(60);
    await project.sql('update cloud_jobs set run_at = now() where job_id = $1', [id]);
    await q.take('w');
    await q.expire(id);
    await project.sql('select release_expired_locks()');
    expect((await q.job(id)).due_in).toBeLessThanOrEqual(0);
  });

  it('stays within its bounds at any number of retries', async () => {
    const [row] = await project.sql('select cloud_jobs_retry_seconds(31536000, 10, 9999) as most');
    expect(row).toEqual({ most: 31_536_000 });
  });

  it.each([
    [{ retry_delay_seconds: -1 }, 'retry_delay_seconds that is not a whole number'],
    [{ retry_delay_seconds: 1.5 }, 'retry_delay_seconds that is not a whole number'],
    [{ retry_delay_seconds: '60' }, 'retry_delay_seconds that is not a whole number'],
    [{ retry_delay_seconds: 31_536_001 }, 'retry_delay_seconds that is not a whole number'],
    [{ retry_delay_seconds: 60, retry_factor: 0.5 }, 'retry_factor that is not a number from 1 to 10'],
    [{ retry_delay_seconds: 60, retry_factor: 11 }, 'retry_factor that is not a number from 1 to 10'],
    [{ retry_delay_seconds: 60, retry_factor: 1e300 }, 'retry_factor that is not a number from 1 to 10'],
    [{ retry_factor: 2 }, 'retry_factor without a retry_delay_seconds'],
  ])('%j is refused', async (item, words) => {
    await expect(queueOf(project).addOne(item)).rejects.toThrow(words);
  });

  it('is refused from a plain insert too if it is out of bounds', async () => {
    for (const [delay, factor] of [
      [-1, 1],
      [60, 0.5],
      [60, 'NaN'],
      [60, 'Infinity'],
      [null, 2],
    ]) {
      const insert = project.sql(
        `insert into cloud_jobs (name, job_type, retry_delay_seconds, retry_factor) values ('x', 'custom', $1, $2)`,
        [delay, factor],
      );
      await expect(insert, `${delay} ${factor}`).rejects.toThrow('cloud_jobs_retry_policy');
    }
  });

  it('can be changed, taken away and applied', async () => {
    const q = queueOf(project);
    const id = await q.addOne();
    const update = (changes: object) =>
      call(project, 'cloud_jobs_update', { job_id_param: id, changes_param: changes });
    await update({ retry_delay_seconds: 60, retry_factor: 2 });
    expect(await q.job(id)).toMatchObject({ retry_delay_seconds: 60, retry_factor: 2 });
    await update({ retry_factor: 3 });
    expect(await q.job(id)).toMatchObject({ retry_delay_seconds: 60, retry_factor: 3 });
    await update({ retry_delay_seconds: null });
    expect(await q.job(id)).toMatchObject({ retry_delay_seconds: null, retry_factor: null });
    const item = { name: 'x', job_type: 'custom', unique_key: 'x', schedule: '@daily', queue: q.queue };
    const apply = async (more: object) =>
      (await call(project, 'cloud_jobs_apply', {
        source_param: q.queue,
        items_param: [{ ...item, ...more }],
      })) as { jobs: { action: string; changes: object }[] };
    await apply({ retry_delay_seconds: 60, retry_factor: 1.5 });
    expect((await apply({ retry_delay_seconds: 60, retry_factor: 1.5 })).jobs[0]).toMatchObject({
      action: 'unchanged',
    });
    expect((await apply({})).jobs[0]).toMatchObject({
      action: 'update',
      changes: { retry_delay_seconds: [60, null], retry_factor: [1.5, null] },
    });
  });
});
