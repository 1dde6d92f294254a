/** Where papers can be fetched from. */
export const PAPER_SOURCES = ['arxiv', 'openalex', 'europepmc'] as const;
export type PaperSource = (typeof PAPER_SOURCES)[number];

/** Metadata of one paper, in one shape for all sources. Text is clean: no NUL, no half surrogate, single spaces. */
export interface Paper {
  readonly source: PaperSource;
  /** The source's own id: arXiv id without version, OpenAlex `W…`, Europe PMC `MED/123`. */
  readonly sourceId: string;
  /** Without version and, if old style, with its archive (`hep-th/9901001`). Null if arXiv does not have it. */
  readonly arxivId: string | null;
  /** The N of `vN`; null if the source has no versions. */
  readonly version: number | null;
  /** DOI of the journal version in lower case, without resolver; never arXiv's own 10.48550 DOI. */
  readonly doi: string | null;
  readonly title: string;
  readonly authors: readonly string[];
  readonly abstract: string | null;
  readonly categories: readonly string[];
  readonly primaryCategory: string | null;
  /** ISO 8601: when the first version appeared. */
  readonly published: string;
  /** ISO 8601: when the version described here appeared. */
  readonly updated: string | null;
  /** Page for people. */
  readonly url: string | null;
  readonly pdfUrl: string | null;
  readonly comment: string | null;
  readonly journalRef: string | null;
}

/** A paper's identity as the store reports it: arXiv id, else DOI, else `source:id`. */
export function paperIdentity(paper: Paper): string {
  return paper.arxivId ?? paper.doi ?? `${paper.source}:${paper.sourceId}`;
}
