import {
  type Execution,
  finish,
  type Guards,
  jobOf,
  remembered,
  renew,
  rescue,
  take,
} from './queue-model.ts';
import { GOOD, NOW, type Request, type Worker, type World } from './world.ts';

/** The database carries out a request. */
export function serve(
  world: World,
  worker: number,
  request: Request,
  job: number | null,
  guards: Guards,
): { reply: unknown; wrong: string | null } {
  const { queue } = world;
  if (request.kind === 'claim') {
    const before = remembered(queue, request.id, guards);
    if (before !== null) {
      for (const id of before) renew(queue, id, GOOD, guards);
      return { reply: before[0] ?? null, wrong: null };
    }
    if (job === null) return { reply: null, wrong: null };
    const id = world.nextId;
    world.nextId += 1;
    take(queue, job, id, { worker, request: request.id }, GOOD);
    return { reply: id, wrong: null };
  }
  const execution = queue.executions.get(request.execution) as Execution;
  const target = jobOf(queue, execution.job);
  const holder = target.holder;
  if (request.kind === 'renew') {
    const done = renew(queue, request.execution, GOOD, guards);
    const wrong = done && holder !== request.execution ? 'a zombie renewed the lock of another worker' : null;
    return { reply: done, wrong };
  }
  const open = execution.status === 'running';
  const done = finish(queue, request.execution, request.outcome, NOW, guards);
  if (open && execution.status !== 'running' && request.outcome !== 'release') {
    world.spent[execution.job] = (world.spent[execution.job] ?? 0) + 1;
  }
  const zombie = done && holder !== null && holder !== request.execution && target.holder !== holder;
  return { reply: done, wrong: zombie ? 'a zombie ended the attempt of another worker' : null };
}

/** The worker gets the reply that it waits for. */
export function answer(world: World, worker: Worker, request: Request, reply: unknown): string | null {
  worker.awaits = null;
  if (request.kind === 'claim') {
    worker.running = reply as number | null;
    return null;
  }
  if (request.kind === 'renew') {
    if (reply === false) worker.running = null;
    return null;
  }
  worker.running = null;
  const execution = world.queue.executions.get(request.execution) as Execution;
  if (request.outcome !== 'success') return null;
  if (reply === true && execution.status !== 'success')
    return 'a worker was told that a success is recorded, and it is not';
  if (reply === false && execution.status === 'success')
    return 'a worker was told that its success is not recorded, and it is';
  return null;
}

export function rescueNow(world: World, index: number, guards: Guards): string | null {
  const seen = world.seen[index] ?? null;
  world.seen[index] = undefined;
  const job = jobOf(world.queue, index);
  const good = job.status === 'locked' && job.lockUntil === GOOD;
  const execution = seen === null ? undefined : world.queue.executions.get(seen);
  const open = execution?.status === 'running';
  if (!rescue(world.queue, index, seen, NOW, NOW, guards)) return null;
  if (open) world.spent[index] = (world.spent[index] ?? 0) + 1;
  return good ? 'a lock was taken from a worker that had renewed it' : null;
}
