import { z } from 'zod';
import { storableText } from '../../text/storable.ts';
import type { Paper } from './paper.ts';
import type { PaperStore } from './store.ts';

/** Calls one SQL function with named arguments and returns its reply; retries and turns errors into exceptions. */
export type PaperRpc = (fn: string, args: Record<string, unknown>) => Promise<unknown>;

/** As many as the SQL function takes. */
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
const queryReply = z.object({ v: z.literal(1), completed_seconds_ago: z.number().nullable() });

/**
 * A `PaperStore` over the SQL functions of `0002_papers.sql`. Every call may be sent again after a lost reply. Throws
 * what `rpc` throws, and an error that names the function when a reply has another shape.
 */
export function createPaperStore(rpc: PaperRpc): PaperStore {
  return {
    async upsert(papers) {
      const total = { inserted: 0, updated: 0, unchanged: 0, insertedIds: [] as string[] };
      for (let start = 0; start < papers.length; start += BATCH_SIZE) {
        const batch = papers.slice(start, start + BATCH_SIZE).map(toRow);
        const reply = await call(rpc, upsertReply, 'cloud_jobs_upsert_papers', { papers_param: batch });
        total.inserted += reply.inserted;
        total.updated += reply.updated;
        total.unchanged += reply.unchanged;
        total.insertedIds.push(...reply.inserted_ids);
      }
      return total;
    },
    async count() {
      return (await call(rpc, statsReply, 'cloud_jobs_paper_stats', {})).total_papers;
    },
    async secondsSinceComplete(queryKey) {
      const reply = await call(rpc, queryReply, 'cloud_jobs_paper_query', { query_key_param: queryKey });
      return reply.completed_seconds_ago;
    },
    async markComplete(queryKey, startedSecondsAgo) {
      await call(rpc, queryReply, 'cloud_jobs_paper_query', {
        query_key_param: queryKey,
        started_seconds_ago_param: Math.max(0, startedSecondsAgo),
      });
    },
  };
}

async function call<T>(
  rpc: PaperRpc,
  schema: z.ZodType<T>,
  fn: string,
  args: Record<string, unknown>,
): Promise<T> {
  const reply = await rpc(fn, args);
  const parsed = schema.safeParse(reply);
  if (parsed.success) return parsed.data;
  throw new Error(
    `${fn} answered in a shape that this version does not know; run sql/install.sql of this version: ${z.prettifyError(parsed.error)}`,
    { cause: parsed.error },
  );
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
