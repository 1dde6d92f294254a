import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { onConnections, queueOf, STRANDED, value } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());
beforeEach(() => project.sql('truncate cloud_jobs cascade'));
const queue = () => queueOf(project, 'default');

interface Claimed {
  readonly jobs: {
    readonly job_id: string;
    readonly execution_id: string;
    readonly concurrency_key: string | null;
  }[];
  readonly more: boolean;
  readonly expired: number;
}
const claim = (client: pg.Client, instance: string, limit = 1, request: string | null = null) =>
  value<Claimed>(client, 'select cloud_jobs_claim($1, $2, request_id_param => $3)', [
    instance,
    limit,
    request,
  ]);
const enqueue = async (client: pg.Client, ...items: object[]) =>
  (
    await value<{ jobs: { job_id: string; created: boolean }[] }>(client, 'select cloud_jobs_enqueue($1)', [
      JSON.stringify(items.map((item) => ({ name: 'j', job_type: 'custom', ...item }))),
    ])
  ).jobs;

it('eight connections do everything at once without a deadlock or a loss', async () => {
  const problems: unknown[] = [];
  const until = performance.now() + 4_000;
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(Math.random() * from.length)];
  const work = async (client: pg.Client, index: number) => {
    const instance = `w${index}`;
    let held: Claimed['jobs'] = [];
    while (performance.now() < until) {
      const known = await value<string[]>(
        client,
        `select coalesce(array_agg(job_id), '{}') from (select job_id from cloud_jobs order by random() limit 3) j`,
      );
      const job = pick(known) ?? 'none';
      const key = () => pick(['a', 'b', 'c', undefined, undefined]);
      const batch = () =>
        Array.from({ length: 1 + Math.floor(Math.random() * 6) }, () => ({
          concurrency_key: key(),
          unique_key: pick(['u', 'v', 'x', undefined, undefined]),
          priority: Math.floor(Math.random() * 3),
        }));
      const outcomes = ['success', 'success', 'failure', 'snooze', 'release', 'discard'];
      const ends = () =>
        JSON.stringify(
          held
            .map(({ execution_id }) => ({ execution_id, outcome: pick(outcomes) }))
            .sort(() => Math.random() - 0.5),
        );
      const steps: (() => Promise<unknown>)[] = [
        () => enqueue(client, ...batch()),
        () => enqueue(client, ...batch()),
        async () => {
          held = [...held, ...(await claim(client, instance, 5)).jobs];
        },
        async () => {
          const next = JSON.stringify({ limit: 4, request_id: randomUUID() });
          held = (
            await value<{ claim: Claimed }>(client, 'select cloud_jobs_finish($1, $2, $3)', [
              instance,
              ends(),
              next,
            ])
          ).claim.jobs;
        },
        async () => {
          await client.query('select cloud_jobs_finish($1, $2)', [instance, ends()]);
          held = [];
        },
        () => client.query('select cloud_jobs_renew($1, $2)', [instance, ends()]),
        () =>
          client.query(`select cloud_jobs_${pick(['cancel', 'retry', 'disable', 'enable', 'delete'])}($1)`, [
            job,
          ]),
        () =>
          client.query(
            `update cloud_jobs set lock_expires_at = now() - interval '1 s' where job_id = $1 and status = 'locked'`,
            [job],
          ),
        () => client.query('select release_expired_locks()'),
        () => client.query('select cloud_jobs_prune(0, 0, 20)'),
        () => client.query(`update cloud_jobs set run_at = now() where job_id = $1`, [job]),
      ];
      try {
        await pick(steps)?.();
      } catch (error) {
        problems.push(error);
      }
    }
  };
  await onConnections(project.adminUrl, 8, (clients) => Promise.all(clients.map(work)));
  expect(problems).toEqual([]);
  expect(await project.sql(STRANDED)).toEqual([]);
  const [books] = await project.sql(`select
    (select count(*)::int from cloud_jobs where (status = 'locked') <> (locked_execution_id is not null)) as lock_without_execution,
    (select count(*)::int from cloud_job_executions e where status = 'running' and not exists (
      select from cloud_jobs j where j.locked_execution_id = e.execution_id)) as execution_without_lock,
    (select count(*)::int from cloud_jobs where (status = 'locked') <> (locked_by is not null)) as half_locked,
    (select count(*)::int from cloud_jobs where (status in ('success', 'failed')) <> (finished_at is not null) and status <> 'disabled') as half_finished`);
  expect(books).toEqual({
    lock_without_execution: 0,
    execution_without_lock: 0,
    half_locked: 0,
    half_finished: 0,
  });
  // And then it all drains.
  await project.sql(`update cloud_jobs set lock_expires_at = now() - interval '1 s' where status = 'locked'`);
  await project.sql('select release_expired_locks()');
  await project.sql(`update cloud_jobs set run_at = now() where status = 'waiting'`);
  for (let round = 0; ; round += 1) {
    const reply = await queue().claim('drain', 1000);
    await queue().finish(
      'drain',
      reply.jobs.map(({ execution_id }) => ({ execution_id, outcome: 'success' })),
    );
    if (reply.jobs.length === 0 && !reply.more) break;
    expect(round).toBeLessThan(2000);
  }
  expect(await project.sql(`select status from cloud_jobs where status in ('waiting', 'locked')`)).toEqual(
    [],
  );
});
