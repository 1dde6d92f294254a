import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PaperStore } from '../../../src/handlers/paper-fetch/store.ts';
import { throttled } from '../../support/arxiv-server.ts';
import { inventRecord, sendEuropePmcError } from '../../support/europepmc-server.ts';
import { inventWork, sendJson } from '../../support/openalex-server.ts';
import { startTestProject, type TestProject } from '../../support/stack.ts';
import { realStore, resultOf } from './harness.ts';
import { many, OPENALEX_KEY, runOnce as runScene, type Scene } from './scene.ts';

const KEY = OPENALEX_KEY;
let project: TestProject;
let store: PaperStore;

beforeAll(async () => {
  project = await startTestProject();
  store = realStore(project);
});
afterAll(() => project?.stop());
beforeEach(() => project.sql('truncate public.papers, public.cloud_jobs_paper_queries'));

const runOnce = (scene: Scene) => runScene(store, scene);

const answers =
  (answer: (response: ServerResponse) => void) => (_request: unknown, response: ServerResponse) => {
    answer(response);
    return true;
  };

describe('OpenAlex', () => {
  const config = { keywords: [['agents', 'rag'], ['safety']], sources: ['openalex'], max_papers: 250 };

  it('reads all pages and stores works with their abstracts', async () => {
    const { outcome, test, openAlex } = await runOnce({
      config,
      openAlex: {
        works: [
          inventWork(1, { title: 'Agents in <i>E. coli</i> &amp; CO<sub>2</sub>' }),
          ...many(230, inventWork).slice(1),
        ],
      },
    });

    expect(resultOf(outcome)).toMatchObject({
      new_papers: 230,
      search_queries: [
        'title_and_abstract.search:(("agents" OR "rag") AND "safety"),from_publication_date:2026-11-13,to_publication_date:2026-11-24',
      ],
      per_source: { openalex: { status: 'ok', found: 230, total_results: 230 } },
    });
    expect(test.secrets).toEqual([KEY]);
    expect(openAlex.requests).toHaveLength(3);
    const { params, headers } = openAlex.requests[0] ?? {};
    expect(params?.get('api_key')).toBe(KEY);
    expect(params?.get('per_page')).toBe('100');
    expect(headers?.['user-agent']).toMatch(/^cloud-jobs\/1\.2\.3 /);
    expect(await project.sql(`select * from papers where source_id = 'W4400000001'`)).toMatchObject([
      {
        arxiv_id: null,
        doi: '10.5555/work.1',
        title: 'Agents in E. coli & CO2',
        authors: 'Ilse Vandenhoek|Teo Marchetti',
        abstract: 'We study invented agents',
        category_list: ['Multi-Agent Systems'],
        journal_ref: 'Journal of Invented Agents',
        pdf_url: 'https://example.org/work-1.pdf',
      },
    ]);
  });

  it('knows arXiv papers by DOI or by location', async () => {
    const works = [
      inventWork(1, { doi: 'https://doi.org/10.48550/arXiv.2611.00007' }),
      inventWork(2, {
        locations: [{ landing_page_url: 'http://arxiv.org/abs/hep-th/9901001', pdf_url: null }],
      }),
      inventWork(3, { title: null }),
    ];
    const result = resultOf((await runOnce({ config, openAlex: { works } })).outcome);
    expect(result).toMatchObject({
      new_papers: 2,
      errors: [
        expect.stringMatching(
          /^openalex: OpenAlex sent a record that cannot be read, skipped: .*W4400000003 \(title/,
        ),
      ],
    });
    expect(await project.sql('select arxiv_id, doi from papers order by 1')).toEqual([
      { arxiv_id: '2611.00007', doi: null },
      { arxiv_id: 'hep-th/9901001', doi: '10.5555/work.2' },
    ]);
  });

  it('discards a job without a key, and names the variable to set', async () => {
    const { outcome, openAlex } = await runOnce({ config, deps: { openAlexKey: '' } });
    expect(outcome).toMatchObject({ outcome: 'discard' });
    expect(outcome.outcome === 'discard' && outcome.reason).toMatch(
      /OpenAlex needs a key .*OPENALEX_API_KEY/,
    );
    expect(openAlex.requests).toHaveLength(0);
  });

  const echo = `bad request /works?api_key=${encodeURIComponent(KEY)} or ${KEY}`;
  it.each([
    ['429', 429, { error: 'Rate limit exceeded', message: echo }, 'snooze'],
    ['403 over the limit', 403, { error: 'Forbidden', message: `rate limit exceeded ${echo}` }, 'snooze'],
    ['403', 403, { error: 'Forbidden', message: echo }, 'failure'],
    ['400', 400, { error: 'Invalid filter', message: echo }, 'discard'],
    ['500', 500, { error: 'Server error', message: echo }, 'failure'],
    ['another shape', 200, { results: echo }, 'failure'],
  ])('ends well on %s and never shows the key', async (_name, status, body, expected) => {
    const run = await runOnce({
      config,
      openAlex: { intercept: answers((response) => sendJson(response, status, body)) },
    });
    expect(run.outcome.outcome).toBe(expected);
    const shown = JSON.stringify([run.outcome, run.test.lines, run.test.progress]);
    expect(shown).not.toContain(KEY);
    expect(shown).not.toContain(encodeURIComponent(KEY));
  });

  it('snoozes on a 429 that is a web page', async () => {
    const { outcome } = await runOnce({
      config,
      openAlex: {
        intercept: answers((response) =>
          response.writeHead(429, { 'content-type': 'text/html' }).end('<html><h1>429</h1></html>'),
        ),
      },
    });
    expect(outcome).toMatchObject({ outcome: 'snooze' });
  });

  it('does not show the key when the connection breaks', async () => {
    const { outcome, test } = await runOnce({
      config,
      openAlex: { intercept: answers((response) => response.socket?.resetAndDestroy()) },
    });
    expect(outcome).toMatchObject({ outcome: 'failure', retryInSeconds: 1800 });
    expect(JSON.stringify([outcome, test.lines])).not.toContain('oa-secret');
  });
});

describe('Europe PMC', () => {
  const config = { keywords: ['agents'], sources: ['europepmc'], max_papers: 1000 };

  it('reads all pages to the repeated cursor and cleans the text', async () => {
    const { outcome } = await runOnce({ config, europePmc: { records: many(230, inventRecord) } });
    expect(resultOf(outcome)).toMatchObject({
      new_papers: 230,
      search_queries: ['TITLE_ABS:"agents" AND FIRST_PDATE:[2026-11-13 TO 2026-11-24]'],
    });
    expect(await project.sql(`select * from papers where doi = '10.5555/med.1'`)).toMatchObject([
      {
        title: 'Invented agents in E. coli & beyond, part 1.',
        authors: 'Sørbø K|Nakamoto-Reyes P',
        abstract: 'Background Nothing here is real.',
        source_id: 'MED/39000001',
        url: 'https://europepmc.org/article/MED/39000001',
        journal_ref: 'Invented Microbiology',
      },
    ]);
  });

  it.each([
    [400, 'discard'],
    [429, 'snooze'],
    [503, 'failure'],
  ])('takes error %i in an answer with HTTP 200 for what it is', async (code, expected) => {
    const { outcome } = await runOnce({
      config,
      europePmc: {
        intercept: answers((response) => sendEuropePmcError(response, code, 'cannot parse query')),
      },
    });
    expect(outcome.outcome).toBe(expected);
    expect(JSON.stringify(outcome)).toContain(`Europe PMC answered with error ${code}: cannot parse query`);
  });

  it('asks again for an empty page in the middle', async () => {
    const { outcome, waits } = await runOnce({
      config,
      europePmc: {
        records: many(150, inventRecord),
        intercept: (request, response) => {
          if (request.number !== 2) return false;
          sendJson(response, 200, { hitCount: 150, nextCursorMark: 'AoII100', resultList: { result: [] } });
          return true;
        },
      },
    });
    expect(resultOf(outcome).new_papers).toBe(150);
    expect(waits).toEqual([10_000]);
  });
});

describe('several sources', () => {
  const config = { keywords: ['invented'], sources: ['arxiv', 'openalex', 'europepmc'] };
  const works = [inventWork(1), inventWork(2)];
  const records = [inventRecord(1), inventRecord(2, { doi: '10.5555/WORK.2' })];

  it('counts a paper once that two of them have', async () => {
    const { outcome, test } = await runOnce({ config, openAlex: { works }, europePmc: { records } });
    const result = resultOf(outcome);
    expect(result).toMatchObject({ new_papers: 33, total_papers: 33, errors: [] });
    expect(result.per_source).toMatchObject({
      arxiv: { new: 30 },
      openalex: { new: 2 },
      europepmc: { new: 1 },
    });
    expect(test.progress.map((each) => each.done)).toEqual([30, 32, 34]);
  });

  it('succeeds with errors when arXiv throttles and another source answers', async () => {
    const { outcome } = await runOnce({
      config,
      arxiv: { faultFor: () => throttled(429) },
      openAlex: { works },
      europePmc: { intercept: answers((response) => sendEuropePmcError(response, 400, 'bad')) },
    });
    const result = resultOf(outcome);
    expect(result).toMatchObject({
      new_papers: 2,
      per_source: {
        arxiv: { status: 'throttled' },
        openalex: { status: 'ok' },
        europepmc: { status: 'rejected' },
      },
    });
    expect(result.errors).toEqual([
      'arxiv: arXiv throttles this machine (HTTP 429: "Rate exceeded.")',
      expect.stringMatching(/^europepmc: Europe PMC answered with error 400: bad/),
    ]);
  });

  it('snoozes when all fail and one of them throttles', async () => {
    const { outcome } = await runOnce({
      config,
      arxiv: { faultFor: () => throttled(406) },
      deps: { openAlexKey: '' },
      europePmc: { intercept: answers((response) => sendEuropePmcError(response, 503, 'down')) },
    });
    expect(outcome.outcome).toBe('snooze');
  });
});
