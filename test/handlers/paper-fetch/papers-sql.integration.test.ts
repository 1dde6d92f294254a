import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Paper } from '../../../src/handlers/paper-fetch/paper.ts';
import type { PaperStore } from '../../../src/handlers/paper-fetch/store.ts';
import { startTestProject, type TestProject } from '../../support/stack.ts';
import { realStore } from './harness.ts';

let project: TestProject;
let store: PaperStore;

beforeAll(async () => {
  project = await startTestProject();
  store = realStore(project);
});
afterAll(() => project?.stop());
beforeEach(() => project.sql('truncate public.papers, public.cloud_jobs_paper_queries'));

const arxivPaper = (fields: Partial<Paper> = {}): Paper => ({
  source: 'arxiv',
  sourceId: '2611.01234',
  arxivId: '2611.01234',
  version: 1,
  doi: null,
  title: 'A Title',
  authors: ['Mirela Brandvold', 'Oskar Okonjo'],
  abstract: 'An abstract.',
  categories: ['cs.AI', 'cs.LG'],
  primaryCategory: 'cs.AI',
  published: '2026-11-20T10:00:00.000Z',
  updated: '2026-11-20T10:00:00.000Z',
  url: 'https://arxiv.org/abs/2611.01234',
  pdfUrl: 'https://arxiv.org/pdf/2611.01234',
  comment: '9 pages',
  journalRef: null,
  ...fields,
});
const arxivNumber = (number: number, fields: Partial<Paper> = {}): Paper => {
  const id = `2611.${String(number).padStart(5, '0')}`;
  return arxivPaper({ arxivId: id, sourceId: id, ...fields });
};
const workPaper = (fields: Partial<Paper> = {}): Paper =>
  arxivPaper({
    source: 'openalex',
    sourceId: 'W4400000001',
    arxivId: null,
    version: null,
    doi: '10.5555/work.1',
    updated: null,
    comment: null,
    ...fields,
  });
const rows = () => project.sql('select * from public.papers order by arxiv_id nulls last, doi, source_id');

describe('cloud_jobs_paper_list', () => {
  it('lists the papers that a job found first', async () => {
    await store.upsert([arxivNumber(1), arxivNumber(2, { published: '2026-11-21T10:00:00.000Z' })], 'one');
    await store.upsert([arxivNumber(2, { version: 2 }), arxivNumber(3)], 'other');
    const found = async (job: string | null) => {
      const [row] = await project.sql<{ reply: { papers: { url: string }[]; next: string | null } }>(
        'select cloud_jobs_paper_list(limit_param => 2, job_id_param => $1) as reply',
        [job],
      );
      return [row?.reply.papers.length, row?.reply.next !== null];
    };
    expect(await found('one')).toEqual([2, false]);
    expect(await found('other')).toEqual([1, false]);
    expect(await found('no job')).toEqual([0, false]);
    expect(await found(null)).toEqual([2, true]);
  });
});

describe('cloud_jobs_upsert_papers', () => {
  it("stores a paper in the first clients' columns and the newer ones", async () => {
    const counts = await store.upsert([arxivPaper({ doi: '10.5555/x', authors: ['A | B', 'C'] })]);

    expect(counts).toEqual({ inserted: 1, updated: 0, unchanged: 0, insertedIds: ['2611.01234'] });
    const [row] = await rows();
    expect(row).toMatchObject({
      arxiv_id: '2611.01234',
      authors: 'A   B|C',
      author_list: ['A   B', 'C'],
      categories: 'cs.AI|cs.LG',
      category_list: ['cs.AI', 'cs.LG'],
      primary_category: 'cs.AI',
      version: 1,
      source: 'arxiv',
      doi: '10.5555/x',
      pdf_path: null,
      published: new Date('2026-11-20T10:00:00Z'),
    });
    expect(await store.count()).toBe(1);
  });

  it('accepts that a source joins two entries that each have a row', async () => {
    await store.upsert([
      workPaper({ sourceId: 'W22', arxivId: '2602.00001', doi: null }),
      workPaper({ sourceId: 'W21', doi: '10.5555/j' }),
    ]);
    const joined = workPaper({ sourceId: 'W21', arxivId: '2602.00001', doi: '10.5555/j', title: 'Joined' });
    expect(await store.upsert([joined, workPaper({ sourceId: 'W23', doi: '10.5555/other' })])).toMatchObject({
      inserted: 1,
      updated: 1,
    });
    expect(await project.sql('select source_id, title from papers order by 1')).toEqual([
      { source_id: 'W21', title: 'A Title' },
      { source_id: 'W22', title: 'Joined' },
      { source_id: 'W23', title: 'A Title' },
    ]);
  });

  it('keeps the first arXiv id if the source gives the entry another', async () => {
    await store.upsert([workPaper({ arxivId: '2602.00001', doi: null })]);
    const moved = workPaper({ arxivId: '2602.00002', doi: null, title: 'Moved' });
    expect(await store.upsert([moved])).toMatchObject({ inserted: 0, updated: 1, unchanged: 0 });
    expect(await rows()).toMatchObject([{ arxiv_id: '2602.00001', title: 'Moved' }]);
  });

  it('does nothing the second time', async () => {
    await store.upsert([arxivPaper()]);
    const before = await rows();

    expect(await store.upsert([arxivPaper()])).toEqual({
      inserted: 0,
      updated: 0,
      unchanged: 1,
      insertedIds: [],
    });
    expect(await rows()).toEqual(before);
  });

  it('lets a newer version replace the row, but not its keys', async () => {
    await store.upsert([arxivPaper()]);
    await project.sql(`update public.papers set pdf_path = 'kept.pdf'`);
    const [before] = await rows();

    const newer = arxivPaper({
      version: 2,
      title: 'A Better Title',
      comment: null,
      updated: '2026-11-22T00:00:00.000Z',
    });
    expect(await store.upsert([newer])).toMatchObject({ inserted: 0, updated: 1, unchanged: 0 });
    const [after] = await rows();
    expect(after).toMatchObject({
      id: before?.id,
      created_at: before?.created_at,
      pdf_path: 'kept.pdf',
      title: 'A Better Title',
      version: 2,
      comment: null,
    });

    expect(await store.upsert([arxivPaper()])).toMatchObject({ inserted: 0, updated: 0, unchanged: 1 });
    expect((await rows())[0]).toEqual(after);
  });

  it('takes over changes without a new version (a journal reference)', async () => {
    await store.upsert([arxivPaper()]);
    expect(await store.upsert([arxivPaper({ journalRef: 'J. Inv. 1', doi: '10.5555/j.1' })])).toMatchObject({
      updated: 1,
    });
    expect((await rows())[0]).toMatchObject({ journal_ref: 'J. Inv. 1', doi: '10.5555/j.1' });
  });

  it('knows a paper by arXiv id or DOI and only fills in missing fields', async () => {
    await store.upsert([arxivPaper({ abstract: null })]);
    const sameByArxivId = workPaper({
      arxivId: '2611.01234',
      title: 'Other Title',
      abstract: 'From elsewhere.',
    });

    expect(await store.upsert([sameByArxivId])).toMatchObject({ inserted: 0, updated: 1 });
    const sameByDoi = workPaper({ source: 'europepmc', sourceId: 'MED/1', title: 'Third Title' });
    expect(await store.upsert([sameByDoi])).toMatchObject({ inserted: 0, updated: 0, unchanged: 1 });

    const stored = await rows();
    expect(stored).toHaveLength(1);
    expect(stored[0]).toMatchObject({
      title: 'A Title',
      abstract: 'From elsewhere.',
      doi: '10.5555/work.1',
      source: 'arxiv',
      source_id: '2611.01234',
    });
  });

  it('lets arXiv take over a row that another source brought first', async () => {
    await store.upsert([workPaper({ title: 'Draft Title' })]);
    const [before] = await rows();

    expect(await store.upsert([arxivPaper({ doi: '10.5555/work.1' })])).toMatchObject({
      inserted: 0,
      updated: 1,
    });
    expect(await rows()).toMatchObject([
      { id: before?.id, title: 'A Title', arxiv_id: '2611.01234', source: 'arxiv' },
    ]);
    expect(await store.upsert([workPaper({ title: 'Draft Title' })])).toMatchObject({ unchanged: 1 });
  });

  it('keeps two arXiv papers with one DOI apart; the first keeps it', async () => {
    const both = [arxivNumber(1, { doi: '10.5555/shared' }), arxivNumber(2, { doi: '10.5555/shared' })];
    expect(await store.upsert(both)).toMatchObject({ inserted: 2 });
    expect(await store.upsert(both)).toMatchObject({ inserted: 0, updated: 0, unchanged: 2 });
    expect((await rows()).map((row) => row.doi)).toEqual(['10.5555/shared', null]);
  });

  it('counts a paper once that comes twice in a batch, by any identity', async () => {
    const counts = await store.upsert([
      arxivNumber(1),
      arxivNumber(1, { version: 3, title: 'Third Version' }),
      arxivNumber(2, { doi: '10.5555/work.1' }),
      workPaper(),
      workPaper({ doi: '10.5555/work.1', sourceId: 'W2', source: 'europepmc' }),
      workPaper({ doi: null, sourceId: 'W3' }),
      workPaper({ doi: null, sourceId: 'W3' }),
    ]);
    expect(counts).toMatchObject({ inserted: 3, updated: 0, unchanged: 0 });
    expect([...counts.insertedIds].sort()).toEqual(['2611.00001', '2611.00002', 'openalex:W3']);
    expect((await rows())[0]).toMatchObject({ version: 3, title: 'Third Version' });
  });

  it('takes NUL, half surrogates and quotes in text', async () => {
    await store.upsert([arxivPaper({ title: 'N\u0000UL \ud800 and "quotes\\" é 漢' })]);
    expect((await rows())[0]?.title).toBe('N\ufffdUL \ufffd and "quotes\\" é 漢');
  });

  it('stores 2,000 papers, and again', async () => {
    const papers = Array.from({ length: 2000 }, (_, index) => arxivNumber(index));
    expect(await store.upsert(papers)).toMatchObject({ inserted: 2000, updated: 0, unchanged: 0 });
    expect(await store.upsert(papers)).toMatchObject({ inserted: 0, updated: 0, unchanged: 2000 });
    expect(await store.count()).toBe(2000);
  });

  it('lets many writers store the same papers at once, each once', async () => {
    const papers = Array.from({ length: 100 }, (_, index) => arxivNumber(index));
    const writers = Array.from({ length: 8 }, (_, writer) =>
      store.upsert(writer % 2 === 0 ? papers : [...papers].reverse()),
    );
    const counts = await Promise.all(writers);
    expect(counts.reduce((sum, each) => sum + each.inserted, 0)).toBe(100);
    expect(await store.count()).toBe(100);
  });

  it('leaves the work of a writer that comes by another way alone', async () => {
    await project.sql(
      `insert into public.papers (arxiv_id, title, authors, categories, published)
       values ('2611.01234', 'By Hand', 'Me', 'cs.AI', now())`,
    );
    expect(await store.upsert([arxivPaper()])).toMatchObject({ inserted: 0, updated: 1 });
  });

  it.each([
    ['no array', {}, /must be a JSON array/],
    ['too many', Array.from({ length: 1001 }, () => ({})), /has 1001 papers; send at most 1000/],
    [
      'a paper without title',
      [{ source: 'arxiv', source_id: '1', published: '2026-01-01' }],
      /every paper needs/,
    ],
  ])('refuses %s', async (_name, papers, message) => {
    const { error } = await project.client().rpc('cloud_jobs_upsert_papers', { papers_param: papers });
    expect(error?.code).toBe('22023');
    expect(error?.message).toMatch(message);
  });
});

describe('cloud_jobs_paper_query', () => {
  it('remembers the latest start of a complete run and never moves back', async () => {
    expect(await store.queryState('arxiv:key')).toEqual({ completedSecondsAgo: null, position: null });
    await store.markComplete('arxiv:key', 100);
    await store.markComplete('arxiv:key', 5000);
    const { completedSecondsAgo } = await store.queryState('arxiv:key');
    expect(completedSecondsAgo).toBeGreaterThanOrEqual(100);
    expect(completedSecondsAgo).toBeLessThan(160);
    expect((await store.queryState('arxiv:other')).completedSecondsAgo).toBeNull();
  });

  it('keeps a position until the query is read to its end', async () => {
    const position = { query: 'q', cursor: '400', read: 400, kept: 390 };
    await store.savePosition('arxiv:key', 50, { ...position, read: 200 });
    await store.savePosition('arxiv:key', 60, position);
    const state = await store.queryState('arxiv:key');
    expect(state).toMatchObject({ completedSecondsAgo: null, position });
    expect(state.position?.startedSecondsAgo).toBeGreaterThanOrEqual(60);
    await store.markComplete('arxiv:key', 70);
    expect(await store.queryState('arxiv:key')).toMatchObject({ position: null });
    await store.savePosition('arxiv:key', 0, position);
    expect((await store.queryState('arxiv:key')).completedSecondsAgo).toBeGreaterThanOrEqual(70);
  });

  it('refuses a position of more than 16 KiB', async () => {
    const position = { query: randomBytes(20_000).toString('hex'), cursor: '', read: 0, kept: 0 };
    await expect(store.savePosition('arxiv:key', 0, position)).rejects.toThrow('send at most 16384');
  });
});

describe('access', () => {
  const calls = [
    ['cloud_jobs_upsert_papers', { papers_param: [] }],
    ['cloud_jobs_paper_stats', {}],
    ['cloud_jobs_paper_query', { query_key_param: 'x' }],
  ] as const;

  it.each(['current', 'legacy'] as const)('is closed to anon under the %s grants', async (grants) => {
    const other = await startTestProject({ grants });
    try {
      const anon = other.client(other.anonKey);
      expect((await anon.from('papers').select('id')).error?.code).toBe('42501');
      expect((await anon.from('cloud_jobs_paper_queries').select('query_key')).error?.code).toBe('42501');
      for (const [fn, args] of calls) expect((await anon.rpc(fn, args)).error?.code).toBe('42501');
      const service = other.client();
      for (const [fn, args] of calls) expect((await service.rpc(fn, args)).error).toBeNull();
    } finally {
      await other.stop();
    }
  });
});

describe('upgrade of an earlier papers table', () => {
  const seed = `
    create table papers (
      id text primary key default gen_random_uuid()::text,
      arxiv_id text unique not null,
      title text not null,
      authors text not null,
      abstract text,
      categories text not null,
      published timestamptz not null,
      pdf_url text,
      pdf_path text,
      created_at timestamptz default now(),
      updated_at timestamptz default now());
    create index idx_papers_arxiv_id on papers(arxiv_id);
    alter table papers enable row level security;
    create policy "Allow anonymous read access" on papers for select using (true);
    create policy "Allow anonymous access on papers" on papers for all to anon, authenticated using (true) with check (true);
    grant all on papers to anon, authenticated;
    insert into papers (id, arxiv_id, title, authors, categories, published, pdf_path) values
      ('row-1', '2401.01234v1', 'First Version', 'A One|B Two', 'cs.AI|cs.LG', '2024-01-02', '/pdf/1'),
      ('row-2', '2401.01234v2', 'Second Version', 'A One|B Two', 'cs.AI|cs.LG', '2024-01-02', null),
      ('row-3', '2402.00001v10', 'Tenth', 'C', 'cs.CL', '2024-02-01', null),
      ('row-4', '2402.00001v9', 'Ninth', 'C', 'cs.CL', '2024-02-01', null),
      ('row-5', '2403.00005', 'Plain', 'D', 'cs.CL', '2024-03-01', null),
      ('row-6', '2403.00005v3', 'Third beside plain', 'D', 'cs.CL', '2024-03-01', null),
      ('row-7', '9901001v1', 'Archive lost', 'E', 'hep-th', '1999-01-01', null),
      ('row-8', 'math.GT/0309136v2', 'Old style', '', 'math.GT', '2003-09-08', null);`;

  it('loses no row, closes the table, and later fetches update in place', async () => {
    const upgraded = await startTestProject({ install: false });
    try {
      const read = (path: string) => readFile(new URL(`../../../sql/${path}.sql`, import.meta.url), 'utf8');
      const table = (await read('tables/papers')) + (await read('functions/upsert-papers'));
      await upgraded.asPostgres(seed);
      await upgraded.asPostgres(table);
      const once = await upgraded.sql('select * from papers order by id');
      await upgraded.asPostgres(table);
      expect(await upgraded.sql('select * from papers order by id')).toEqual(once);

      expect(once.map((row) => [row.id, row.arxiv_id, row.version, row.title])).toEqual([
        ['row-1', '2401.01234v1', null, 'First Version'],
        ['row-2', '2401.01234', 2, 'Second Version'],
        ['row-3', '2402.00001', 10, 'Tenth'],
        ['row-4', '2402.00001v9', null, 'Ninth'],
        ['row-5', '2403.00005', null, 'Plain'],
        ['row-6', '2403.00005v3', null, 'Third beside plain'],
        ['row-7', '9901001v1', null, 'Archive lost'],
        ['row-8', 'math/0309136', 2, 'Old style'],
      ]);
      expect(once[0]).toMatchObject({
        author_list: ['A One', 'B Two'],
        category_list: ['cs.AI', 'cs.LG'],
        pdf_path: '/pdf/1',
      });
      expect(once[7]?.author_list).toEqual([]);
      expect(await upgraded.sql(`select policyname from pg_policies where tablename = 'papers'`)).toEqual([]);
      expect(
        await upgraded.sql(
          `select has_table_privilege(r, 'public.papers', 'select,insert,update,delete,truncate') as open
           from unnest(array['anon', 'authenticated']) as r`,
        ),
      ).toEqual([{ open: false }, { open: false }]);

      const fetched = [
        arxivPaper({ arxivId: '2401.01234', sourceId: '2401.01234', version: 3, title: 'Third Version' }),
        arxivPaper({ arxivId: 'math/0309136', sourceId: 'math/0309136', version: 1, title: 'Stale' }),
      ];
      const [reply] = await upgraded.sql<{ reply: Record<string, unknown> }>(
        'select public.cloud_jobs_upsert_papers($1::jsonb) as reply',
        [
          JSON.stringify(
            fetched.map(({ sourceId, arxivId, authors, categories, ...rest }) => ({
              ...rest,
              source_id: sourceId,
              arxiv_id: arxivId,
              author_list: authors,
              category_list: categories,
            })),
          ),
        ],
      );
      expect(reply?.reply).toMatchObject({ v: 1, inserted: 0, updated: 1, unchanged: 1 });
      expect(
        await upgraded.sql(`select id, title, version from papers where arxiv_id = '2401.01234'`),
      ).toEqual([{ id: 'row-2', title: 'Third Version', version: 3 }]);
    } finally {
      await upgraded.stop();
    }
  });
});
