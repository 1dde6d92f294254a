/** A worker process of a bench: `startWorkerChild` on the side of the bench, `inChild` on the side of the worker. */
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** What a worker process measured, from "go" to its last recorded job. */
export interface WorkerSample {
  readonly jobs: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** HTTP requests; 0 for a peer. */
  readonly requests: number;
  /** Attempts that did not end as a success. */
  readonly lost: number;
}

export interface WorkerChild {
  /** Lets the worker begin, and waits for its end. */
  run(): Promise<WorkerSample>;
}

type Message = { readonly sample?: WorkerSample; readonly error?: string };

/** Starts a worker and waits until its modules are loaded and its connections are open, which is not measured. */
export async function startWorkerChild(
  script: 'ours' | 'graphile' | 'pgboss',
  options: unknown,
): Promise<WorkerChild> {
  const module = new URL(`../workers/${script}.ts`, import.meta.url);
  const child = fork(module, [JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  const next = async (): Promise<Message> => {
    const ended = exited.then(([code]) => [{ error: `it ended with exit code ${code}` }]);
    const [message] = (await Promise.race([once(child, 'message'), ended])) as [Message];
    if (message.error !== undefined) throw new Error(`The worker ${script} failed: ${message.error}`);
    return message;
  };
  await next();
  return {
    run: async () => {
      child.send('go');
      const { sample } = await next();
      if (sample === undefined) throw new Error(`The worker ${script} measured nothing.`);
      await exited;
      return sample;
    },
  };
}

/** Runs in the worker process: prepares, waits for "go", measures `work` and sends the sample. */
export async function inChild<Options>(
  prepare: (options: Options) => Promise<{
    work(): Promise<Pick<WorkerSample, 'jobs' | 'requests' | 'lost'>>;
    close(): Promise<void>;
  }>,
): Promise<void> {
  const send = (message: Message) => process.send?.(message);
  try {
    const { work, close } = await prepare(JSON.parse(process.argv[2] ?? '{}') as Options);
    const go = once(process, 'message');
    send({});
    await go;
    const [started, cpu] = [performance.now(), process.cpuUsage()];
    const done = await work();
    const seconds = (performance.now() - started) / 1000;
    const used = process.cpuUsage(cpu);
    await close();
    send({ sample: { ...done, seconds, cpuSeconds: (used.user + used.system) / 1e6 } });
  } catch (error) {
    send({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
  process.disconnect();
}
