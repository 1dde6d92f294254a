import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { onConnections, queueOf } from './support.ts';

/**
 * Steps, waits and events against a model of one job: any order of calls, by the attempt that holds the lock and by those
 * that lost it, with events that come early, late and twice.
 */
let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

type Op =
  | { readonly what: 'claim' | 'lose' | 'fail' | 'succeed' | 'retry' }
  | { readonly what: 'step'; readonly name: string; readonly value: number; readonly late: boolean }
  | { readonly what: 'wait'; readonly late: boolean }
  | { readonly what: 'signal'; readonly id: string };

const late = fc.boolean();
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ what: fc.constant('claim' as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant('step' as const),
      name: fc.constantFrom('a', 'b', 'c'),
      value: fc.integer({ min: 1, max: 99 }),
      late,
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('wait' as const), late }) },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant('signal' as const), id: fc.constantFrom('1', '2', '3') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constantFrom('lose' as const, 'fail' as const, 'succeed' as const, 'retry' as const),
    }),
  },
);

interface Model {
  /** The execution that holds the lock. */
  holder: string | null;
  /** One that lost it. */
  old: string | null;
  isOver: boolean;
  steps: Map<string, number>;
  /** Events that came and were not taken, in their order, and all that ever came. */
  kept: string[];
  readonly known: Set<string>;
  /** What the wait of this occurrence got. */
  event: string | null;
}

it('a job keeps its steps and takes each event once, whatever comes in whatever order', async () => {
  await onConnections(project.adminUrl, 1, async ([client]) => {
    const ask = async (fn: string, ...args: unknown[]) => {
      const places = args.map((_, n) => `$${n + 1}`).join(', ');
      const { rows } = (await client?.query(`select ${fn}(${places}) as reply`, args)) ?? { rows: [] };
      return rows[0].reply;
    };
    await fc.assert(
      fc.asyncProperty(fc.array(op, { minLength: 20, maxLength: 60 }), async (ops) => {
        const q = queueOf(project);
        const job = await q.addOne({ max_retries: 1000 });
        const model: Model = {
          holder: null,
          old: null,
          isOver: false,
          steps: new Map(),
          kept: [],
          known: new Set(),
          event: null,
        };
        const forget = (): void => {
          model.old = model.holder ?? model.old;
          model.holder = null;
        };
        for (const one of ops) await apply(one);

        async function apply(one: Op): Promise<void> {
          const execution = 'late' in one && one.late ? model.old : model.holder;
          const isHeld = execution !== null && execution === model.holder;
          if (one.what === 'claim') {
            await q.due(job);
            const { jobs } = await ask('cloud_jobs_claim', 'w', 1, [q.queue]);
            expect(jobs.length).toBe(model.holder === null && !model.isOver ? 1 : 0);
            if (jobs.length === 0) return;
            model.holder = jobs[0].execution_id;
            const { steps } = await ask('cloud_jobs_recall', 'w', job, model.holder);
            const recalled = steps.filter((step: { kind: string }) => step.kind === 'step');
            expect(
              new Map(recalled.map((step: { name: string; result: number }) => [step.name, step.result])),
            ).toEqual(model.steps);
          } else if (one.what === 'step') {
            if (execution === null) return;
            const reply = await ask('cloud_jobs_step', 'w', job, execution, one.name, one.value);
            if (isHeld && !model.steps.has(one.name)) model.steps.set(one.name, one.value);
            expect(reply).toMatchObject({ held: isHeld, result: isHeld ? model.steps.get(one.name) : null });
          } else if (one.what === 'wait') {
            if (execution === null) return;
            const reply = await ask('cloud_jobs_wait', 'w', job, execution, 'event', 'event', 3600);
            if (isHeld) model.event ??= model.kept.shift() ?? null;
            expect(reply).toMatchObject({
              held: isHeld,
              done: isHeld && model.event !== null,
              result: isHeld ? model.event : null,
            });
            if (!isHeld || model.event !== null) return;
            await q.end('w', execution, 'release', { delay_seconds: 3600 });
            forget();
          } else if (one.what === 'signal') {
            const reply = await ask('cloud_jobs_signal', job, 'event', JSON.stringify(one.id), one.id);
            expect(reply).toMatchObject({
              applied: !model.isOver,
              changed: !model.isOver && !model.known.has(one.id),
            });
            if (!reply.changed) return;
            model.known.add(one.id);
            model.kept.push(one.id);
          } else if (one.what === 'retry') {
            if (!model.isOver) return;
            await q.verb('retry', job);
            // A job that succeeded begins anew. Events that were not taken are there for the next occurrence.
            Object.assign(model, { isOver: false, steps: new Map(), event: null });
          } else if (model.holder !== null) {
            if (one.what === 'lose') {
              await q.expire(job);
              await q.reap();
            } else
              await q.end('w', model.holder, one.what === 'fail' ? 'failure' : 'success', { error: 'no' });
            forget();
            if (one.what === 'succeed') model.isOver = true;
          }
        }
      }),
      { numRuns: 30, endOnFailure: true },
    );
  });
}, 240_000);
