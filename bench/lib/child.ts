import { fork } from 'node:child_process';
import { once } from 'node:events';
import { plainWorker } from './plain.ts';

/** What a worker process measured, from "go" to its last job recorded. */
export interface WorkerSample {
  readonly jobs: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Largest resident size of the process so far, in MiB. */
  readonly peakMb: number;
  /** Resident size, in MiB, as the run went on. */
  readonly sizesMb: readonly number[];
  /** HTTP requests; 0 for a peer. */
  readonly requests: number;
  readonly lost: number;
}

export interface WorkerChild {
  /** Tells the worker to begin, and waits for its end. */
  run(): Promise<WorkerSample>;
}

export type ToParent =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly sample: WorkerSample }
  | { readonly type: 'failed'; readonly message: string };

/**
 * Starts a worker in a process of its own and waits until its modules are loaded and its connections open, so that
 * none of that is measured.
 */
export async function startWorkerChild(
  script: 'ours' | 'graphile' | 'pgboss',
  options: unknown,
): Promise<WorkerChild> {
  const module = script === 'ours' ? plainWorker() : new URL(`../workers/${script}.ts`, import.meta.url);
  const child = fork(module, [JSON.stringify(options)], {
    // What a worker prints is part of its work; nobody looks at it.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  const next = async (): Promise<ToParent> => {
    const answer = await Promise.race([
      once(child, 'message'),
      exited.then(([code]) => {
        throw new Error(`The worker ${script} ended with exit code ${code}.`);
      }),
    ]);
    const message = answer[0] as ToParent;
    if (message.type === 'failed') throw new Error(`The worker ${script} failed: ${message.message}`);
    return message;
  };
  await next();
  return {
    run: async () => {
      child.send('go');
      const message = await next();
      if (message.type !== 'done') throw new Error(`The worker ${script} said ${message.type}.`);
      await exited;
      return message.sample;
    },
  };
}
