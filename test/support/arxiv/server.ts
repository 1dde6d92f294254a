import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { renderErrorFeed, renderFeed } from './feed.ts';
import { QueryError, readQuery } from './match.ts';
import { type InventedPaper, inventPapers } from './papers.ts';

export interface ArxivRequest {
  readonly query: string;
  readonly start: number;
  readonly maxResults: number;
  readonly headers: IncomingHttpHeaders;
  /** 1 for the first request of this server. */
  readonly number: number;
}

export interface ArxivServerOptions {
  /** Default: 30 invented papers of the last 6 days. */
  readonly papers?: readonly InventedPaper[];
  /**
   * What the feeds say instead of the number of matches. arXiv was seen to say 401 and give 400 by those who first tried
   * this project; in public there is a total of 1 above no entry (autobib/autobib#183).
   */
  readonly total?: number;
  readonly now?: () => Date;
  /** Default: a free port. */
  readonly port?: number;
  /** May answer in place of the server; returns true when it has taken the request. */
  readonly intercept?: (request: ArxivRequest, response: ServerResponse) => boolean;
}

export interface ArxivServer {
  /** What goes where `https://export.arxiv.org/api/query` would. */
  readonly url: string;
  readonly requests: readonly ArxivRequest[];
  close(): Promise<void>;
}

/** arXiv takes no more than this in one page. */
const MAX_PAGE = 2000;

/** Starts a local stand-in for arXiv's query API that filters, sorts and pages invented papers. */
export async function startArxivServer(options: ArxivServerOptions = {}): Promise<ArxivServer> {
  const now = options.now ?? (() => new Date());
  const papers = [...(options.papers ?? inventPapers(30, now()))].sort(
    (left, right) => right.published.getTime() - left.published.getTime(),
  );
  const requests: ArxivRequest[] = [];
  const server = createServer((incoming, response) => {
    const { searchParams } = new URL(incoming.url ?? '/', 'http://localhost');
    const request: ArxivRequest = {
      query: searchParams.get('search_query') ?? '',
      start: Number(searchParams.get('start') ?? 0),
      maxResults: Number(searchParams.get('max_results') ?? 10),
      headers: incoming.headers,
      number: requests.length + 1,
    };
    requests.push(request);
    if (options.intercept?.(request, response) !== true)
      answer(request, papers, options.total, now(), response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/api/query`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(
  request: ArxivRequest,
  papers: readonly InventedPaper[],
  total: number | undefined,
  now: Date,
  response: ServerResponse,
): void {
  if (request.headers.accept === undefined) {
    sendText(response, 406, 'Rate exceeded.');
    return;
  }
  try {
    if (request.start + request.maxResults > 30_000)
      throw new QueryError('max_results must be less than 30000');
    const matches = papers.filter(readQuery(request.query));
    const maxResults = Math.min(request.maxResults, MAX_PAGE);
    const page = matches.slice(request.start, request.start + maxResults);
    sendFeed(
      response,
      200,
      renderFeed({ ...request, maxResults, papers: page, total: total ?? matches.length, now }),
    );
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    sendFeed(response, 400, renderErrorFeed(`incorrect query: ${error.message}`, now));
  }
}

/** Sends an Atom feed as arXiv does. */
export function sendFeed(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/atom+xml; charset=utf-8' }).end(body);
}

/** Sends plain text, as arXiv's throttle does. */
export function sendText(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(body);
}
