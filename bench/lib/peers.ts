/**
 * The two queues that ours is compared with. They are installed into bench/node_modules by `npm run bench`; their types
 * are written here, so that the project type-checks without them.
 */
export interface GraphileWorker {
  readonly Logger: new (make: () => () => void) => unknown;
  makeWorkerUtils(options: { connectionString: string; logger: unknown }): Promise<GraphileUtils>;
  run(options: {
    preset: { worker: Record<string, unknown> };
    taskList: Record<string, () => void>;
    logger: unknown;
  }): Promise<{ stop(): Promise<void> }>;
}

export interface GraphileUtils {
  addJobs(jobs: readonly { identifier: string; payload: object }[]): Promise<unknown>;
  migrate(): Promise<void>;
  release(): Promise<void>;
}

export interface PgBoss {
  start(): Promise<unknown>;
  stop(options: { graceful: boolean }): Promise<void>;
  createQueue(name: string): Promise<void>;
  insert(name: string, jobs: readonly object[]): Promise<unknown>;
  work(name: string, options: object, handler: (jobs: readonly unknown[]) => Promise<void>): Promise<string>;
  on(event: 'error', listener: (error: Error) => void): void;
}

// A name in a variable: the compiler does not look for the types of a package that may be missing.
const load = async <Module>(name: string): Promise<Module> => (await import(name)) as Module;

export async function loadGraphile() {
  const module = await load<GraphileWorker>('graphile-worker');
  return { ...module, logger: new module.Logger(() => () => {}) };
}

/** Opens graphile-worker with its schema installed, for the time of `work`. */
export async function withGraphile<T>(url: string, work: (utils: GraphileUtils) => Promise<T>): Promise<T> {
  const { makeWorkerUtils, logger } = await loadGraphile();
  const utils = await makeWorkerUtils({ connectionString: url, logger });
  try {
    await utils.migrate();
    return await work(utils);
  } finally {
    await utils.release();
  }
}

/** Starts pg-boss with its schema and a queue, without its schedules. */
export async function startPgBoss(url: string): Promise<PgBoss> {
  const module = await load<{ PgBoss: new (options: object) => PgBoss }>('pg-boss');
  const boss = new module.PgBoss({ connectionString: url, schedule: false, supervise: false });
  boss.on('error', (error) => {
    throw error;
  });
  await boss.start();
  await boss.createQueue('noop');
  return boss;
}
