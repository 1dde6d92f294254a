import type { ToParent, WorkerSample } from './child.ts';
import { peakMb } from './peak.ts';

const SAMPLE_MS = 100;

/** Runs in a worker process: gets ready, waits for "go", measures `work`, and tells the parent. */
export async function inChild<Options>(
  prepare: (options: Options) => Promise<{
    work(): Promise<Pick<WorkerSample, 'jobs' | 'requests' | 'lost'>>;
    close(): Promise<void>;
  }>,
): Promise<void> {
  const tell = (message: ToParent): void => {
    process.send?.(message);
  };
  try {
    const { work, close } = await prepare(JSON.parse(process.argv[2] ?? '{}') as Options);
    const go = new Promise((resolve) => process.once('message', resolve));
    tell({ type: 'ready' });
    await go;
    const sizesMb: number[] = [];
    const timer = setInterval(() => sizesMb.push(process.memoryUsage.rss() / 2 ** 20), SAMPLE_MS);
    const [started, cpu] = [performance.now(), process.cpuUsage()];
    const done = await work();
    const seconds = (performance.now() - started) / 1000;
    const used = process.cpuUsage(cpu);
    clearInterval(timer);
    await close();
    tell({
      type: 'done',
      sample: {
        ...done,
        seconds,
        cpuSeconds: (used.user + used.system) / 1e6,
        peakMb: peakMb(),
        sizesMb,
      },
    });
  } catch (error) {
    tell({
      type: 'failed',
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
  process.disconnect();
}
