import type { PaperStore } from './store.ts';

/** All that `paper_fetch` takes from outside. */
export interface PaperFetchDeps {
  readonly store: PaperStore;
  readonly fetch: typeof fetch;
  /** Wall clock; only for the date window and for messages. */
  readonly now: () => Date;
  /** Milliseconds of a clock that never jumps; for the gate and durations. */
  readonly monotonic: () => number;
  /** Resolves after `ms` milliseconds; rejects with `signal.reason` as soon as the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** 0 (included) to 1 (not included); spreads the return after a throttle. */
  readonly random: () => number;
  /** Version of this package, for the User-Agent header. */
  readonly userAgentVersion: string;
  readonly endpoints: PaperEndpoints;
  readonly openAlexKey?: string;
  /** Milliseconds between the end of a request to arXiv and the next one. At least 3,000 towards the real arXiv. */
  readonly arxivGateMs?: number;
  /** Entries asked for at once from arXiv, 1 to 2,000. */
  readonly arxivPageSize?: number;
  /** Milliseconds that one request may take in all. */
  readonly requestTimeoutMs?: number;
  /** Bytes that one answer may have. */
  readonly maxResponseBytes?: number;
}

export interface PaperEndpoints {
  readonly arxiv: string;
  readonly openalex: string;
  readonly europepmc: string;
}

export const DEFAULT_PAPER_ENDPOINTS: PaperEndpoints = {
  arxiv: 'https://export.arxiv.org/api/query',
  openalex: 'https://api.openalex.org/works',
  europepmc: 'https://www.ebi.ac.uk/europepmc/webservices/rest/search',
};

/** "No more than one request every three seconds", over all machines: arXiv's terms of use (tou.md). */
export const ARXIV_GATE_MS = 3000;
/** Small enough for answers that arrive whole: empty pages are reported for larger ones. */
export const ARXIV_PAGE_SIZE = 200;
export const REQUEST_TIMEOUT_MS = 60_000;
export const MAX_RESPONSE_BYTES = 32 * 1024 * 1024;
