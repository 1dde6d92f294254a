import { setTimeout as sleep } from 'node:timers/promises';
import type { Arena } from './arena.ts';
import type { Span } from './evidence.ts';
import type { Fleet } from './fleet.ts';
import type { Random } from './random.ts';

/** What a fault has to work with. */
export interface Scene {
  readonly arena: Arena;
  readonly fleet: Fleet;
  readonly random: Random;
  /** Counts one fault of a kind. */
  count(kind: string): void;
  /** Times in which all were struck. */
  readonly outages: Span[];
  /**
   * Whether locks of stopped workers run out by the test's hand and not by waiting: what a short run cannot wait for.
   */
  readonly hurry: boolean;
}

export type Fault = (scene: Scene) => Promise<void>;
export type Faults = Readonly<Record<string, Fault>>;

/** A fault that all meet, from its beginning until the stack serves again. */
export function outage(kind: string, make: Fault): Fault {
  return async (scene) => {
    scene.count(kind);
    const from = Date.now();
    try {
      await make(scene);
    } finally {
      // PostgREST takes its time to find the database again.
      await answers(scene);
      scene.outages.push({ from, to: Date.now() });
    }
  };
}

async function answers({ arena }: Scene): Promise<void> {
  const until = Date.now() + 60_000;
  for (;;) {
    const reply = await ask(arena, 'cloud_jobs_version');
    if (reply.status === 200) return;
    if (Date.now() > until) throw new Error('The stack did not come back within 60 s of a fault.');
    await sleep(100);
  }
}

/** Calls a SQL function past all wires and the gateway. Status 0: nothing answered. */
export async function ask(
  arena: Arena,
  fn: string,
  args: unknown = {},
): Promise<{ status: number; text: string }> {
  try {
    const reply = await fetch(`${arena.project.postgrestUrl}/rpc/${fn}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${arena.project.serviceKey}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(args),
      signal: AbortSignal.timeout(15_000),
    });
    return { status: reply.status, text: await reply.text() };
  } catch {
    return { status: 0, text: '' };
  }
}

/** The test's own statement, again and again until the database can take it. */
export async function persist<T>(work: () => Promise<T>, seconds = 60): Promise<T> {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > until) throw error;
      await sleep(100);
    }
  }
}
