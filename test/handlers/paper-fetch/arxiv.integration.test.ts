import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AbortReason } from '../../../src/handlers/handler.ts';
import type { PaperFetchDeps } from '../../../src/handlers/paper-fetch/deps.ts';
import { createPaperFetchHandler } from '../../../src/handlers/paper-fetch/handler.ts';
import type { PaperStore } from '../../../src/handlers/paper-fetch/store.ts';
import type { Json } from '../../../src/queue/types.ts';
import {
  type ArxivRequest,
  type ArxivServer,
  brokenXml,
  cutOff,
  emptyPage,
  errorFeed,
  type Fault,
  forbidden,
  hangs,
  htmlPage,
  type InventedPaper,
  inventPapers,
  overloaded,
  resets,
  rewritten,
  sends,
  stalls,
  startFaultyArxivServer,
  throttled,
} from '../../support/arxiv-server.ts';
import { startTestProject, type TestProject } from '../../support/stack.ts';
import { realStore, resultOf, testContext, testDeps } from './harness.ts';

const NOW = new Date('2026-11-24T06:17:00Z');
const CONFIG = { keywords: ['invented'] };
/** A job ends with the pause that its last request is owed: no other worker may ask before. */
const LAST_PAUSE = 3000;

let project: TestProject;
let store: PaperStore;
let server: ArxivServer | undefined;

beforeAll(async () => {
  project = await startTestProject();
  store = realStore(project);
});
afterAll(() => project?.stop());
beforeEach(() => project.sql('truncate public.papers, public.cloud_jobs_paper_queries'));
afterEach(async () => {
  await server?.close();
  server = undefined;
});

interface Scene {
  readonly papers?: readonly InventedPaper[];
  readonly faultFor?: (request: ArxivRequest) => Fault | undefined;
  readonly config?: Json;
  readonly deps?: Partial<PaperFetchDeps>;
}

/** Starts the server and a handler that talks to it and to the real database. */
async function setUp({ papers, faultFor, config = CONFIG, deps: overrides = {} }: Scene = {}) {
  server = await startFaultyArxivServer({
    now: () => NOW,
    faultFor: faultFor ?? (() => undefined),
    ...(papers === undefined ? {} : { papers }),
  });
  const { url, requests } = server;
  const deps = testDeps(store, { endpoints: { arxiv: url, openalex: url, europepmc: url }, ...overrides });
  const handler = createPaperFetchHandler(deps);
  return { deps, requests, handler, test: testContext(config), waits: deps.time.waits };
}

async function runOnce(scene: Scene = {}) {
  const set = await setUp(scene);
  return { ...set, outcome: await set.handler(set.test.context) };
}

const first =
  (fault: Fault, times = 1) =>
  (request: ArxivRequest) =>
    request.number <= times ? fault : undefined;
const always = (fault: Fault) => () => fault;

describe('a run that works', () => {
  it('stores the papers and reports what it did', async () => {
    const { outcome, requests, test } = await runOnce({ config: { ...CONFIG, mailto: 'me@example.org' } });

    const result = resultOf(outcome);
    expect(result).toMatchObject({
      new_papers: 30,
      updated_papers: 0,
      unchanged_papers: 0,
      total_papers: 30,
      search_queries: ['all:"invented" AND submittedDate:[202611130000 TO 202611242359]'],
      errors: [],
      per_source: { arxiv: { status: 'ok', found: 30, new: 30, pages: 1, total_results: 30, capped: false } },
    });
    expect(result.note).toBeUndefined();
    expect(result.duration_seconds).toBeGreaterThanOrEqual(0);
    expect(result.newest).toHaveLength(10);
    expect(result.newest[0]?.url).toMatch(/^https:\/\/arxiv\.org\/abs\/2611\.\d{5}$/);
    const dates = result.newest.map((paper) => paper.published);
    expect(dates).toEqual([...dates].sort().reverse());
    expect(test.progress).toEqual([{ done: 30, total: 30, note: 'arXiv: 30 papers read, 30 new' }]);
    expect(await project.sql(`select from papers where job_id = 'job'`)).toHaveLength(30);
    expect(requests[0]?.headers).toMatchObject({
      'user-agent': 'cloud-jobs/1.2.3 (+https://www.npmjs.com/package/cloud-jobs; mailto:me@example.org)',
      accept: 'application/atom+xml, application/xml;q=0.9, */*;q=0.1',
    });
  });

  it('finds nothing new the second time, and says so', async () => {
    const { handler, test } = await runOnce();
    const result = resultOf(await handler(test.context));
    expect(result).toMatchObject({
      new_papers: 0,
      updated_papers: 0,
      unchanged_papers: 30,
      total_papers: 30,
      newest: [],
    });
    expect(result.note).toBe('all 30 papers found in 2026-11-13 to 2026-11-24 were known already');
  });

  it('reads 2,000 papers by page, 3 s apart, and stores each page', async () => {
    const { outcome, requests, waits, test } = await runOnce({
      papers: inventPapers(2000, NOW),
      config: { ...CONFIG, max_papers: 2000 },
    });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 2000, total_papers: 2000, duration_seconds: 27 });
    expect(requests.map((request) => [request.start, request.maxResults])).toEqual(
      Array.from({ length: 10 }, (_, page) => [page * 200, 200]),
    );
    expect(waits).toEqual([...Array.from({ length: 9 }, () => 3000), LAST_PAUSE]);
    expect(test.progress.map((each) => [each.done, each.total])).toEqual(
      Array.from({ length: 10 }, (_, page) => [(page + 1) * 200, 2000]),
    );
  });

  it('stops at max_papers, asks for no more than that, and says what it left', async () => {
    const { outcome, requests } = await runOnce({
      papers: inventPapers(500, NOW),
      config: { ...CONFIG, max_papers: 250 },
    });
    const result = resultOf(outcome);
    expect(result).toMatchObject({
      new_papers: 250,
      per_source: { arxiv: { capped: true, total_results: 500 } },
    });
    expect(requests.map((request) => request.maxResults)).toEqual([200, 50]);
    expect(result.note).toBe('arXiv has 500 matches and max_papers took the newest 250');
  });

  it('sends one request at a time over all jobs of a process', async () => {
    const { handler, waits, requests } = await setUp();
    await Promise.all([handler(testContext(CONFIG).context), handler(testContext(CONFIG).context)]);
    expect(requests).toHaveLength(2);
    expect(waits).toEqual([3000, LAST_PAUSE]);
  });

  it('really waits at the gate', async () => {
    const times: number[] = [];
    const { outcome } = await runOnce({
      papers: inventPapers(30, NOW),
      faultFor: () => {
        times.push(performance.now());
        return undefined;
      },
      deps: {
        arxivGateMs: 150,
        arxivPageSize: 10,
        monotonic: () => performance.now(),
        sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      },
    });
    expect(resultOf(outcome).new_papers).toBe(30);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    // The last page is full, so one more is asked for.
    expect(gaps).toHaveLength(3);
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(145);
  });

  it('updates a paper that has a new version', async () => {
    const [paper] = inventPapers(1, NOW);
    if (paper === undefined) throw new Error('no paper');
    const id = paper.versionedId.replace(/v\d+$/, '');
    await runOnce({ papers: [paper] });
    await server?.close();
    const { outcome } = await runOnce({
      papers: [{ ...paper, versionedId: `${id}v2`, title: 'Second', updated: NOW }],
    });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 0, updated_papers: 1, total_papers: 1 });
    expect(await project.sql('select arxiv_id, version, title from papers')).toEqual([
      { arxiv_id: id, version: 2, title: 'Second' },
    ]);
  });

  it('leaves cross-lists out on request, and still fills max_papers', async () => {
    const { outcome } = await runOnce({
      papers: inventPapers(60, NOW),
      config: { categories: ['cs.AI'], include_cross_lists: false, max_papers: 8 },
      deps: { arxivPageSize: 10 },
    });
    const result = resultOf(outcome);
    expect(result).toMatchObject({ new_papers: 8, per_source: { arxiv: { found: 8 } } });
    expect(Number(result.per_source.arxiv?.skipped)).toBeGreaterThan(0);
    expect(await project.sql(`select distinct primary_category from papers`)).toEqual([
      { primary_category: 'cs.AI' },
    ]);
  });
});

describe('nothing found', () => {
  it('says why on a weekend', async () => {
    const { outcome } = await runOnce({
      config: { keywords: ['no paper has this'] },
      deps: { now: () => new Date('2026-11-22T12:00:00Z') },
    });
    const result = resultOf(outcome);
    expect(result).toMatchObject({ new_papers: 0, errors: [] });
    expect(result.note).toBe(
      'no paper matched in 2026-11-11 to 2026-11-22; today is a Sunday (UTC) and arXiv announces papers from Monday to Friday only',
    );
  });

  it('says that the filter left all out', async () => {
    const papers = inventPapers(30, NOW).filter((paper) => paper.categories[0] !== 'cs.AI');
    const { outcome } = await runOnce({
      papers,
      config: { categories: ['cs.AI'], include_cross_lists: false },
    });
    expect(resultOf(outcome).note).toMatch(
      /no paper matched .*; \d+ were left out because their primary category/,
    );
  });
});

describe('known papers', () => {
  // 60 days of papers, 20 a day.
  const papers = inventPapers(1200, NOW, 60);
  const config = { ...CONFIG, days_back: 90, max_papers: 2000 };

  it('stops where an earlier complete run has seen everything', async () => {
    const { handler, requests, test } = await runOnce({ papers, config });
    expect(requests).toHaveLength(7);
    const result = resultOf(await handler(test.context));
    // Newer than 8 days is read again each time: papers come late to arXiv.
    expect(result).toMatchObject({ new_papers: 0, unchanged_papers: 400 });
    expect(requests).toHaveLength(9);
  });

  it('reads to the end after a cut-off run, past pages that are known', async () => {
    let isThrottled = true;
    const { handler, test, outcome } = await runOnce({
      papers,
      config,
      faultFor: (request) => (isThrottled && request.start >= 800 ? throttled(429) : undefined),
    });
    expect(outcome).toMatchObject({ outcome: 'snooze', details: { new_papers: 800 } });
    isThrottled = false;
    expect(resultOf(await handler(test.context))).toMatchObject({ new_papers: 400, total_papers: 1200 });
  });

  it('does not trust a run with a smaller window', async () => {
    const { handler } = await runOnce({ papers, config: { ...config, days_back: 30 } });
    const result = resultOf(await handler(testContext(config).context));
    expect(result.total_papers).toBe(1200);
  });
});

describe('throttled', () => {
  it.each([406, 429] as const)('snoozes for hours on %i without asking again', async (status) => {
    const { outcome, requests, waits } = await runOnce({ faultFor: always(throttled(status)) });
    expect(outcome).toMatchObject({
      outcome: 'snooze',
      seconds: 10_800,
      reason: `arXiv throttles this machine (HTTP ${status}: "Rate exceeded.")`,
      details: { new_papers: 0, total_papers: 0, per_source: { arxiv: { status: 'throttled' } } },
    });
    expect(requests).toHaveLength(1);
    expect(waits).toEqual([LAST_PAUSE]);
  });

  it('spreads the return and honours a longer Retry-After, up to a day', async () => {
    const seconds = async (scene: Scene) => {
      const { outcome } = await runOnce(scene);
      await server?.close();
      return outcome.outcome === 'snooze' ? outcome.seconds : outcome;
    };
    expect(await seconds({ faultFor: always(throttled(429)), deps: { random: () => 0 } })).toBe(9180);
    expect(
      await seconds({ faultFor: always(sends(429, 'Rate exceeded.', { 'retry-after': '20000' })) }),
    ).toBe(20_000);
    expect(await seconds({ faultFor: always(sends(429, '', { 'retry-after': '9999999' })) })).toBe(86_400);
    expect(await seconds({ faultFor: always(sends(429, '', { 'retry-after': '600' })) })).toBe(600);
    expect(await seconds({ faultFor: always(sends(200, 'Rate exceeded.')) })).toBe(10_800);
  });

  it('keeps the pages that came before', async () => {
    const { outcome } = await runOnce({
      papers: inventPapers(600, NOW),
      config: { ...CONFIG, max_papers: 600 },
      faultFor: (request) => (request.start >= 400 ? throttled(429) : undefined),
    });
    expect(outcome).toMatchObject({ outcome: 'snooze', details: { new_papers: 400, total_papers: 400 } });
    expect(outcome.outcome === 'snooze' && outcome.reason).toMatch(
      /\(400 papers that came before that are stored\)$/,
    );
  });
});

describe('not available for a while', () => {
  it.each<[string, Fault]>([
    ['503', overloaded],
    ['an HTML page', htmlPage],
    ['broken XML', brokenXml],
    ['a feed cut off', cutOff(inventPapers(5, NOW))],
    ['a connection reset', resets],
    ['an empty page', emptyPage(30)],
    ['an empty body', sends(200, '')],
  ])('asks again after %s', async (_name, fault) => {
    const { outcome, waits, requests } = await runOnce({ faultFor: first(fault, 2) });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 30, errors: [] });
    expect(requests).toHaveLength(3);
    expect(waits).toEqual([10_000, 30_000, LAST_PAUSE]);
  });

  it.each<[string, Fault, RegExp]>([
    ['503', overloaded, /^arXiv is overloaded \(HTTP 503: "<html><body><h1>503 Service/],
    [
      'an HTML page',
      htmlPage,
      /^arXiv sent something that is not a whole Atom feed: "<!DOCTYPE html> <html> <head><title>arXiv is down/,
    ],
    ['broken XML', brokenXml, /not a whole Atom feed: "<\?xml version="1.0"\?><feed/],
    ['a connection reset', resets, /^arXiv could not be reached: /],
    ['an empty page', emptyPage(30), /^arXiv sent an empty page at 0 of 30 papers/],
  ])('fails after %s four times, to be tried later', async (_name, fault, message) => {
    const { outcome, waits } = await runOnce({ faultFor: always(fault) });
    expect(outcome).toMatchObject({ outcome: 'failure', kind: 'error', retryInSeconds: 1800 });
    const text = outcome.outcome === 'failure' ? outcome.message : '';
    expect(text).toMatch(message);
    expect(text).toMatch(/\(tried 4 times\)$/);
    expect(text).not.toContain('\n');
    expect(text.length).toBeLessThan(300);
    expect(waits).toEqual([10_000, 30_000, 60_000, LAST_PAUSE]);
  });

  it('asks again for an empty page in the middle and loses no paper', async () => {
    let empties = 0;
    const { outcome, requests } = await runOnce({
      papers: inventPapers(600, NOW),
      config: { ...CONFIG, max_papers: 600 },
      faultFor: (request) => {
        if (request.start !== 200 || empties >= 2) return undefined;
        empties += 1;
        return emptyPage(600);
      },
    });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 600, errors: [] });
    expect(requests.map((request) => request.start)).toEqual([0, 200, 200, 200, 400]);
  });

  it('gives up on a server that never answers or stops in the middle', async () => {
    for (const fault of [hangs, stalls]) {
      const { outcome } = await runOnce({ faultFor: always(fault), deps: { requestTimeoutMs: 100 } });
      expect(outcome).toMatchObject({ outcome: 'failure', retryInSeconds: 1800 });
      expect(outcome.outcome === 'failure' && outcome.message).toMatch(
        /no whole response within 0.1 s \(tried 4 times\)/,
      );
      await server?.close();
    }
  });

  it('does not read an answer without end', async () => {
    const { outcome } = await runOnce({ deps: { maxResponseBytes: 10_000 } });
    expect(outcome.outcome === 'failure' && outcome.message).toMatch(/sent more than 10000 bytes/);
  });
});

describe('refused', () => {
  it.each([200, 400] as const)(
    'discards the job on an error feed with HTTP %i, without asking again',
    async (status) => {
      const { outcome, requests } = await runOnce({
        faultFor: always(errorFeed(status, 'incorrect id format for 1234')),
      });
      expect(outcome).toMatchObject({
        outcome: 'discard',
        reason: `arXiv refuses the query (HTTP ${status}): incorrect id format for 1234`,
      });
      expect(requests).toHaveLength(1);
      expect(await project.sql('select 1 from papers')).toEqual([]);
    },
  );

  it('discards on a 400 without a feed', async () => {
    const { outcome, requests } = await runOnce({ faultFor: always(sends(400, 'Bad Request')) });
    expect(outcome).toMatchObject({
      outcome: 'discard',
      reason: 'arXiv refuses the query (HTTP 400: "Bad Request")',
    });
    expect(requests).toHaveLength(1);
  });

  it('stops at 403 and stays away for a day', async () => {
    const { outcome, requests } = await runOnce({ faultFor: always(forbidden) });
    expect(outcome).toMatchObject({ outcome: 'failure', retryInSeconds: 86_400 });
    expect(outcome.outcome === 'failure' && outcome.message).toMatch(
      /arXiv refuses this machine \(HTTP 403: .*attack/,
    );
    expect(requests).toHaveLength(1);
  });

  it('notices that arXiv ran another query', async () => {
    const { outcome, test } = await runOnce({ faultFor: always(rewritten([])) });
    const [error] = resultOf(outcome).errors;
    expect(error).toMatch(
      /^arxiv: arXiv ran another query than the one sent: .*all:submittedDate:.* in place of all:"invented"/,
    );
    expect(test.warnings).toEqual([expect.stringContaining('ran another query')]);
  });

  it('discards a job whose config cannot be used, before any request', async () => {
    const { outcome, requests } = await runOnce({ config: { config_path: 'config.yaml' } });
    expect(outcome).toMatchObject({ outcome: 'discard' });
    expect(outcome.outcome === 'discard' && outcome.reason).toMatch(/config_path is no longer read/);
    expect(requests).toHaveLength(0);
  });
});

describe('stopping', () => {
  it.each([
    ['while a request hangs', hangs],
    ['while an answer stalls', stalls],
  ])('ends at once %s', async (_name, fault) => {
    const set = await setUp({
      faultFor: (request) => {
        setTimeout(() => set.test.controller.abort(new AbortReason('cancelled', 'stop')), 20);
        return request.number > 0 ? fault : undefined;
      },
    });
    const started = performance.now();
    await expect(set.handler(set.test.context)).rejects.toMatchObject({ abortCause: 'cancelled' });
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('ends at once while it waits between tries, and keeps what it has', async () => {
    const set = await setUp({
      papers: inventPapers(400, NOW),
      config: { ...CONFIG, max_papers: 400 },
      faultFor: (request) => (request.start > 0 ? overloaded : undefined),
      deps: {
        arxivGateMs: 0,
        sleep: (_ms, signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason), { once: true });
            set.test.controller.abort(new AbortReason('timeout', 'too long'));
          }),
      },
    });
    await expect(set.handler(set.test.context)).rejects.toMatchObject({ abortCause: 'timeout' });
    expect(await store.count()).toBe(200);
  });

  it('gives its result when it is stopped in its last pause', async () => {
    const set = await setUp({
      deps: {
        sleep: (_ms, signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason), { once: true });
            set.test.controller.abort(new AbortReason('shutdown', 'bye'));
          }),
      },
    });
    expect(resultOf(await set.handler(set.test.context)).new_papers).toBe(30);
  });

  it('leaves the line at the gate at once', async () => {
    const set = await setUp({ faultFor: always(hangs) });
    const waiting = testContext(CONFIG);
    const hanging = set.handler(set.test.context);
    const stopped = set.handler(waiting.context);
    const reason = new AbortReason('shutdown', 'bye');
    waiting.controller.abort(reason);
    await expect(stopped).rejects.toBe(reason);
    set.test.controller.abort(reason);
    await expect(hanging).rejects.toBe(reason);
    expect(set.requests.length).toBeLessThanOrEqual(1);
  });

  it('fails the job, not the source, if papers cannot be stored', async () => {
    const broken: PaperStore = { ...store, upsert: () => Promise.reject(new Error('the database is down')) };
    const { handler, test } = await setUp({ deps: { store: broken } });
    await expect(handler(test.context)).rejects.toThrow('the database is down');
  });
});
