/** Sources that ask to wait: how long a run waits itself, when the job comes back, and what the summary says meanwhile. */
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PaperStore } from '../../../src/handlers/paper-fetch/store.ts';
import { sends, throttled } from '../../support/arxiv-server.ts';
import { inventRecord } from '../../support/europepmc-server.ts';
import { inventWork, type OpenAlexRequest } from '../../support/openalex-server.ts';
import { startTestProject, type TestProject } from '../../support/stack.ts';
import { realStore, resultOf, testContext } from './harness.ts';
import { many, NOW, runOnce, startScene } from './scene.ts';

let project: TestProject;
let store: PaperStore;

beforeAll(async () => {
  project = await startTestProject();
  store = realStore(project);
});
afterAll(() => project?.stop());
beforeEach(() => project.sql('truncate public.papers, public.cloud_jobs_paper_queries'));

const config = { keywords: ['agents'], sources: ['openalex'], max_papers: 300 };
const works = many(250, inventWork);
const inSeconds = (seconds: number) => new Date(NOW.getTime() + seconds * 1000).toUTCString();

/** Answers the request with this number, and those after it if asked to, with an error and these headers. */
const refuse =
  (number: number, headers: Record<string, string>, options: { status?: number; always?: boolean } = {}) =>
  (request: OpenAlexRequest, response: ServerResponse): boolean => {
    if (options.always ? request.number < number : request.number !== number) return false;
    response.writeHead(options.status ?? 429, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ error: 'Rate limit exceeded', message: 'Slow down' }));
    return true;
  };

describe('a short wait', () => {
  it.each([
    ['1', 1000],
    ['0', 1000],
    ['59', 59_000],
    [inSeconds(5), 5000],
    [inSeconds(-3600), 1000],
  ])('is waited for on page 3: Retry-After %s', async (retryAfter, waitMs) => {
    const { outcome, waits } = await runOnce(store, {
      config,
      openAlex: { works, intercept: refuse(3, { 'retry-after': retryAfter }) },
    });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 250, errors: [] });
    expect(waits).toEqual([waitMs]);
  });

  it.each([429, 503, 408])('is waited for whatever the status: %i', async (status) => {
    const { outcome, waits } = await runOnce(store, {
      config,
      openAlex: { works, intercept: refuse(2, { 'retry-after': '20' }, { status }) },
    });
    expect(resultOf(outcome).new_papers).toBe(250);
    expect(waits).toEqual([20_000]);
  });

  it('is waited for three times, then the job comes back hours later', async () => {
    const { outcome, waits } = await runOnce(store, {
      config,
      openAlex: { works, intercept: refuse(3, { 'retry-after': '1' }, { always: true }) },
    });
    expect(outcome).toMatchObject({ outcome: 'snooze', seconds: 10_800, details: { new_papers: 200 } });
    expect(JSON.stringify(outcome)).toContain('OpenAlex throttles this key');
    expect(JSON.stringify(outcome)).not.toContain('budget');
    expect(waits).toEqual([1000, 1000, 1000]);
  });

  it('is waited for at arXiv and Europe PMC too', async () => {
    const { outcome, waits } = await runOnce(store, {
      config: { keywords: ['invented'], sources: ['arxiv', 'europepmc'] },
      arxiv: {
        faultFor: ({ number }) =>
          number === 1 ? sends(429, 'Rate exceeded.', { 'retry-after': '7' }) : undefined,
      },
      europePmc: {
        records: many(3, inventRecord),
        intercept: ({ number }, response) => {
          if (number === 1) response.writeHead(429, { 'retry-after': '8' }).end('slow down');
          return number === 1;
        },
      },
    });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 33, errors: [] });
    expect(waits).toContain(7000);
    expect(waits).toContain(8000);
  });
});

describe('a long wait', () => {
  it.each([
    ['61', 61],
    ['7200', 7200],
    [inSeconds(7200), 7200],
    ['99999999999999999999', 86_400],
    [`${'9'.repeat(400)}`, 86_400],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 86_400],
    ['soon', 10_800],
    ['-5', 10_800],
  ])('puts the job off until then, up to a day: Retry-After %s', async (retryAfter, seconds) => {
    const { outcome, openAlex } = await runOnce(store, {
      config,
      openAlex: { works, intercept: refuse(3, { 'retry-after': retryAfter }) },
    });
    expect(outcome).toMatchObject({ outcome: 'snooze', seconds, details: { new_papers: 200 } });
    expect(openAlex.requests).toHaveLength(3);
  });

  it('puts the job off if an overloaded source asks for it', async () => {
    const { outcome, openAlex } = await runOnce(store, {
      config,
      openAlex: { works, intercept: refuse(1, { 'retry-after': '600' }, { status: 503 }) },
    });
    expect(outcome).toMatchObject({ outcome: 'snooze', seconds: 600 });
    expect(openAlex.requests).toHaveLength(1);
  });

  // In seconds from now: SMTG-Bham/PaperMinerToolkit#75.
  it('lasts until the budget of OpenAlex is renewed', async () => {
    const headers = { 'x-ratelimit-remaining-usd': '0', 'x-ratelimit-reset': '20000' };
    const { outcome } = await runOnce(store, { config, openAlex: { works, intercept: refuse(1, headers) } });
    expect(outcome).toMatchObject({ outcome: 'snooze', seconds: 20_000 });
  });
});

describe('a source that fails for days', () => {
  const daily = { keywords: ['invented'] };
  const days = (count: number) => new Date(NOW.getTime() - count * 86_400_000).toISOString();

  it('is reported with the day of the last complete answer', async () => {
    let isDown = false;
    let now = NOW;
    await using scene = await startScene(store, {
      config: daily,
      arxiv: { faultFor: () => (isDown ? throttled(429) : undefined) },
      deps: { now: () => now },
    });
    resultOf(await scene.run());
    await project.sql(`update cloud_jobs_paper_queries set completed_at = completed_at - interval '5 days'`);
    isDown = true;
    now = new Date(NOW);
    const outcome = await scene.run(testContext(daily, days(30)));
    expect(outcome).toMatchObject({
      outcome: 'snooze',
      reason: expect.stringContaining(
        'arXiv has not answered this query to its end since 2026-11-19 (5 days ago)',
      ),
    });
  });

  it('is reported with the day of the job if there never was one', async () => {
    const scene = { config: daily, arxiv: { faultFor: () => throttled(429) } };
    await using started = await startScene(store, scene);
    expect(await started.run(testContext(daily, days(4)))).toMatchObject({
      reason: expect.stringContaining('since the job was created on 2026-11-20 (4 days ago)'),
    });
    expect(await started.run(testContext(daily, days(0.5)))).toMatchObject({
      reason: expect.not.stringContaining('since'),
    });
  });

  it('is a warning beside a source that works', async () => {
    const both = { keywords: ['agents'], sources: ['arxiv', 'openalex'] };
    await using scene = await startScene(store, {
      config: both,
      arxiv: { faultFor: () => throttled(406) },
      openAlex: { works: many(2, inventWork) },
    });
    const test = testContext(both, days(3));
    expect(resultOf(await scene.run(test)).new_papers).toBe(2);
    expect(test.warnings).toEqual([
      expect.stringMatching(
        /^arXiv has not answered this query to its end since the job was created on 2026-11-21 \(3 days ago\): arXiv throttles this machine /,
      ),
    ]);
  });
});
