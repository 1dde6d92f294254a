import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Passage } from './passage.ts';
import type { ClockedDatabase } from './place.ts';

/** The server that handlers/work.mjs asks to let time pass, by the clock that is set by hand. */
export interface Work extends AsyncDisposable {
  readonly url: string;
  /** @throws the first error of the server, if there was one */
  check(): void;
}

interface Held {
  readonly execution: string;
  /** When the work ends, in milliseconds since 1970. */
  readonly end: number;
  readonly reply: ServerResponse;
}

const LOOK_AGAIN_MS = 3;

/**
 * Moves the clock to the end of the next job when nothing else can happen before it: every job that ended is recorded,
 * and every job that the worker can start has asked.
 * @param concurrency jobs that the worker runs at the same time
 */
export async function startWork(db: ClockedDatabase, passage: Passage, concurrency: number): Promise<Work> {
  let held: Held[] = [];
  let ended: string[] = [];
  let moving = false;
  let failure: unknown;

  async function still(): Promise<boolean> {
    const [row] = await db.sql<{ running: number; unrecorded: number }>(
      `select count(*)::int as running, (count(*) filter (where execution_id = any($1)))::int as unrecorded
       from cloud_job_executions where status = 'running'`,
      [ended],
    );
    return row?.unrecorded === 0 && held.length === Math.min(concurrency, row.running);
  }

  async function move(): Promise<void> {
    while (held.length > 0) {
      if (!(await still())) {
        await delay(LOOK_AGAIN_MS);
        continue;
      }
      const end = Math.min(...held.map((one) => one.end));
      await passage.to(end);
      const over = held.filter((one) => one.end <= end);
      held = held.filter((one) => one.end > end);
      ended = over.map((one) => one.execution);
      for (const { reply } of over) reply.end();
    }
  }

  async function take(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { execution, seconds } = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    held.push({ execution, end: passage.now() + seconds * 1000, reply });
    if (moving) return;
    moving = true;
    try {
      await move();
    } finally {
      moving = false;
    }
  }

  const server = createServer((request, reply) => {
    take(request, reply).catch((error: unknown) => {
      failure ??= error;
      for (const one of held) one.reply.writeHead(500).end('The simulation cannot continue.');
      held = [];
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    check() {
      if (failure !== undefined) throw failure;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
