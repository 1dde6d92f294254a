import { describe, expect, it } from 'vitest';
import { readArxivFeed } from '../../../src/handlers/paper-fetch/arxiv-feed.ts';
import { abstractText } from '../../../src/handlers/paper-fetch/openalex.ts';
import { retryAfter } from '../../../src/handlers/paper-fetch/request.ts';
import { cleanText, isoDate, quoteStart, textOfHtml } from '../../../src/handlers/paper-fetch/text.ts';
import { renderErrorFeed, renderFeed } from '../../support/arxiv/feed.ts';
import { inventPapers } from '../../support/arxiv/papers.ts';

const now = new Date('2026-11-24T06:17:00Z');
const feedOf = (papers: ReturnType<typeof inventPapers>, total = papers.length) =>
  renderFeed({ papers, query: 'all:"x"', start: 0, maxResults: 200, total, now });
const papersOf = (body: string) => {
  const answer = readArxivFeed(body);
  if (answer.kind !== 'papers') throw new Error(`expected papers, got ${JSON.stringify(answer)}`);
  return answer;
};

describe('readArxivFeed', () => {
  it('reads all of a paper', () => {
    const [invented] = inventPapers(1, now);
    if (invented === undefined) throw new Error('no paper');
    const answer = papersOf(
      feedOf([
        {
          ...invented,
          versionedId: '2611.00042v3',
          title: 'Café <i>&amp;\n  More',
          summary: '  Two\n lines ',
          authors: ['Tomás Šimečková', 'Wen Liangmu'],
          categories: ['cs.AI', 'cs.LG', 'I.2.6'],
          published: new Date('2026-11-20T10:11:12Z'),
          updated: new Date('2026-11-22T10:11:12Z'),
          comment: '8 pages',
          journalRef: 'J. Inv. 3',
          doi: '10.5555/ABC',
        },
      ]),
    );
    expect(answer).toMatchObject({ totalResults: 1, entries: 1, odd: [] });
    expect(answer.title).toBe('arXiv Query: search_query=all:"x"&id_list=&start=0&max_results=200');
    expect(answer.papers).toEqual([
      {
        source: 'arxiv',
        sourceId: '2611.00042',
        arxivId: '2611.00042',
        version: 3,
        doi: '10.5555/abc',
        title: 'Café <i>&amp; More',
        authors: ['Tomás Šimečková', 'Wen Liangmu'],
        abstract: 'Two lines',
        categories: ['cs.AI', 'cs.LG', 'I.2.6'],
        primaryCategory: 'cs.AI',
        published: '2026-11-20T10:11:12.000Z',
        updated: '2026-11-22T10:11:12.000Z',
        url: 'https://arxiv.org/abs/2611.00042',
        pdfUrl: 'https://arxiv.org/pdf/2611.00042',
        comment: '8 pages',
        journalRef: 'J. Inv. 3',
      },
    ]);
  });

  it('keeps a title that is a number as text', () => {
    const papers = inventPapers(1, now).map((paper) => ({ ...paper, title: '0' }));
    expect(papersOf(feedOf(papers)).papers[0]?.title).toBe('0');
  });

  it('reads the older shape: version in links, date offsets, old ids', () => {
    const body = `<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom">
  <title xmlns="http://www.w3.org/2005/Atom">ArXiv Query: search_query=all:x&amp;id_list=&amp;start=0&amp;max_results=1</title>
  <opensearch:totalResults xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">7</opensearch:totalResults>
  <entry xmlns="http://www.w3.org/2005/Atom">
    <id>http://arxiv.org/abs/hep-ex/0307999</id>
    <published>2003-07-07T13:46:39-04:00</published>
    <title>An Invented Cross
  Section</title>
    <author><name>Invented Collaboration</name></author>
    <link href="http://arxiv.org/abs/hep-ex/0307999v2" rel="alternate" type="text/html"/>
    <arxiv:primary_category term="hep-ex"/>
    <category term="hep-ex"/>
  </entry>
</feed>`;
    expect(papersOf(body).papers).toMatchObject([
      {
        arxivId: 'hep-ex/0307999',
        version: 2,
        title: 'An Invented Cross Section',
        published: '2003-07-07T17:46:39.000Z',
        abstract: null,
        updated: null,
      },
    ]);
  });

  it('reads 2,000 entries', () => {
    expect(papersOf(feedOf(inventPapers(2000, now))).papers).toHaveLength(2000);
  });

  it('reads a feed without entries', () => {
    expect(papersOf(feedOf([], 0))).toMatchObject({ papers: [], totalResults: 0 });
  });

  it('distinguishes an error feed from papers', () => {
    expect(readArxivFeed(renderErrorFeed('start must be an integer', now))).toEqual({
      kind: 'error',
      message: 'start must be an integer',
    });
  });

  it('does not take a paper named Error for one', () => {
    const papers = inventPapers(1, now).map((paper) => ({ ...paper, title: 'Error' }));
    expect(papersOf(feedOf(papers)).papers).toHaveLength(1);
  });

  it('counts and names entries without id, title or date', () => {
    const body = feedOf(inventPapers(4, now)).replace(
      /http:\/\/arxiv.org\/abs\/\S+?</,
      'http://arxiv.org/abs/odd<',
    );
    expect(papersOf(body)).toMatchObject({
      entries: 4,
      odd: [{ name: 'http://arxiv.org/abs/odd', problem: 'no arXiv id' }],
    });
  });

  it('keeps the papers beside an error entry', () => {
    const error = /<entry>.*<\/entry>/s.exec(renderErrorFeed('one entry is lost', now))?.[0] ?? '';
    const answer = papersOf(feedOf(inventPapers(3, now)).replace('</feed>', `${error}</feed>`));
    expect(answer).toMatchObject({ entries: 3, error: 'one entry is lost' });
    expect(answer.papers).toHaveLength(3);
  });

  it.each([
    ['plain text', 'Rate exceeded.'],
    ['HTML', '<html><body>Down</body></html>'],
    ['nothing', ''],
    ['broken XML', '<feed xmlns="http://www.w3.org/2005/Atom"><title>x</titl'],
    ['a feed cut off between entries', feedOf(inventPapers(3, now)).split('</entry>')[0] ?? ''],
    ['a feed cut off after an entry', feedOf(inventPapers(3, now)).replace('</feed>', '')],
  ])('refuses %s', (_name, body) => {
    expect(readArxivFeed(body).kind).toBe('unreadable');
  });
});

describe('text', () => {
  it('cleans what Postgres refuses', () => {
    expect(cleanText(' a\u0000b\n\tc \ud800 ')).toBe('a b c \ufffd');
  });
  it('quotes the start on one line', () => {
    expect(quoteStart(`<html>\n${'x'.repeat(500)}`, 20)).toBe(`<html> ${'x'.repeat(13)}…`);
  });
  it.each([
    ['<i>E. coli</i> &amp; CO<sub>2</sub>', 'E. coli & CO2'],
    ['&lt;b&gt;Bold&lt;/b&gt; &#946; &eacute; AT&T', 'Bold β é AT&T'],
    ['<h4>Aim</h4>None.<p>Two<br/>lines', 'Aim None. Two lines'],
    ['if a<b and c>d, p &lt; 0.05, x <y', 'if a<b and c>d, p < 0.05, x <y'],
    [
      'in<mml:math xmlns:mml="http://x.org/M"><mml:mi mathvariant=\'italic\'>N</mml:mi></mml:math>-Coupled',
      'in N-Coupled',
    ],
  ])('reads the HTML %j', (html, text) => {
    expect(cleanText(textOfHtml(html))).toBe(text);
  });
  it('puts an OpenAlex abstract in order', () => {
    expect(abstractText({ again: [3], and: [1], Round: [0], round: [2] })).toBe('Round and round again');
  });
  it.each([
    ['120', 120],
    [' 0 ', 0],
    ['1.5', 2],
    ['99999999999999999999', 1e20],
    ['Tue, 24 Nov 2026 06:18:00 GMT', 60],
    ['Tuesday, 24-Nov-26 06:18:00 GMT', 60],
    ['Tue Nov 24 06:18:00 2026', 60],
    ['Mon, 23 Nov 2026 06:18:00 GMT', 0],
    ['soon', null],
    ['-1', null],
    ['', null],
    ['2026-11-24', null],
    [null, null],
  ])('reads Retry-After: %s', (header, seconds) => {
    expect(retryAfter(header, now)).toBe(seconds);
  });
  it.each([
    ['2026-11-20', '2026-11-20T00:00:00.000Z'],
    ['+099999-01-01', null],
    ['-000001-01-01', null],
    ['0000-01-01', null],
    ['yesterday', null],
    [null, null],
  ])('reads the date %s', (text, iso) => {
    expect(isoDate(text)).toBe(iso);
  });
});
