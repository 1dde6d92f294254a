/** What the three sources have in common: the run they get, the pages they give, and the errors they throw. */
import type { PaperFetchConfig } from './config.ts';
import type { PaperFetchDeps } from './deps.ts';
import type { Gate } from './gate.ts';
import type { Paper, PaperSource } from './paper.ts';
import { quoteStart } from './text.ts';
import type { DateWindow } from './window.ts';

/** What a source gets for one run of a job. */
export interface SourceRun {
  readonly config: PaperFetchConfig;
  readonly window: DateWindow;
  readonly signal: AbortSignal;
  readonly jobId: string;
  readonly userAgent: string;
  readonly deps: PaperFetchDeps;
  /** Shared by all jobs of this process. */
  readonly arxivGate: Gate;
  readonly log: (text: string) => void;
}

/** A site that papers come from. */
export interface Source {
  readonly name: PaperSource;
  /** The name in messages. */
  readonly label: string;
  readonly firstCursor: string;
  /** The search in the language of the source. */
  query(run: SourceRun): string;
  /**
   * Reads one page with one request, newest papers first.
   * @param wanted how many papers are still wanted; a page may hold more
   * @throws SourceError
   */
  readPage(run: SourceRun, query: string, cursor: string, wanted: number): Promise<SourcePage>;
}

export interface SourcePage {
  readonly papers: readonly Paper[];
  /** Papers that match the query and are left out by a filter of the job. */
  readonly skipped: number;
  /** Entries of the page, readable or not. */
  readonly entries: number;
  /** Whether the page holds as many entries as were asked for. */
  readonly isFull: boolean;
  /** How many entries the source says it has in all. This is a hint: see ContentMine/getpapers#153. */
  readonly total: number | null;
  readonly nextCursor: string | null;
  readonly warnings: readonly string[];
}

/**
 * Why a source gave no (more) papers.
 * - `throttled`: it asks to be left alone for a while; asking again soon makes it worse.
 * - `unavailable`: it is overloaded, unreachable, or answers with something that is not its format.
 * - `empty_page`: it sent no entries though it says that there are more.
 * - `blocked`: it refuses this client.
 * - `rejected`: it refuses the query; the same query will be refused again.
 * - `unusable`: this worker lacks what the source needs.
 */
export type SourceErrorKind =
  | 'throttled'
  | 'unavailable'
  | 'empty_page'
  | 'blocked'
  | 'rejected'
  | 'unusable';

/** A failure of one source. The other sources of the job go on. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly kind: SourceErrorKind;
  /** How long the source asks to wait. */
  readonly retryAfterSeconds: number | null;

  constructor(
    kind: SourceErrorKind,
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterSeconds?: number | null } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}

/** A record that cannot become a paper: its id or title, and what is wrong with it. */
export interface OddRecord {
  readonly name: string;
  readonly problem: string;
}

const NAMED_RECORDS = 5;

/** One warning that names the records which were left out, or none. */
export function oddRecordWarnings(label: string, odd: readonly OddRecord[]): string[] {
  if (odd.length === 0) return [];
  const named = odd
    .slice(0, NAMED_RECORDS)
    .map(({ name, problem }) => `${quoteStart(name, 80)} (${quoteStart(problem, 100)})`);
  const more = odd.length > NAMED_RECORDS ? ` and ${odd.length - NAMED_RECORDS} more` : '';
  const noun = odd.length === 1 ? 'a record' : `${odd.length} records`;
  return [`${label} sent ${noun} that cannot be read, skipped: ${named.join(', ')}${more}`];
}
