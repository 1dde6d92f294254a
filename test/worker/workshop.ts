import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { CustomHandlers } from '../../src/handlers/custom/custom-handlers.ts';
import { folderOf, HOST_SCRIPT } from '../handlers/custom/harness.ts';
import { queueOf } from '../sql/support.ts';
import type { TestProject } from '../support/stack.ts';
import { startWorker } from './support.ts';

/** Modules by file name, and executables with a `*` before their name. */
export type WorkshopFiles = [
  files: Readonly<Record<string, string>>,
  executables?: Readonly<Record<string, string>>,
];

/** Handlers in their real processes, with a worker on the real queue. What a handler appends to `log` shows what ran. */
export function openWorkshop(project: TestProject, ...[files, executables = {}]: WorkshopFiles) {
  const scratchDir = mkdtempSync(join(tmpdir(), 'steps-test-'));
  const log = join(scratchDir, 'log');
  appendFileSync(log, '');
  const head = `import { appendFileSync } from 'node:fs';\nconst ran = (what) => appendFileSync(${JSON.stringify(log)}, what + ' ');\n`;
  const modules = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, head + text]));
  const folder = folderOf({ ...modules, ...executables });
  const custom = new CustomHandlers({
    folder,
    hostScript: HOST_SCRIPT,
    env: { PATH: process.env.PATH },
    scratchDir,
    graceMs: 300,
  });
  onTestFinished(async () => {
    await custom.close();
    rmSync(scratchDir, { recursive: true, force: true });
  });
  const q = queueOf(project);
  return {
    ...q,
    ran: () => readFileSync(log, 'utf8').trim(),
    /** Runs a worker until the queue is empty. */
    work: (options?: Parameters<typeof startWorker>[3]) =>
      startWorker(project, q.queue, custom.handler, options).report,
    addJob: (handler: string, more: Readonly<Record<string, unknown>> = {}) =>
      q.addOne({ config: { handler }, ...more }),
    async result(id: string) {
      const rows = await project.sql<{ result: unknown }>(
        `select result from cloud_job_executions where job_id = $1 and status = 'success'`,
        [id],
      );
      return rows.at(-1)?.result;
    },
  };
}
