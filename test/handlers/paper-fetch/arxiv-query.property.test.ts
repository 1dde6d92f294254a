import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  arxivPageUrl,
  arxivSearchQuery,
  rewrittenQuery,
} from '../../../src/handlers/paper-fetch/arxiv-query.ts';
import { KeywordError, readKeywords } from '../../../src/handlers/paper-fetch/keywords.ts';
import { announcementGap, fetchWindow } from '../../../src/handlers/paper-fetch/window.ts';
import { readQuery } from '../../support/arxiv/match.ts';
import { inventPapers } from '../../support/arxiv/papers.ts';

const now = new Date('2026-11-24T06:17:00Z');
const window = fetchWindow(now, 7);
const DATES = 'submittedDate:[202611130000 TO 202611242359]';
const query = (keywords: unknown, categories: string[] = []) =>
  arxivSearchQuery({ keywords: readKeywords(keywords), categories }, window);

describe('arxivSearchQuery', () => {
  it.each([
    ['one phrase', 'rag', [], `all:"rag" AND ${DATES}`],
    ['a text with commas', 'rag, AI agents', [], `(all:"rag" OR all:"AI agents") AND ${DATES}`],
    ['a JSON list in a text', '["AI","ML"]', [], `(all:"AI" OR all:"ML") AND ${DATES}`],
    ['a Python list in a text', "['AI','ML']", [], `(all:"AI" OR all:"ML") AND ${DATES}`],
    ['a list, without doubles by case', ['rag', 'RAG', ' Rag '], [], `all:"rag" AND ${DATES}`],
    [
      'AND of OR-lists',
      [['rag', 'retrieval'], ['safety'], 'agents'],
      [],
      `((all:"rag" OR all:"retrieval") AND all:"safety" AND all:"agents") AND ${DATES}`,
    ],
    [
      'all and any, nested',
      { all: ['agents', { any: ['rag', 'memory'] }], any: ['x', 'y'] },
      [],
      `((all:"agents" AND (all:"rag" OR all:"memory")) AND (all:"x" OR all:"y")) AND ${DATES}`,
    ],
    ['categories alone', undefined, ['cs.AI', 'hep-th'], `(cat:cs.AI OR cat:hep-th) AND ${DATES}`],
    ['both', ['rag'], ['cs.AI'], `all:"rag" AND cat:cs.AI AND ${DATES}`],
    ['quotes and brackets', ['say "hi" (now) [x] {y}: *'], [], `all:"say hi now x y" AND ${DATES}`],
    [
      'accents, and the plain letters beside them',
      ['Schrödinger café', 'Łukasiewicz', 'rag'],
      [],
      `((all:"Schrödinger café" OR all:"Schrodinger cafe") OR (all:"Łukasiewicz" OR all:"Lukasiewicz") OR all:"rag") AND ${DATES}`,
    ],
    [
      'letters that have no plain form',
      ['теория поля', 'हिन्दी'],
      [],
      `(all:"теория поля" OR all:"हिन्दी") AND ${DATES}`,
    ],
    ['dashes as hyphens', ['Kolmogorov–Arnold'], [], `all:"Kolmogorov-Arnold" AND ${DATES}`],
    ['signs that matter', ['C++ & R&D/O(n)'], [], `all:"C++ & R&D/O n" AND ${DATES}`],
  ])('writes %s', (_name, keywords, categories, expected) => {
    expect(query(keywords, categories)).toBe(expected);
  });

  it.each([
    [['"()"'], /no letter or digit/],
    [['x'.repeat(201)], /longer than 200/],
    [Array.from({ length: 51 }, (_, index) => `word${index}`), /more than 50 phrases/],
    [{ any: ['x'], not: ['y'] }, /unknown key not/],
    [[[[[[[['deep']]]]]]], /deeper than 6/],
    [[1], /must be text/],
    ['["half]', /not valid JSON/],
  ])('refuses %j', (keywords, message) => {
    expect(() => readKeywords(keywords)).toThrow(message);
  });

  it('is always a query that can be read, whatever the keywords hold', () => {
    const nasty = fc.string({ unit: 'binary', maxLength: 40 });
    const text = fc.oneof(
      nasty,
      fc.string({ maxLength: 40 }),
      fc.constantFrom('a" OR cat:"x', 'a) OR (b', 'AND', '\\"'),
    );
    const tree = fc.oneof(
      fc.array(text, { maxLength: 4 }),
      fc.array(fc.array(text, { maxLength: 3 }), { maxLength: 3 }),
    );
    fc.assert(
      fc.property(tree, fc.subarray(['cs.AI', 'hep-th']), (keywords, categories) => {
        let built: string;
        try {
          built = query(keywords, categories);
        } catch (error) {
          expect(error).toBeInstanceOf(KeywordError);
          return;
        }
        expect(() => readQuery(built)).not.toThrow();
        // Nothing of a keyword is outside quotes: what is left is only what we wrote ourselves.
        expect(built.replaceAll(/all:"[^"]*"/g, 'K')).toMatch(
          /^[K() ORAND]*(cat:cs\.AI|cat:hep-th|[() ORAND])*submittedDate:\[\d{12} TO \d{12}\]$/,
        );
        const sent = new URL(arxivPageUrl('http://localhost/q', built, 0, 200)).searchParams.get(
          'search_query',
        );
        expect(sent).toBe(built);
        expect(
          rewrittenQuery(built, `arXiv Query: search_query=${built}&id_list=&start=0&max_results=200`),
        ).toBeNull();
      }),
      { numRuns: 500 },
    );
  });

  it('finds the papers it describes', () => {
    const papers = inventPapers(30, now);
    const matches = papers.filter(readQuery(query([['agents', 'attention'], ['invented']], ['cs.AI'])));
    expect(matches.length).toBeGreaterThan(0);
    expect(matches.length).toBeLessThan(papers.length);
  });
});

describe('rewrittenQuery', () => {
  const title = (text: string) => `arXiv Query: search_query=${text}&id_list=&start=0&max_results=10`;
  it('recognises a rewritten field', () => {
    expect(rewrittenQuery('badfield:xyz', title('all:badfield:xyz'))).toBe('all:badfield:xyz');
  });
  it.each([
    ['spacing and case', 'all:"Deep Learning" AND cat:cs.AI', title('(all:"deep learning"  AND  cat:cs.AI)')],
    ['plus for a space', 'all:"deep learning"', title('all:"deep+learning"')],
    ['accents that are written in two parts', 'all:"Fréchet"', title('all:"Fre\u0301chet"')],
    ['a title without echo', 'all:"x"', 'arXiv Query'],
  ])('does not mind %s', (_name, sent, echoed) => {
    expect(rewrittenQuery(sent, echoed)).toBeNull();
  });
});

describe('announcementGap', () => {
  it('knows the days without announcements', () => {
    expect(announcementGap(new Date('2026-11-21T12:00:00Z'))).toMatch(/Saturday/);
    expect(announcementGap(new Date('2026-11-22T12:00:00Z'))).toMatch(/Sunday/);
    expect(announcementGap(new Date('2026-11-23T12:00:00Z'))).toBeNull();
  });
});
