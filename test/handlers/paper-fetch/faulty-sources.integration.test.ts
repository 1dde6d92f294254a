/**
 * What sources do wrong while they answer: odd records, wrong totals, phrases they refuse. The servers in test/support
 * name the reports.
 */
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PaperStore } from '../../../src/handlers/paper-fetch/store.ts';
import {
  type ArxivRequest,
  emptyPage,
  errorFeed,
  type Fault,
  inventPapers,
  throttled,
} from '../../support/arxiv-server.ts';
import { inventRecord } from '../../support/europepmc-server.ts';
import { inventWork, sendJson } from '../../support/openalex-server.ts';
import { startTestProject, type TestProject } from '../../support/stack.ts';
import { realStore, resultOf, testContext } from './harness.ts';
import { from, many, NOW, runOnce, startScene } from './scene.ts';

let project: TestProject;
let store: PaperStore;

beforeAll(async () => {
  project = await startTestProject();
  store = realStore(project);
});
afterAll(() => project?.stop());
beforeEach(() => project.sql('truncate public.papers, public.cloud_jobs_paper_queries'));

describe('an odd record', () => {
  const openAlexConfig = { keywords: ['agents'], sources: ['openalex'] };
  const europePmcConfig = { keywords: ['agents'], sources: ['europepmc'] };

  it.each<[string, unknown, string]>([
    ['an author that is null', inventWork(2, { authorships: [{ author: null }] }), 'W4400000002'],
    ['authors that are no list', inventWork(2, { authorships: {} }), 'W4400000002'],
    ['no id', inventWork(2, { id: undefined }), 'An Invented Work about Agents, Number 2'],
    ['an id that is a number', inventWork(2, { id: 17 }), '17'],
    ['an id of something else', inventWork(2, { id: 'https://openalex.org/A5' }), 'A5'],
    ['no title', inventWork(2, { title: null }), 'W4400000002'],
    ['a title of blanks', inventWork(2, { title: '\u0000 ' }), 'W4400000002'],
    ['a title that is a list', inventWork(2, { title: ['x'] }), 'W4400000002'],
    ['a date of the year 99999', inventWork(2, { publication_date: '+099999-01-01' }), 'W4400000002'],
    ['positions that are text', inventWork(2, { abstract_inverted_index: { a: ['0'] } }), 'W4400000002'],
    ['a location that is text', inventWork(2, { locations: ['x'] }), 'W4400000002'],
    ['null', null, 'record 2 of the page'],
    ['a text', 'gone', 'record 2 of the page'],
    ['a list', [], 'record 2 of the page'],
  ])('of OpenAlex is skipped and named: %s', async (_name, odd, named) => {
    const works = [inventWork(1), odd as object, inventWork(3)];
    const { outcome, test } = await runOnce(store, { config: openAlexConfig, openAlex: { works } });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 2, per_source: { openalex: { status: 'ok' } } });
    expect(test.warnings).toEqual([expect.stringContaining(named)]);
  });

  it.each<[string, unknown, string]>([
    ['no id', inventRecord(2, { id: null }), 'part 2.'],
    ['an id that is half a character', inventRecord(2, { id: '\ud800' }), 'skipped: '],
    ['no source', inventRecord(2, { source: undefined }), '39000002'],
    ['authors that are null', inventRecord(2, { authorList: { author: null } }), '39000002'],
    ['one author that is null', inventRecord(2, { authorList: { author: [null] } }), '39000002'],
    ['an abstract that is a number', inventRecord(2, { abstractText: 5 }), '39000002'],
    ['no date', inventRecord(2, { firstPublicationDate: null }), '39000002'],
    ['null', null, 'record 2 of the page'],
  ])('of Europe PMC is skipped and named: %s', async (_name, odd, named) => {
    const records = [inventRecord(1), odd as object, inventRecord(3)];
    const { outcome, test } = await runOnce(store, { config: europePmcConfig, europePmc: { records } });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 2, per_source: { europepmc: { status: 'ok' } } });
    expect(test.warnings).toEqual([expect.stringContaining(named)]);
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['a DOI of 5,000 characters', { doi: `https://doi.org/10.5555/${'x'.repeat(5000)}` }],
    ['a topic of 9,000 characters', { topics: [{ display_name: 'ÿ'.repeat(9000) }] }],
    ['3,000 authors', { authorships: many(3000, (number) => ({ author: { display_name: `A ${number}` } })) }],
    ['half a character in its title', { title: 'Half \ud83d of it\u0000' }],
    ['an empty abstract', { abstract_inverted_index: {} }],
  ])('is stored if only a detail is odd: %s', async (_name, fields) => {
    const works = [inventWork(1), inventWork(2, fields), inventWork(3)];
    const { outcome } = await runOnce(store, { config: openAlexConfig, openAlex: { works } });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 3, errors: [] });
  });

  it('names five of many', async () => {
    const works = many(9, (number) => inventWork(number, { authorships: [{ author: null }] }));
    const { outcome, test } = await runOnce(store, { config: openAlexConfig, openAlex: { works } });
    expect(resultOf(outcome).new_papers).toBe(0);
    expect(test.warnings[0]).toMatch(
      /sent 9 records that cannot be read, skipped: .*W4400000005 .* and 4 more$/,
    );
  });

  it('of arXiv beside an error entry costs no paper', async () => {
    const papers = inventPapers(400, NOW);
    const spoil: Fault = (_request, response) => {
      const end = response.end.bind(response);
      response.end = ((body: string) => end(spoiled(body))) as ServerResponse['end'];
    };
    const { outcome, test } = await runOnce(store, {
      config: { keywords: ['invented'], max_papers: 400 },
      arxiv: {
        papers,
        intercept: (request, response) => {
          if (request.start === 200) spoil(request, response);
          return false;
        },
      },
    });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 399 });
    expect(test.warnings.join()).toMatch(/skipped: http:\/\/arxiv.org\/abs\/odd \(no arXiv id\)/);
    expect(test.warnings.join()).toContain('arXiv put an error among the papers of a page: lost');
  });

  /** Takes the id of the first entry away and adds an error entry. */
  function spoiled(feed: string): string {
    const error =
      '<entry><id>https://arxiv.org/api/errors#lost</id><title>Error</title><summary>lost</summary></entry>';
    return feed
      .replace(/<id>http:\/\/arxiv.org\/abs\/[^<]*</, '<id>http://arxiv.org/abs/odd<')
      .replace('</feed>', `${error}</feed>`);
  }
});

describe('a total that is wrong', () => {
  const europePmcConfig = { keywords: ['agents'], sources: ['europepmc'], max_papers: 1000 };
  const arxivConfig = { keywords: ['invented'], max_papers: 1000 };

  it.each([
    [170, 168],
    [300, 168],
  ])('of Europe PMC is a warning: it says %i and gives %i', async (hitCount, given) => {
    const { outcome, test, waits } = await runOnce(store, {
      config: europePmcConfig,
      europePmc: { records: many(given, inventRecord), hitCount },
    });
    expect(resultOf(outcome)).toMatchObject({
      new_papers: given,
      per_source: { europepmc: { status: 'ok' } },
    });
    expect(test.warnings).toEqual([`Europe PMC said ${hitCount} papers and gave ${given}`]);
    expect(waits).toEqual([10_000, 30_000, 60_000]);
  });

  it('of arXiv is a warning: it says 401 and gives 400', async () => {
    const { outcome, test } = await runOnce(store, {
      config: arxivConfig,
      arxiv: { papers: inventPapers(400, NOW), faultFor: from(400, emptyPage(401)), total: 401 },
    });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 400, per_source: { arxiv: { status: 'ok' } } });
    expect(test.warnings).toEqual(['arXiv said 401 papers and gave 400']);
  });

  it.each([
    ['too low', 150],
    ['zero', 0],
    ['no number', 'many'],
    ['missing', null],
  ])('leaves no paper behind: %s', async (_name, hitCount) => {
    const { outcome } = await runOnce(store, {
      config: europePmcConfig,
      europePmc: { records: many(230, inventRecord), hitCount },
    });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 230, errors: [] });
  });

  it('that is too low by a page leaves no paper of arXiv behind', async () => {
    const papers = inventPapers(401, NOW);
    const { outcome } = await runOnce(store, { config: arxivConfig, arxiv: { papers, total: 400 } });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 401, errors: [] });
  });

  it('does not count as read to the end if much is missing', async () => {
    await using scene = await startScene(store, {
      config: europePmcConfig,
      europePmc: { records: many(168, inventRecord), hitCount: 300 },
    });
    await scene.run();
    expect(await project.sql('select completed_at from cloud_jobs_paper_queries')).toEqual([
      { completed_at: null },
    ]);
  });
});

describe('a phrase that arXiv refuses', () => {
  const words = many(19, (number) => ({ word: `topic ${number}` })).map(
    (each) => (each as { word: string }).word,
  );
  const refusing =
    (...phrases: string[]) =>
    ({ query }: ArxivRequest): Fault | undefined =>
      phrases.some((phrase) => query.includes(`"${phrase}"`)) ? errorFeed(400, 'bad query') : undefined;

  it.each([
    ['written in another alphabet', 'теория поля', 2],
    ['with a sign', 'P→NP', 2],
    ['of plain letters', 'topic 7 b', 8],
  ])('is left out and named: %s', async (_name, phrase, requests) => {
    const config = { keywords: ['invented', ...words, phrase] };
    const { outcome, test, arxiv } = await runOnce(store, { config, arxiv: { faultFor: refusing(phrase) } });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 30, per_source: { arxiv: { status: 'ok' } } });
    expect(test.warnings).toEqual([
      expect.stringContaining(`arXiv does not take the phrase "${phrase}", left out`),
    ]);
    expect(arxiv.requests.length).toBeLessThanOrEqual(requests);
  });

  it('is found beside a second one', async () => {
    const config = { keywords: ['invented', 'теория', 'поле', 'числа', ...words] };
    const { outcome, test } = await runOnce(store, {
      config,
      arxiv: { faultFor: refusing('поле', 'числа') },
    });
    expect(resultOf(outcome).new_papers).toBe(30);
    expect(test.warnings.join()).toMatch(/"поле".*"числа"|"числа".*"поле"/s);
    expect(test.warnings.join()).not.toContain('"теория"');
  });

  it('takes the list with it that needs all of its parts', async () => {
    const config = { keywords: { any: [{ all: ['invented', 'теория'] }, 'invented'] } };
    const { outcome, arxiv } = await runOnce(store, { config, arxiv: { faultFor: refusing('теория') } });
    expect(resultOf(outcome).new_papers).toBe(30);
    expect(arxiv.requests.at(-1)?.query).toMatch(/^all:"invented" AND submittedDate/);
  });

  it('is not blamed if the query is refused without it too', async () => {
    const config = { keywords: ['invented', 'теория'] };
    const { outcome, test } = await runOnce(store, {
      config,
      arxiv: { faultFor: () => errorFeed(400, 'no') },
    });
    expect(outcome).toMatchObject({ outcome: 'discard', reason: 'arXiv refuses the query (HTTP 400): no' });
    expect(test.warnings).toEqual([]);
  });

  it('ends the job if nothing is left, and is named', async () => {
    const config = { keywords: [['invented'], ['теория']] };
    const { outcome } = await runOnce(store, { config, arxiv: { faultFor: refusing('теория') } });
    expect(outcome).toMatchObject({
      outcome: 'discard',
      reason: expect.stringContaining('The phrase "теория" is why: write it another way in keywords'),
    });
  });

  it('is not searched for while arXiv throttles', async () => {
    const config = { keywords: ['invented', 'a b', 'c d', 'e f'] };
    const faultFor = ({ number }: ArxivRequest) => (number === 1 ? errorFeed(400, 'bad') : throttled(429));
    const { outcome, arxiv } = await runOnce(store, { config, arxiv: { faultFor } });
    expect(outcome).toMatchObject({ outcome: 'snooze' });
    expect(arxiv.requests).toHaveLength(2);
  });

  it('is none if its letters can be written without accents', async () => {
    const config = {
      keywords: ['Łukasiewicz logic', 'Gödel', 'Erdős–Rényi', 'Ångström', 'Çelik', 'invented'],
    };
    const { outcome, test, arxiv } = await runOnce(store, {
      config,
      arxiv: { faultFor: ({ query }) => (/[^ -~]/.test(query) ? errorFeed(400, 'accents') : undefined) },
    });
    expect(resultOf(outcome).new_papers).toBe(30);
    expect(test.warnings).toEqual([]);
    expect(arxiv.requests.map(({ query }) => query.includes('all:"Godel" OR all:"Erdos-Renyi"'))).toEqual([
      false,
      true,
    ]);
  });

  it('is looked for beside one that is refused for its accents', async () => {
    const config = { keywords: ['Gödel', 'P→NP', 'invented'] };
    const { outcome, test } = await runOnce(store, {
      config,
      arxiv: { faultFor: ({ query }) => (/[^ -~]/.test(query) ? errorFeed(400, 'accents') : undefined) },
    });
    expect(resultOf(outcome).new_papers).toBe(30);
    expect(test.warnings).toEqual([expect.stringContaining('arXiv does not take the phrase "P→NP"')]);
  });
});

describe('a phrase with accents', () => {
  it.each(['Fréchet', 'Frechet'])('finds a paper that writes %s', async (written) => {
    const [paper] = inventPapers(1, NOW);
    if (paper === undefined) throw new Error('no paper');
    const papers = [{ ...paper, title: `A slice theorem for ${written} spaces` }];
    const { outcome } = await runOnce(store, { config: { keywords: ['Fréchet'] }, arxiv: { papers } });
    expect(resultOf(outcome)).toMatchObject({ new_papers: 1, errors: [] });
  });
});

describe('an error after the first page', () => {
  const config = { keywords: ['invented'], max_papers: 600 };
  const papers = inventPapers(600, NOW);

  it.each([200, 400] as const)(
    'keeps the papers and says so: an error entry with HTTP %i',
    async (status) => {
      await using scene = await startScene(store, {
        config,
        arxiv: { papers, faultFor: from(200, errorFeed(status, 'incorrect start')) },
      });
      const outcome = await scene.run();
      expect(outcome).toMatchObject({
        outcome: 'failure',
        retryInSeconds: 1800,
        message: expect.stringMatching(/incorrect start .*first 200 entries.*200 papers that came before/),
        details: { new_papers: 200 },
      });
      expect(scene.arxiv.requests).toHaveLength(2);
      expect(await store.count()).toBe(200);
      // Also if they were known already.
      expect(await scene.run(testContext(config))).toMatchObject({
        message: expect.stringContaining('(200 papers that came before that are stored)'),
      });
    },
  );

  it('does not make the next attempt read everything again', async () => {
    let isDown = true;
    await using scene = await startScene(store, {
      config,
      arxiv: { papers, faultFor: ({ start }) => (isDown && start >= 400 ? throttled(429) : undefined) },
    });
    expect(await scene.run()).toMatchObject({ outcome: 'snooze', details: { new_papers: 400 } });
    isDown = false;
    const before = scene.arxiv.requests.length;
    expect(resultOf(await scene.run(testContext(config)))).toMatchObject({
      new_papers: 200,
      total_papers: 600,
    });
    // The first page is read to see what is new since.
    expect(scene.arxiv.requests.slice(before).map(({ start }) => start)).toEqual([0, 400]);
  });

  it('reads what appeared at the front before it goes on', async () => {
    let isDown = true;
    let given = many(230, inventWork);
    await using scene = await startScene(store, {
      config: { keywords: ['agents'], sources: ['openalex'], max_papers: 600 },
      openAlex: {
        works: () => given,
        intercept: (request, response) => {
          if (!isDown || request.params.get('cursor') === '*') return false;
          sendJson(response, 500, { error: 'down' });
          return true;
        },
      },
    });
    expect(await scene.run()).toMatchObject({ outcome: 'failure', details: { new_papers: 100 } });
    isDown = false;
    given = [...many(120, (number) => inventWork(9000 + number)), ...given];
    expect(resultOf(await scene.run(testContext(scene.test.context.config)))).toMatchObject({
      total_papers: 350,
    });
  });

  it('starts anew if the source refuses the position', async () => {
    let isDown = true;
    await using scene = await startScene(store, {
      config: { keywords: ['agents'], sources: ['openalex'], max_papers: 600 },
      openAlex: {
        works: many(230, inventWork),
        intercept: (request, response) => {
          if (!isDown || request.number === 1) return false;
          if (request.number === 6) sendJson(response, 200, { meta: { count: 230 }, results: [] });
          else sendJson(response, request.number < 6 ? 500 : 400, { error: 'Invalid cursor' });
          return true;
        },
      },
    });
    expect(await scene.run()).toMatchObject({ outcome: 'failure' });
    isDown = false;
    expect(resultOf(await scene.run(testContext(scene.test.context.config)))).toMatchObject({
      total_papers: 230,
    });
  });
});
