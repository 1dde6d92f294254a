export interface ArxivId {
  /** Canonical and without version: `2401.01234`, `hep-th/9901001`. */
  readonly id: string;
  readonly version: number | null;
}

const NEW_STYLE = /^(\d{4}\.\d{4,5})(?:v(\d{1,4}))?$/i;
const OLD_STYLE = /^([a-z][a-z-]*)(?:\.[a-z-]+)?\/(\d{7})(?:v(\d{1,4}))?$/i;

/**
 * Reads an arXiv id in every form that was seen: bare, `arXiv:…`, `oai:arXiv.org:…`, an abs or pdf address, a 10.48550
 * DOI, with or without version. Old ids keep their archive and lose the subject class that some forms carry
 * (`math.GT/0309136` is `math/0309136`). Returns null if `text` is not such an id.
 * Source: arxiv_identifier.md and arxiv_identifier_for_services.md of arXiv's documentation.
 */
export function parseArxivId(text: string): ArxivId | null {
  const bare = text
    .trim()
    .replace(/[?#].*$/, '')
    .replace(/^https?:\/\/(?:[a-z]+\.)?arxiv\.org\/(?:abs|pdf|html)\//i, '')
    .replace(/^(?:https?:\/\/(?:dx\.)?doi\.org\/|doi:)?10\.48550\/arxiv\./i, '')
    .replace(/^oai:arxiv\.org:/i, '')
    .replace(/^arxiv:/i, '')
    .replace(/\.pdf$/i, '');
  const fresh = NEW_STYLE.exec(bare);
  if (fresh?.[1] !== undefined) return { id: fresh[1], version: versionNumber(fresh[2]) };
  const old = OLD_STYLE.exec(bare);
  if (old?.[1] !== undefined && old[2] !== undefined) {
    return { id: `${old[1].toLowerCase()}/${old[2]}`, version: versionNumber(old[3]) };
  }
  return null;
}

/** Longer texts are not DOIs, and Postgres cannot index them. */
const MAX_DOI_LENGTH = 300;

/** A DOI in lower case without resolver or `doi:`; null if `text` is not a DOI or is arXiv's own (10.48550/arXiv.…). */
export function normaliseDoi(text: string | null | undefined): string | null {
  const bare = (text ?? '')
    .trim()
    .replace(/^https?:\/\/(?:dx\.)?doi\.org\//i, '')
    .replace(/^doi:\s*/i, '')
    // Authors may type several DOIs into arXiv's field; the first one is the paper's.
    .split(/\s+/)[0]
    ?.toLowerCase();
  if (bare === undefined || bare.length > MAX_DOI_LENGTH || !/^10\.\d{4,9}\/\S+$/.test(bare)) return null;
  return bare.startsWith('10.48550/arxiv.') ? null : bare;
}

function versionNumber(digits: string | undefined): number | null {
  return digits === undefined ? null : Number(digits);
}
