import type { HandlerContext, HandlerOutcome } from '../../../src/handlers/handler.ts';
import { LocalMemory } from '../../../src/handlers/local-memory.ts';
import type { PaperFetchDeps } from '../../../src/handlers/paper-fetch/deps.ts';
import { createPaperStore, type PaperStore } from '../../../src/handlers/paper-fetch/store.ts';
import type { ClaimedJob, Progress } from '../../../src/queue/job.ts';
import type { Json } from '../../../src/queue/types.ts';
import type { TestProject } from '../../support/stack.ts';

/** A clock that only sleeping moves, so that tests see every wait without waiting. */
export interface FakeTime {
  readonly waits: number[];
  readonly monotonic: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export function fakeTime(): FakeTime {
  const waits: number[] = [];
  let now = 1_000_000;
  return {
    waits,
    monotonic: () => now,
    async sleep(ms, signal) {
      signal.throwIfAborted();
      waits.push(ms);
      now += ms;
    },
  };
}

/** The store over the project's PostgREST, as workers use it. */
export function realStore(project: TestProject): PaperStore {
  const client = project.client();
  return createPaperStore(async (fn, args) => {
    const { data, error } = await client.rpc(fn, args);
    if (error !== null) throw new Error(`${fn}: ${error.code} ${error.message}`);
    return data;
  });
}

export interface TestDeps extends PaperFetchDeps {
  readonly time: FakeTime;
}

/** Everything from outside, with no network but what `overrides` name: the default endpoints point nowhere. */
export function testDeps(store: PaperStore, overrides: Partial<PaperFetchDeps> = {}): TestDeps {
  const time = fakeTime();
  const nowhere = 'http://127.0.0.1:9/';
  return {
    time,
    store,
    fetch: globalThis.fetch,
    now: () => new Date('2026-11-24T06:17:00Z'),
    monotonic: time.monotonic,
    sleep: time.sleep,
    random: () => 0.5,
    userAgentVersion: '1.2.3',
    endpoints: { arxiv: nowhere, openalex: nowhere, europepmc: nowhere },
    ...overrides,
  };
}

export interface TestContext {
  readonly context: HandlerContext;
  readonly progress: Progress[];
  readonly lines: string[];
  /** What the summary of the run shows. */
  readonly warnings: string[];
  readonly secrets: string[];
  readonly controller: AbortController;
}

export function testContext(
  config: Json,
  createdAt = '2026-11-24T06:00:00Z',
  job: Partial<ClaimedJob> = {},
): TestContext {
  const controller = new AbortController();
  const progress: Progress[] = [];
  const lines: string[] = [];
  const warnings: string[] = [];
  const secrets: string[] = [];
  return {
    controller,
    progress,
    lines,
    warnings,
    secrets,
    context: {
      job: {
        job_id: 'job',
        execution_id: 'execution',
        name: 'Papers',
        job_type: 'paper_fetch',
        config,
        description: '',
        queue: 'default',
        priority: 0,
        attempt: 1,
        current_retries: 0,
        max_retries: 3,
        occurrence: 1,
        timeout_seconds: null,
        schedule: null,
        timezone: null,
        unique_key: null,
        concurrency_key: null,
        run_at: '2026-11-24T06:00:00Z',
        scheduled_for: '2026-11-24T06:00:00Z',
        created_at: createdAt,
        ...job,
      },
      config,
      idempotencyKey: 'job:1',
      signal: controller.signal,
      log: { line: (text) => lines.push(text), warning: (text) => warnings.push(text) },
      progress: (value) => progress.push(value),
      pauseQueue() {},
      secret: (value) => secrets.push(value),
      redact: (text) => text,
      memory: new LocalMemory(),
    },
  };
}

/** The parts of a result that tests look at. */
export interface PaperFetchResult {
  readonly new_papers: number;
  readonly updated_papers: number;
  readonly unchanged_papers: number;
  readonly total_papers: number;
  readonly search_queries: string[];
  readonly errors: string[];
  readonly per_source: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly duration_seconds: number;
  readonly newest: readonly { title: string; url: string; published: string }[];
  readonly note?: string;
}

/** The result of a success; throws the outcome when it is another. */
export function resultOf(outcome: HandlerOutcome): PaperFetchResult {
  if (outcome.outcome !== 'success') throw new Error(`expected success, got ${JSON.stringify(outcome)}`);
  return outcome.result as unknown as PaperFetchResult;
}
