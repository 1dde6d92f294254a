import { setTimeout as sleep } from 'node:timers/promises';
import type { Phase, Worker } from './fleet.ts';
import { descendants, send } from './processes.ts';
import type { Random } from './random.ts';
import { type Fault, type Faults, persist, type Scene } from './scene.ts';
import type { ReplyFate } from './wire.ts';

/** How long an orphan may take to see that its worker is gone, before the runner's clean-up would kill it. */
const ORPHAN_MS = 1_000;
const LOCK_MS = 30_000;
const PHASES: readonly Phase[] = ['claiming', 'executing', 'finishing'];

/** Mostly the reply comes as always; sometimes it is lost after all was done, or late. */
const fate = (random: Random): ReplyFate | undefined =>
  random.weighted<() => ReplyFate | undefined>([
    [2, () => undefined],
    [1, () => ({ kind: 'lose' })],
    [1, () => ({ kind: 'hold', milliseconds: random.between(200, 4_000) })],
  ])();

/** A fault of one worker, in each phase. */
function inEachPhase(kind: string, strike: (scene: Scene, worker: Worker) => Promise<void>): Faults {
  return Object.fromEntries(
    PHASES.map((phase): [string, Fault] => [
      `${kind}, ${phase}`,
      async (scene) => {
        const worker = await scene.fleet.strike(phase, fate(scene.random), scene.random);
        if (!worker) return;
        scene.count(`${kind}, ${phase}`);
        await strike(scene, worker);
      },
    ]),
  );
}

/** The faults of processes: they go on beside one another. */
export const PROCESS_FAULTS: Faults = {
  ...inEachPhase('worker killed', async (scene, worker) => {
    worker.killed = true;
    const tree = descendants(worker.pid);
    worker.killedAt = Date.now();
    send(worker.pid, 'SIGKILL');
    await worker.step.done;
    await sleep(ORPHAN_MS);
    for (const { pid } of tree) send(pid, 'SIGKILL');
    await expire(scene, worker);
  }),

  ...inEachPhase('worker cancelled', async (scene, worker) => {
    worker.cancelled = true;
    const { signal } = await worker.step.cancel();
    if (signal !== 'SIGKILL') return;
    scene.count('worker cancelled, killed at the end of the grace');
    await expire(scene, worker);
  }),

  ...inEachPhase('worker frozen beyond its lock', async (scene, worker) => {
    const { random, hurry, fleet } = scene;
    const from = Date.now();
    // Alone, so that its handlers go on without it, or with all that it started.
    const frozen = [worker, ...(random.chance(0.5) ? descendants(worker.pid) : [])].map(({ pid }) => pid);
    for (const pid of frozen) send(pid, 'SIGSTOP');
    if (hurry) {
      await expire(scene, worker);
      await sleep(random.between(500, 2_000));
    } else await sleep(LOCK_MS + random.between(500, 3_000));
    for (const pid of frozen) send(pid, 'SIGCONT');
    worker.pauses.push({ from, to: Date.now() });
    fleet.thawed(worker);
  }),

  'handler process killed': async ({ fleet, random, count }) => {
    const sound = fleet.sound();
    if (sound.length === 0) return;
    const worker = random.pick(sound);
    const children = descendants(worker.pid).filter(
      ({ name }) => name.startsWith('node') || name === 'MainThread',
    );
    if (children.length === 0) return;
    count('handler process killed');
    worker.childKills += 1;
    send(random.pick(children).pid, 'SIGKILL');
  },
};

/** Where waiting is too long, the lock of a worker that does not live runs out now. */
async function expire({ arena, hurry }: Scene, worker: Worker): Promise<void> {
  if (!hurry) return;
  await persist(() =>
    arena.sql(
      `update public.cloud_jobs set lock_expires_at = now() where status = 'locked' and locked_by = $1`,
      [worker.instanceId],
    ),
  );
}
