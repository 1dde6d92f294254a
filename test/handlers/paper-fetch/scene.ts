/** Runs one `paper_fetch` job against local servers that answer as arXiv, OpenAlex and Europe PMC do, and a real database. */
import type { HandlerOutcome } from '../../../src/handlers/handler.ts';
import type { PaperFetchDeps } from '../../../src/handlers/paper-fetch/deps.ts';
import { createPaperFetchHandler } from '../../../src/handlers/paper-fetch/handler.ts';
import type { PaperStore } from '../../../src/handlers/paper-fetch/store.ts';
import type { Json } from '../../../src/queue/types.ts';
import {
  type ArxivRequest,
  type ArxivServer,
  type Fault,
  type FaultyArxivOptions,
  startFaultyArxivServer,
} from '../../support/arxiv-server.ts';
import {
  type EuropePmcOptions,
  type EuropePmcServer,
  startEuropePmcServer,
} from '../../support/europepmc-server.ts';
import {
  type OpenAlexOptions,
  type OpenAlexServer,
  startOpenAlexServer,
} from '../../support/openalex-server.ts';
import { type TestContext, type TestDeps, testContext, testDeps } from './harness.ts';

export const NOW = new Date('2026-11-24T06:17:00Z');
export const OPENALEX_KEY = 'oa-secret/key+1';

export interface Scene {
  readonly config: Json;
  readonly arxiv?: Partial<FaultyArxivOptions>;
  readonly openAlex?: OpenAlexOptions;
  readonly europePmc?: EuropePmcOptions;
  readonly deps?: Partial<PaperFetchDeps>;
}

export interface StartedScene extends AsyncDisposable {
  readonly arxiv: ArxivServer;
  readonly openAlex: OpenAlexServer;
  readonly europePmc: EuropePmcServer;
  readonly deps: TestDeps;
  readonly test: TestContext;
  /** Milliseconds of every wait so far. */
  readonly waits: readonly number[];
  /** Runs the job; an attempt after the first one gets a context of its own. */
  run(context?: TestContext): Promise<HandlerOutcome>;
}

export async function startScene(store: PaperStore, scene: Scene): Promise<StartedScene> {
  const arxiv = await startFaultyArxivServer({ now: () => NOW, faultFor: () => undefined, ...scene.arxiv });
  const openAlex = await startOpenAlexServer(scene.openAlex);
  const europePmc = await startEuropePmcServer(scene.europePmc);
  const endpoints = { arxiv: arxiv.url, openalex: openAlex.url, europepmc: europePmc.url };
  const deps = testDeps(store, { endpoints, openAlexKey: OPENALEX_KEY, ...scene.deps });
  const handler = createPaperFetchHandler(deps);
  const test = testContext(scene.config);
  return {
    arxiv,
    openAlex,
    europePmc,
    deps,
    test,
    waits: deps.time.waits,
    run: (context = test) => handler(context.context),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([arxiv.close(), openAlex.close(), europePmc.close()]);
    },
  };
}

/** Runs a job once. */
export async function runOnce(store: PaperStore, scene: Scene) {
  await using started = await startScene(store, scene);
  return { ...started, outcome: await started.run() };
}

/** The fault for requests that begin at or after this entry. */
export const from =
  (start: number, fault: Fault) =>
  (request: ArxivRequest): Fault | undefined =>
    request.start >= start ? fault : undefined;

/** Invents `count` records or works. */
export const many = (count: number, invent: (number: number) => object): object[] =>
  Array.from({ length: count }, (_, index) => invent(index + 1));
