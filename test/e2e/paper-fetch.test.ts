/** paper_fetch by the packaged action, against local servers that answer and fail as arXiv, OpenAlex and Europe PMC do. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ArxivRequest,
  type ArxivServer,
  brokenXml,
  emptyPage,
  errorFeed,
  type Fault,
  forbidden,
  htmlPage,
  inventPapers,
  overloaded,
  rewritten,
  startFaultyArxivServer,
  throttled,
} from '../support/arxiv-server.ts';
import {
  type EuropePmcServer,
  inventRecord,
  sendEuropePmcError,
  startEuropePmcServer,
} from '../support/europepmc-server.ts';
import {
  inventWork,
  type OpenAlexServer,
  sendJson,
  startOpenAlexServer,
} from '../support/openalex-server.ts';
import { runStep, type StepResult } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

const FAST = { NODE_OPTIONS: `--import=${new URL('../support/fast-sleep.mjs', import.meta.url)}` };
const OPENALEX_KEY = 'the-key-for-openalex';
const NOW = new Date();
/** The newest first, spread over three days: all of them inside of `days_back`. */
const PAPERS = inventPapers(2000, NOW, 3);

/** The faults that a job meets whose keywords hold the word; all but it is answered. */
const FAULTS: Readonly<Record<string, Fault>> = {
  throttled429: throttled(429),
  throttled406: throttled(406),
  error200: errorFeed(200, 'incorrect query: nothing fits'),
  error400: errorFeed(400, 'incorrect query: nothing fits'),
  forbidden,
  overloaded,
  html: htmlPage,
  broken: brokenXml,
  empty: emptyPage(30),
  rewritten: rewritten([]),
  partly: throttled(429),
  forDays: throttled(429),
};
/** These end after so many requests of the job. */
const RECOVERS_AFTER: Readonly<Record<string, number>> = { emptyOnce: 1 };

let project: TestProject;
let arxiv: ArxivServer;
let openAlex: OpenAlexServer;
let europePmc: EuropePmcServer;
let ran: StepResult;
let faulty: StepResult;

const sceneOf = (query: string): string => /all:"scene (\w+)"/i.exec(query)?.[1] ?? '';
const requestsOf = (scene: string): ArxivRequest[] =>
  arxiv.requests.filter((request) => sceneOf(request.query) === scene);

function faultFor(request: ArxivRequest): Fault | undefined {
  const scene = sceneOf(request.query);
  const failures = RECOVERS_AFTER[scene];
  if (failures !== undefined) return requestsOf(scene).length <= failures ? emptyPage(2000) : undefined;
  return FAULTS[scene];
}

async function add(scene: string, config: object = {}): Promise<void> {
  await project.sql(`select cloud_jobs_create($1, 'paper_fetch', $2)`, [
    scene,
    JSON.stringify({ keywords: ['invented', `scene ${scene}`], max_papers: 20, ...config }),
  ]);
}

const run = (inputs: Record<string, string> = {}, env: Record<string, string> = FAST): Promise<StepResult> =>
  runStep(
    { 'supabase-url': project.url, 'supabase-key': project.secretKey, 'job-types': 'paper_fetch', ...inputs },
    {
      CLOUD_JOBS_ARXIV_URL: arxiv.url,
      CLOUD_JOBS_OPENALEX_URL: openAlex.url,
      CLOUD_JOBS_EUROPEPMC_URL: europePmc.url,
      OPENALEX_API_KEY: OPENALEX_KEY,
      ...env,
    },
  );

/** The job of this scene with its newest execution. */
async function outcome(scene: string) {
  const [row] = await project.sql(
    `select j.status as job, j.current_retries as retries, extract(epoch from j.run_at - now())::float8 as due_in, e.*
     from cloud_jobs j join cloud_job_executions e using (job_id) where j.name = $1 order by e.started_at desc limit 1`,
    [scene],
  );
  if (!row) throw new Error(`${scene} has not run`);
  return row;
}

beforeAll(async () => {
  project = await startTestProject();
  arxiv = await startFaultyArxivServer({ papers: PAPERS, faultFor });
  openAlex = await startOpenAlexServer({
    works: [inventWork(1), inventWork(2)],
    intercept: (request, response) => {
      if (!request.params.toString().includes('allfail')) return false;
      sendJson(response, 500, { error: 'Server error', message: request.params.get('api_key') });
      return true;
    },
  });
  europePmc = await startEuropePmcServer({
    records: [inventRecord(1)],
    intercept: (request, response) => {
      if (!/partly|allfail/.test(request.params.get('query') ?? '')) return false;
      sendEuropePmcError(response, 503, 'down for maintenance');
      return true;
    },
  });
  await add('whole', { max_papers: 2000, mailto: 'me@example.org' });
  ran = await run();
  for (const scene of [...Object.keys(FAULTS), ...Object.keys(RECOVERS_AFTER)]) {
    await add(scene, scene === 'partly' ? { sources: 'arxiv,openalex,europepmc' } : {});
  }
  await add('known', { max_papers: 20 });
  await add('nothing', { keywords: ['no paper has this'] });
  await add('allfail', { keywords: ['allfail'], sources: ['openalex', 'europepmc'] });
  await add('wrong', { keyword: 'x' });
  await project.sql(
    `update cloud_jobs set created_at = now() - interval '6 days', snoozes = 9, snoozed_since = now() - interval '5 days'
     where name = 'forDays'`,
  );
  faulty = await run({ concurrency: '8' });
});
afterAll(async () => {
  await Promise.all([arxiv?.close(), openAlex?.close(), europePmc?.close()]);
  await project?.stop();
});

describe('2,000 papers', () => {
  it('are read page by page, stored and counted, with progress', async () => {
    const row = await outcome('whole');
    expect(row).toMatchObject({
      job: 'success',
      progress: { done: 2000, total: 2000, note: 'arXiv: 2000 papers read, 2000 new' },
      result: {
        new_papers: 2000,
        updated_papers: 0,
        total_papers: 2000,
        search_queries: [
          expect.stringMatching(/^\(all:"invented" OR all:"scene whole"\) AND submittedDate:\[/),
        ],
        errors: [],
        per_source: { arxiv: { status: 'ok', found: 2000, pages: 10 } },
        duration_seconds: expect.any(Number),
      },
    });
    expect(await project.sql('select count(*)::int as n from papers where arxiv_id is not null')).toEqual([
      { n: 2000 },
    ]);
    const asked = requestsOf('whole');
    expect(asked.map((request) => request.start)).toEqual(
      Array.from({ length: 10 }, (_, page) => page * 200),
    );
    expect(asked[0]?.headers['user-agent']).toMatch(
      /^cloud-jobs\/\S+ \(\+https:\/\/\S+; mailto:me@example\.org\)$/,
    );
  });

  it('the summary shows the newest with links', () => {
    const links = [...ran.summary.matchAll(/^- <a href="(https:\/\/arxiv\.org\/abs\/[\d.]+)">(.+)<\/a>$/gm)];
    expect(links).toHaveLength(10);
    const [newest] = PAPERS;
    expect(links[0]?.[1]).toBe(`https://arxiv.org/abs/${newest?.versionedId.replace(/v\d+$/, '')}`);
    expect(ran.summary).toContain('newest papers');
  });
});

describe('nothing new says why', () => {
  it('known already', async () => {
    expect(await outcome('known')).toMatchObject({
      job: 'success',
      result: { new_papers: 0, note: expect.stringMatching(/^all 20 papers found .* were known already/) },
    });
  });
  it('no match', async () => {
    expect(await outcome('nothing')).toMatchObject({
      job: 'success',
      result: { new_papers: 0, note: expect.stringMatching(/^no paper matched in \d{4}-\d\d-\d\d to /) },
    });
  });
});

describe('throttled', () => {
  it.each(['throttled429', 'throttled406'])(
    '%s: asked once, back in hours, no retry spent',
    async (scene) => {
      const row = await outcome(scene);
      expect(row).toMatchObject({
        job: 'waiting',
        retries: 0,
        failure_kind: 'snoozed',
        error_message: `arXiv throttles this machine (HTTP ${scene.slice(-3)}: "Rate exceeded.")`,
      });
      expect(row.due_in).toBeGreaterThan(2.5 * 3600);
      expect(row.due_in).toBeLessThan(3.5 * 3600);
      expect(requestsOf(scene)).toHaveLength(1);
    },
  );
});

describe('throttled for days', () => {
  it('the summary says since when nothing came, and since when the job snoozes', () => {
    const shown = faulty.summary.replaceAll('&#40;', '(').replaceAll('&#41;', ')');
    expect(shown).toMatch(
      /forDays.*arXiv has not answered this query to its end since the job was created on [\d-]+ \(6 days ago\): arXiv throttles/,
    );
    expect(shown).toMatch(
      /forDays \(queue default\) has snoozed 10 times in a row, first .*\. See why: show/,
    );
  });
});

describe('answers that are no papers', () => {
  it.each(['error200', 'error400'])('%s: an error, asked once, never again', async (scene) => {
    expect(await outcome(scene)).toMatchObject({
      job: 'failed',
      failure_kind: 'discarded',
      error_message: expect.stringContaining('arXiv refuses the query'),
    });
    expect(requestsOf(scene)).toHaveLength(1);
  });

  it('403: asked once, back in a day', async () => {
    const row = await outcome('forbidden');
    expect(row).toMatchObject({ job: 'waiting', retries: 1, failure_kind: 'error' });
    expect(row.due_in).toBeGreaterThan(20 * 3600);
    expect(requestsOf('forbidden')).toHaveLength(1);
  });

  it.each([
    ['overloaded', /^arXiv is overloaded \(HTTP 503: "<html><body><h1>503 Service/],
    ['html', /not a whole Atom feed: "<!DOCTYPE html> <html> <head><title>arXiv is down/],
    ['broken', /not a whole Atom feed: "<\?xml version="1\.0"\?><feed/],
    ['empty', /^arXiv sent an empty page at 0 of 30 papers/],
  ])('%s: asks four times, quotes the answer, retries in half an hour', async (scene, message) => {
    const row = await outcome(scene);
    expect(row).toMatchObject({ job: 'waiting', retries: 1, failure_kind: 'error' });
    expect(row.error_message).toMatch(message);
    expect(row.due_in).toBeGreaterThan(1700);
    expect(row.due_in).toBeLessThanOrEqual(1800);
    expect(requestsOf(scene)).toHaveLength(4);
  });

  it('an unexpectedly empty page is asked again, and no paper is lost', async () => {
    expect(await outcome('emptyOnce')).toMatchObject({
      job: 'success',
      result: { errors: [], per_source: { arxiv: { found: 20 } } },
    });
    expect(requestsOf('emptyOnce')).toHaveLength(2);
  });

  it('a query that arXiv rewrote is a warning on the page', async () => {
    expect(faulty.summary).toMatch(/⚠️ rewritten: arXiv ran another query than the one sent/);
    expect(await outcome('rewritten')).toMatchObject({
      job: 'success',
      result: { errors: [expect.stringMatching(/^arxiv: arXiv ran another query than the one sent: /)] },
    });
  });
});

describe('several sources', () => {
  it('one works: success, with the errors of the others', async () => {
    expect(await outcome('partly')).toMatchObject({
      job: 'success',
      result: {
        new_papers: 2,
        errors: [
          expect.stringMatching(/^arxiv: arXiv throttles/),
          expect.stringMatching(/^europepmc: .*down for maintenance/),
        ],
        per_source: {
          arxiv: { status: 'throttled' },
          openalex: { status: 'ok', new: 2 },
          europepmc: { status: 'unavailable' },
        },
      },
    });
  });

  it('all fail: failure, with every error and without the key', async () => {
    const row = await outcome('allfail');
    expect(row).toMatchObject({ job: 'waiting', retries: 1, failure_kind: 'error' });
    expect(row.error_message).toMatch(/OpenAlex .*; Europe PMC .*down for maintenance/s);
    expect(JSON.stringify(row)).not.toContain(OPENALEX_KEY);
  });
});

describe('the config', () => {
  it('with an unknown key is refused by create, and discarded by run', async () => {
    const message = /unknown key "keyword" \(known are: keywords, categories, days_back, /;
    const refused = await run({
      command: 'create',
      name: 'refused',
      'job-type': 'paper_fetch',
      config: '{"keyword": "x"}',
    });
    expect(refused.code).toBe(1);
    expect(refused.log).toMatch(message);
    expect(await outcome('wrong')).toMatchObject({
      job: 'failed',
      failure_kind: 'discarded',
      error_message: expect.stringMatching(message),
    });
  });
});

it('two workers, two jobs: 3 s between the requests of both', async () => {
  const times: number[] = [];
  const slow = await startFaultyArxivServer({
    papers: PAPERS,
    faultFor: () => {
      times.push(performance.now());
      return undefined;
    },
  });
  try {
    await project.sql('truncate cloud_jobs cascade');
    for (const name of ['one', 'two']) {
      const made = await run({
        command: 'create',
        name,
        'job-type': 'paper_fetch',
        config: JSON.stringify({ keywords: [name, 'invented'], max_papers: 20 }),
      });
      expect(made.code).toBe(0);
    }
    // Real time, and each worker takes one job only: the second waits for the key of the first.
    const worker = () =>
      run({ 'max-jobs': '1', 'linger-minutes': '0.2' }, { CLOUD_JOBS_ARXIV_URL: slow.url });
    const ended = await Promise.all([worker(), worker()]);
    expect(ended.map(({ outputs }) => outputs.succeeded)).toEqual(['1', '1']);
    expect(times).toHaveLength(2);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(3000);
  } finally {
    await slow.close();
  }
});
