import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createQueue } from '../../src/queue/queue.ts';
import type { NewJob } from '../../src/queue/requests.ts';
import { createRpc } from '../../src/queue/rpc.ts';
import type { Arena } from './arena.ts';
import type { Random } from './random.ts';

type Draw = (random: Random) => Partial<NewJob> & { do: string; ms?: number };
type Mix = readonly (readonly [weight: number, Draw])[];

const nothing: Draw = () => ({ do: 'nothing' });
const short: Draw = (random) => ({ do: 'sleep', ms: random.between(5, 200) });
const long: Draw = (random) => ({ do: 'sleep', ms: random.between(1_000, 8_000) });
/** Ends otherwise than by success, or only the second time, and costs little. */
const awkward: Draw = (random) =>
  random.pick([
    { do: 'flaky' },
    { do: 'snooze' },
    { do: 'fail', max_retries: 1 },
    { do: 'discard' },
    { do: 'big' },
  ]);
/** Does harm to its process. */
const hostile: Draw = (random) =>
  random.pick([
    { do: 'exit', max_retries: 0 },
    { do: 'reject', max_retries: 0 },
    { do: 'hang', max_retries: 0, timeout_seconds: 1 },
    { do: 'oom', max_retries: 0 },
  ]);

/** The queue of jobs that are not all short, which only some of the workers take. */
export const ROUGH_QUEUE = 'rough';

/**
 * What is added in turn: many jobs that do nothing, then some of all sorts, then a few that are long or hostile. These
 * have a queue of their own, since a worker that has met a long job claims few at a time for a while.
 */
const blocks = (
  calm: number,
): readonly { readonly jobs: number; readonly queue: string; readonly mix: Mix }[] => [
  { jobs: calm, queue: 'default', mix: [[1, nothing]] },
  {
    jobs: 250,
    queue: ROUGH_QUEUE,
    mix: [
      [150, nothing],
      [50, short],
      [50, awkward],
    ],
  },
  {
    jobs: 50,
    queue: ROUGH_QUEUE,
    mix: [
      [20, short],
      [12, long],
      [14, awkward],
      [4, hostile],
    ],
  },
];

/** Says what the next job is, block after block, on and on. */
function plan(random: Random, calm: number): () => ReturnType<Draw> {
  const all = blocks(calm);
  let block = 0;
  let left = calm;
  return () => {
    while (left === 0) {
      block = (block + 1) % all.length;
      left = all[block]?.jobs ?? 0;
    }
    left -= 1;
    return { queue: all[block]?.queue ?? 'default', ...random.weighted(all[block]?.mix ?? [])(random) };
  };
}

/** Waiting jobs that the producer keeps ahead of the workers. */
const BACKLOG = 5_000;
const BATCH = 500;

export interface ProducerOptions {
  readonly random: Random;
  /** Adding stops after so many. */
  readonly most: number;
  /** So many in a row do nothing. */
  readonly calm: number;
  /** Gets the ids of those whose adding was acknowledged. */
  readonly promised: Set<string>;
  readonly over: AbortSignal;
}

/** Adds jobs as an application does, through the same faults, and keeps what was acknowledged. */
export async function produce(
  arena: Arena,
  { random, most, calm, promised, over }: ProducerOptions,
): Promise<void> {
  const rpc = createRpc({ url: arena.project.url, key: arena.project.secretKey, clientInfo: 'faults' });
  const queue = createQueue(rpc, randomUUID);
  const next = plan(random, calm);
  let number = 0;
  while (promised.size < most && !over.aborted) {
    const waiting = await arena
      .sql<{ n: number }>(`select count(*)::int as n from public.cloud_jobs where status = 'waiting'`)
      .catch(() => [{ n: BACKLOG }]);
    if ((waiting[0]?.n ?? 0) >= BACKLOG) {
      await sleep(200);
      continue;
    }
    const jobs = Array.from({ length: Math.min(BATCH, most - promised.size) }, (): NewJob => {
      number += 1;
      const { do: what, ms, ...settings } = next();
      return {
        job_id: `job-${number}`,
        name: `job ${number}`,
        job_type: 'custom',
        // Faults that spend a retry may meet the same job often.
        max_retries: 50,
        config: { handler: 'chaos', do: what, n: number, ...(ms === undefined ? {} : { ms }) },
        ...settings,
        ...(random.chance(0.02) ? { concurrency_key: `key ${random.between(1, 12)}` } : {}),
        ...(random.chance(0.02) ? { unique_key: `only ${random.between(1, 40)}` } : {}),
      };
    });
    // The same jobs again until somebody says that they are in: an enqueue may be repeated.
    for (;;) {
      try {
        for (const added of (await queue.enqueue(jobs)).jobs) promised.add(added.job_id);
        break;
      } catch {
        await sleep(200);
      }
    }
  }
}
