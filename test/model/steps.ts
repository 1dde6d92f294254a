import { type Guards, type Job, jobOf, remembered } from './queue-model.ts';
import { broken, changedForbidden, isOver, settled } from './rules.ts';
import { answer, rescueNow, serve } from './serve.ts';
import {
  copy,
  EXPIRED,
  GOOD,
  type Message,
  NOBODY,
  type Request,
  same,
  type World,
  workerOf,
} from './world.ts';

export interface Step {
  readonly what: string;
  readonly world: World;
  /** What this step did that must never happen. */
  readonly wrong: string | null;
}

/** Everything that can happen next. */
export function steps(world: World, guards: Guards): Step[] {
  const found: Step[] = [];
  const step = (what: string, act: (next: World) => string | null): void => {
    const next = copy(world);
    const wrong = act(next) ?? changedForbidden(world.queue, next.queue) ?? broken(next);
    forget(next, guards);
    found.push({ what, world: next, wrong });
  };
  if (!settled(world)) {
    for (const index of world.workers.keys()) workerSteps(world, index, step);
  }
  networkSteps(world, guards, step);
  lockSteps(world, guards, step);
  return found;
}

/** Drops late requests that can do nothing any more, so that they do not multiply the worlds. */
function forget(world: World, guards: Guards): void {
  const useless = ({ from, request }: Message): boolean => {
    if (request.kind === 'claim') {
      return world.queue.jobs.every(isOver);
    }
    if (world.workers.some(({ name, awaits }) => name === from && awaits !== null && same(awaits, request)))
      return false;
    const fenced = request.kind === 'renew' ? guards.renewIsFenced : guards.finishIsFenced;
    return fenced && world.queue.executions.get(request.execution)?.status !== 'running';
  };
  for (let at = world.network.length - 1; at >= 0; at -= 1) {
    const message = world.network[at];
    if (message && useless(message)) world.network.splice(at, 1);
  }
}

type AddStep = (what: string, act: (next: World) => string | null) => void;

function workerSteps(world: World, index: number, step: AddStep): void {
  const worker = workerOf(world, index);
  const send = (next: World, request: Request): null => {
    workerOf(next, index).awaits = request;
    next.network.push({ from: worker.name, request });
    return null;
  };
  if (world.faultsLeft > 0 && (worker.awaits !== null || worker.running !== null)) {
    step(`worker ${index} dies, a new run takes its place`, (next) => {
      next.faultsLeft -= 1;
      next.nextId += 1;
      Object.assign(workerOf(next, index), { name: next.nextId - 1, running: null, awaits: null });
      return null;
    });
  }
  if (worker.awaits !== null) {
    const request = worker.awaits;
    const copies = world.network.filter((message) => same(message.request, request)).length;
    if (copies === 1 && world.faultsLeft > 0) {
      step(`worker ${index} sends its ${request.kind} again before it arrives`, (next) => {
        next.faultsLeft -= 1;
        return send(next, request);
      });
    }
  } else if (worker.running !== null) {
    const execution = worker.running;
    for (const outcome of ['success', 'failure', 'release'] as const) {
      if (outcome === 'release' && world.faultsLeft === 0) continue;
      step(`worker ${index} ends with ${outcome}`, (next) => {
        if (outcome === 'release') next.faultsLeft -= 1;
        return send(next, { kind: 'finish', execution, outcome });
      });
    }
    if (world.faultsLeft > 0) {
      step(`worker ${index} renews its lock`, (next) => {
        next.faultsLeft -= 1;
        return send(next, { kind: 'renew', execution });
      });
    }
  } else if (world.queue.jobs.some((job) => job.status === 'waiting')) {
    step(`worker ${index} asks for a job`, (next) => {
      next.nextId += 1;
      return send(next, { kind: 'claim', id: next.nextId - 1 });
    });
  }
}

function networkSteps(world: World, guards: Guards, step: AddStep): void {
  for (const [place, { from, request }] of world.network.entries()) {
    // Two copies of one request are alike.
    if (world.network.findIndex((other) => same(other.request, request)) < place) continue;
    const index = world.workers.findIndex((worker) => worker.name === from);
    const awaits = world.workers[index]?.awaits ?? null;
    const awaited = awaits !== null && same(awaits, request);
    const who = index === -1 ? 'a dead worker' : `worker ${index}`;
    for (const job of request.kind === 'claim' ? claimable(world, request.id, guards) : [null]) {
      const name = `the ${request.kind} of ${who} arrives${job === null ? '' : ` and takes job ${job}`}`;
      const arrive = (next: World) => serve(next, awaited ? from : NOBODY, request, job, guards);
      if (awaited) {
        // It stays under way, for it is sent again.
        step(`${name}, the reply is lost`, (next) => arrive(next).wrong);
      }
      step(awaited ? name : `${name}, late`, (next) => {
        next.network.splice(place, 1);
        const { reply, wrong } = arrive(next);
        return wrong ?? (awaited ? answer(next, workerOf(next, index), request, reply) : null);
      });
    }
    // One that never arrives is one that stays here for ever.
  }
}

function lockSteps(world: World, guards: Guards, step: AddStep): void {
  for (const [index, job] of world.queue.jobs.entries()) {
    if (
      job.status === 'locked' &&
      job.lockUntil === GOOD &&
      (world.faultsLeft > 0 || abandoned(world, job))
    ) {
      step(`the lock of job ${index} expires`, (next) => {
        if (!abandoned(world, job)) next.faultsLeft -= 1;
        jobOf(next.queue, index).lockUntil = EXPIRED;
        return null;
      });
    }
    if (job.status === 'locked' && job.lockUntil === EXPIRED && world.seen[index] === undefined) {
      step(`a rescuer sees that the lock of job ${index} has expired`, (next) => {
        next.seen[index] = job.holder;
        return null;
      });
    }
    if (world.seen[index] !== undefined) {
      step(`the rescuer acts on job ${index}`, (next) => rescueNow(next, index, guards));
    }
  }
}

/** The worker that holds this lock has died. */
function abandoned(world: World, job: Job): boolean {
  const execution = job.holder === null ? undefined : world.queue.executions.get(job.holder);
  if (execution === undefined) return true;
  return !world.workers.some((worker) => worker.name === execution.worker);
}

function claimable(world: World, request: number, guards: Guards): (number | null)[] {
  if (remembered(world.queue, request, guards) !== null) return [null];
  const waiting = world.queue.jobs.flatMap((job, index) => (job.status === 'waiting' ? [index] : []));
  return waiting.length === 0 ? [null] : waiting;
}
