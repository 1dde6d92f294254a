import type { InventedPaper } from './papers.ts';

export interface FeedPage {
  readonly papers: readonly InventedPaper[];
  /** The query as arXiv ran it; echoed in the title. */
  readonly query: string;
  readonly start: number;
  readonly maxResults: number;
  readonly total: number;
  readonly now: Date;
}

const HEAD = `<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">`;

/** An Atom feed in the shape that arXiv's query API has in 2026. */
export function renderFeed(page: FeedPage): string {
  const params = `search_query=${page.query}&id_list=&start=${page.start}&max_results=${page.maxResults}`;
  return `${HEAD}
  <id>https://arxiv.org/api/stand-in</id>
  <title>arXiv Query: ${escapeXml(params)}</title>
  <updated>${seconds(page.now)}</updated>
  <link href="https://arxiv.org/api/query?${escapeXml(params)}" type="application/atom+xml"/>
  <opensearch:itemsPerPage>${page.maxResults}</opensearch:itemsPerPage>
  <opensearch:totalResults>${page.total}</opensearch:totalResults>
  <opensearch:startIndex>${page.start}</opensearch:startIndex>
${page.papers.map(renderEntry).join('\n')}
</feed>
`;
}

/** What arXiv sends in place of papers when it refuses a request: a feed with one entry that gives the reason. */
export function renderErrorFeed(message: string, now: Date): string {
  return `${HEAD}
  <id>https://arxiv.org/api/stand-in-error</id>
  <title>arXiv Query: search_query=&amp;id_list=</title>
  <updated>${seconds(now)}</updated>
  <opensearch:itemsPerPage>1</opensearch:itemsPerPage>
  <opensearch:totalResults>1</opensearch:totalResults>
  <opensearch:startIndex>0</opensearch:startIndex>
  <entry>
    <id>https://arxiv.org/api/errors#${escapeXml(message.replaceAll(' ', '_'))}</id>
    <title>Error</title>
    <summary>${escapeXml(message)}</summary>
    <updated>${seconds(now)}</updated>
    <link href="https://arxiv.org/api/errors" rel="alternate" type="text/html"/>
    <author>
      <name>arXiv api core</name>
    </author>
  </entry>
</feed>
`;
}

function renderEntry(paper: InventedPaper): string {
  const { versionedId: id } = paper;
  const lines = [
    '  <entry>',
    `    <id>http://arxiv.org/abs/${id}</id>`,
    `    <title>${escapeXml(paper.title)}</title>`,
    `    <updated>${seconds(paper.updated)}</updated>`,
    `    <link href="https://arxiv.org/abs/${id}" rel="alternate" type="text/html"/>`,
    `    <link href="https://arxiv.org/pdf/${id}" rel="related" type="application/pdf" title="pdf"/>`,
    `    <summary>${escapeXml(paper.summary)}</summary>`,
    ...paper.categories.map(
      (term) => `    <category term="${escapeXml(term)}" scheme="http://arxiv.org/schemas/atom"/>`,
    ),
    `    <published>${seconds(paper.published)}</published>`,
    ...(paper.comment === undefined
      ? []
      : [`    <arxiv:comment>${escapeXml(paper.comment)}</arxiv:comment>`]),
    `    <arxiv:primary_category term="${escapeXml(paper.categories[0] ?? '')}"/>`,
    ...(paper.journalRef === undefined
      ? []
      : [`    <arxiv:journal_ref>${escapeXml(paper.journalRef)}</arxiv:journal_ref>`]),
    ...paper.authors.map((name) => `    <author>\n      <name>${escapeXml(name)}</name>\n    </author>`),
    ...(paper.doi === undefined
      ? []
      : [
          `    <arxiv:doi>${escapeXml(paper.doi)}</arxiv:doi>`,
          `    <link rel="related" href="https://doi.org/${escapeXml(paper.doi)}" title="doi"/>`,
        ]),
    '  </entry>',
  ];
  return lines.join('\n');
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function seconds(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
