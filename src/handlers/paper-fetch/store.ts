/** The papers in the database, and how far each query was read. */
import { z } from 'zod';
import { storableText } from '../../text/storable.ts';
import type { Paper } from './paper.ts';

/** Calls one SQL function with named arguments and returns its reply; retries, and throws what does not pass. */
export type CallSql = (fn: string, args: Record<string, unknown>) => Promise<unknown>;

export interface UpsertCounts {
  readonly inserted: number;
  readonly updated: number;
  /** Papers that are known already, in this version or a newer one. */
  readonly unchanged: number;
  /** Identities (`paperIdentity`) of the papers that are new. */
  readonly insertedIds: readonly string[];
}

/** Where reading a query goes on. */
export interface Position {
  /** The query as the source got it, with its dates. A position of another query is of no use. */
  readonly query: string;
  readonly cursor: string;
  /** Entries and papers that stand before this position. */
  readonly read: number;
  readonly kept: number;
}

/** What earlier runs left of a query. */
export interface QueryState {
  /** Seconds since the start of the last run that read the query to its end; null if none did. */
  readonly completedSecondsAgo: number | null;
  /** Where the last run stopped, and when the first of the runs that came that far started; null after a complete one. */
  readonly position: (Position & { readonly startedSecondsAgo: number }) | null;
}

/** What `paper_fetch` needs of the place that keeps papers. Every call can be repeated. Errors fail the job. */
export interface PaperStore {
  /** Stores papers, new ones as found by this job. A paper that is known is updated and never doubled. */
  upsert(papers: readonly Paper[], jobId?: string): Promise<UpsertCounts>;
  /** Counts all papers that are stored, whatever query brought them. */
  count(): Promise<number>;
  queryState(queryKey: string): Promise<QueryState>;
  /** Notes that a run which started `startedSecondsAgo` seconds ago has stored everything before `position`. */
  savePosition(queryKey: string, startedSecondsAgo: number, position: Position): Promise<void>;
  /** Notes that a run which started `startedSecondsAgo` seconds ago has read this query to its end. */
  markComplete(queryKey: string, startedSecondsAgo: number): Promise<void>;
}

/** As many as a statement stores well within its time limit. */
const BATCH_SIZE = 500;

const count = z.number().int().nonnegative();
const upsertReply = z.object({
  v: z.literal(1),
  inserted: count,
  updated: count,
  unchanged: count,
  inserted_ids: z.array(z.string()),
});
const statsReply = z.object({ v: z.literal(1), total_papers: count });
const positionSchema = z.object({ query: z.string(), cursor: z.string(), read: count, kept: count });
const queryReply = z.object({
  v: z.literal(1),
  completed_seconds_ago: z.number().nullable(),
  position: positionSchema.nullable().catch(null),
  position_seconds_ago: z.number().nullable(),
});

/** Makes a store over the SQL functions for papers. */
export function createPaperStore(callSql: CallSql): PaperStore {
  const call = async <T>(schema: z.ZodType<T>, fn: string, args: Record<string, unknown>): Promise<T> => {
    const parsed = schema.safeParse(await callSql(fn, args));
    if (parsed.success) return parsed.data;
    const advice = 'which this release does not know. Run the sql/install.sql of this release';
    throw new Error(`${fn} answered in another shape, ${advice}: ${z.prettifyError(parsed.error)}`);
  };
  return {
    async upsert(papers, jobId) {
      const total = { inserted: 0, updated: 0, unchanged: 0, insertedIds: [] as string[] };
      for (let start = 0; start < papers.length; start += BATCH_SIZE) {
        const batch = papers
          .slice(start, start + BATCH_SIZE)
          .map((paper) => ({ ...toRow(paper), job_id: jobId ?? null }));
        const reply = await call(upsertReply, 'cloud_jobs_upsert_papers', { papers_param: batch });
        total.inserted += reply.inserted;
        total.updated += reply.updated;
        total.unchanged += reply.unchanged;
        total.insertedIds.push(...reply.inserted_ids);
      }
      return total;
    },
    async count() {
      return (await call(statsReply, 'cloud_jobs_paper_stats', {})).total_papers;
    },
    async queryState(queryKey) {
      const reply = await call(queryReply, 'cloud_jobs_paper_query', { query_key_param: queryKey });
      const { position, position_seconds_ago: startedSecondsAgo } = reply;
      return {
        completedSecondsAgo: reply.completed_seconds_ago,
        position: position && startedSecondsAgo !== null ? { ...position, startedSecondsAgo } : null,
      };
    },
    async savePosition(queryKey, startedSecondsAgo, position) {
      await call(queryReply, 'cloud_jobs_paper_query', {
        query_key_param: queryKey,
        started_seconds_ago_param: Math.max(0, startedSecondsAgo),
        position_param: position,
      });
    },
    async markComplete(queryKey, startedSecondsAgo) {
      await call(queryReply, 'cloud_jobs_paper_query', {
        query_key_param: queryKey,
        started_seconds_ago_param: Math.max(0, startedSecondsAgo),
      });
    },
  };
}

function toRow(paper: Paper): Record<string, unknown> {
  return {
    source: paper.source,
    source_id: storableText(paper.sourceId),
    arxiv_id: storableOrNull(paper.arxivId),
    version: paper.version,
    doi: storableOrNull(paper.doi),
    title: storableText(paper.title),
    // The column `authors` joins names with |, so no name may hold one.
    author_list: paper.authors.map((name) => storableText(name.replaceAll('|', ' '))),
    abstract: storableOrNull(paper.abstract),
    category_list: paper.categories.map((name) => storableText(name.replaceAll('|', ' '))),
    primary_category: storableOrNull(paper.primaryCategory),
    published: paper.published,
    updated: paper.updated,
    url: storableOrNull(paper.url),
    pdf_url: storableOrNull(paper.pdfUrl),
    comment: storableOrNull(paper.comment),
    journal_ref: storableOrNull(paper.journalRef),
  };
}

const storableOrNull = (text: string | null): string | null => (text === null ? null : storableText(text));
