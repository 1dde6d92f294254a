import type { PaperFetchConfig } from './config.ts';
import type { PaperFetchDeps } from './deps.ts';
import type { Gate } from './gate.ts';
import type { Paper } from './paper.ts';
import type { DateWindow } from './window.ts';

/** What every source gets for one run. */
export interface SourceRun {
  readonly config: PaperFetchConfig;
  readonly window: DateWindow;
  readonly signal: AbortSignal;
  readonly userAgent: string;
  readonly deps: PaperFetchDeps;
  /** Shared by all runs of this process. */
  readonly arxivGate: Gate;
  readonly log: (text: string) => void;
}

/** Papers as they come; each page is stored before the next one is asked for. */
export interface SourcePage {
  readonly papers: readonly Paper[];
  /** Papers that matched but were left out by a filter. */
  readonly skipped: number;
  /** How many the source says it has; null when it does not say. */
  readonly total: number | null;
  /** Things that are wrong but do not stop the run. */
  readonly warnings: readonly string[];
}

/** A source: the query it will send, and its pages. Pages throw `SourceError`. */
export interface SourcePages {
  readonly query: string;
  readonly pages: AsyncIterable<SourcePage>;
}
