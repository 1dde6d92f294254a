import { describe, expect, it } from 'vitest';
import { parsePaperFetchConfig } from '../../../src/handlers/paper-fetch/config.ts';
import type { Json } from '../../../src/queue/types.ts';

const messageOf = (config: Json) => {
  const parsed = parsePaperFetchConfig(config);
  return parsed.ok ? 'accepted' : parsed.message;
};

describe('parsePaperFetchConfig', () => {
  it('fills in the defaults', () => {
    expect(parsePaperFetchConfig({ keywords: ['rag'] })).toEqual({
      ok: true,
      config: {
        keywords: { kind: 'phrase', phrase: 'rag', plain: null },
        categories: [],
        daysBack: 7,
        maxPapers: 100,
        includeCrossLists: true,
        sources: ['arxiv'],
        mailto: null,
      },
    });
  });

  it('takes what old clients stored as text', () => {
    const parsed = parsePaperFetchConfig({
      keywords: 'rag, agents',
      categories: 'CS.ai, hep-th,COND-MAT.Mes-Hall,cs.AI',
      days_back: '14',
      max_papers: ' 2000 ',
      include_cross_lists: 'False',
      sources: 'arxiv,europepmc',
      mailto: 'me@example.org',
    });
    expect(parsed).toMatchObject({
      ok: true,
      config: {
        categories: ['cs.AI', 'hep-th', 'cond-mat.mes-hall'],
        daysBack: 14,
        maxPapers: 2000,
        includeCrossLists: false,
        sources: ['arxiv', 'europepmc'],
        mailto: 'me@example.org',
      },
    });
  });

  it.each<[Json, RegExp]>([
    [null, /keywords or categories: at least one must be given, e\.g\. \{/],
    [{}, /at least one must be given/],
    [{ keywords: [], categories: [] }, /at least one must be given/],
    [{ keywords: '  ' }, /at least one must be given/],
    [{ config_path: 'config.yaml', max_papers: 20 }, /config_path is no longer read.*"keywords"/],
    [{ keywords: ['x'], max_paper: 5, query: 1 }, /unknown key "max_paper", "query" \(known are: keywords, /],
    [{ keywords: ['x'], days_back: 0 }, /days_back: must be at least 1/],
    [{ keywords: ['x'], days_back: 'week' }, /days_back: must be a whole number from 1 to 3650/],
    [{ keywords: ['x'], days_back: 1.5 }, /days_back: must be a whole number/],
    [{ keywords: ['x'], max_papers: 5001 }, /max_papers: must be at most 5000/],
    [{ keywords: ['()'] }, /keywords: "\(\)" has no letter/],
    [{ keywords: 5 }, /keywords: must be text/],
    [{ categories: ['cs'] }, /categories: "cs" is a group of categories/],
    [{ categories: ['cs.*'] }, /categories: "cs\.\*" is not an arXiv category/],
    [{ categories: ['cs.AI'], sources: ['arxiv', 'openalex'] }, /openalex can only be searched by keywords/],
    [{ keywords: ['x'], sources: [] }, /sources: must name at least one source/],
    [{ keywords: ['x'], sources: ['dblp'] }, /sources.*must be some of arxiv, openalex, europepmc/],
    [{ keywords: ['x'], include_cross_lists: false }, /include_cross_lists: false needs categories/],
    [{ keywords: ['x'], include_cross_lists: 'no' }, /include_cross_lists: must be true or false/],
    [{ keywords: ['x'], mailto: 'me@example.org\r\nX-Evil: 1' }, /mailto: must be an e-mail address/],
    [[1], /not usable/],
    ['text', /not usable/],
  ])('refuses %j', (config, message) => {
    expect(messageOf(config)).toMatch(message);
    expect(messageOf(config)).not.toContain('\n');
  });
});
