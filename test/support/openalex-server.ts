import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface OpenAlexRequest {
  readonly params: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** 1 for the first request of this server. */
  readonly number: number;
}

export interface OpenAlexServer {
  readonly url: string;
  readonly requests: readonly OpenAlexRequest[];
  close(): Promise<void>;
}

export interface OpenAlexOptions {
  readonly works?: readonly object[] | (() => readonly object[]);
  /** Returns true when it has answered. */
  readonly intercept?: (request: OpenAlexRequest, response: ServerResponse) => boolean;
}

/**
 * A stand-in for `https://api.openalex.org/works` with cursor paging, in its shape of 2026 (developers.openalex.org). It
 * always needs a key; the real one answers a few requests a day without (its page on authentication).
 *
 * Reports of the faults that tests give it: authors without data (filipinascimento/openalexnet#1, ropensci/openalexR#37),
 * titles with markup as publishers sent them (Future-Scholars/paperlib#204), an HTML page as a 429
 * (research-software-directory/RSD-as-a-service#1640), `Retry-After` in seconds for a rate and of 15 hours for a spent
 * budget (J535D165/pyalex#100, rpatrik96/bibtexupdater#50), and the budget's headers, whose reset is in seconds
 * (SMTG-Bham/PaperMinerToolkit#75). Other odd records of the tests are siblings of these that nobody has reported.
 */
export async function startOpenAlexServer(options: OpenAlexOptions = {}): Promise<OpenAlexServer> {
  const requests: OpenAlexRequest[] = [];
  const server = createServer((incoming, response) => {
    const params = new URL(incoming.url ?? '/', 'http://localhost').searchParams;
    const request = { params, headers: incoming.headers, number: requests.length + 1 };
    requests.push(request);
    if (options.intercept?.(request, response) === true) return;
    if (!params.get('api_key')) {
      sendJson(response, 401, { error: 'Authentication required', message: 'An api_key is needed' });
      return;
    }
    const works = typeof options.works === 'function' ? options.works() : (options.works ?? []);
    const cursor = params.get('cursor') ?? '*';
    const perPage = Math.min(Number(params.get('per_page') ?? 25), 100);
    const from = cursor === '*' ? 0 : Number(Buffer.from(cursor, 'base64url').toString());
    const results = works.slice(from, from + perPage);
    sendJson(response, 200, {
      meta: {
        count: works.length,
        db_response_time_ms: 21,
        page: null,
        per_page: perPage,
        // Null comes only with the page after the last one, as on the real service.
        next_cursor: results.length === 0 ? null : Buffer.from(String(from + perPage)).toString('base64url'),
        groups_count: null,
        cost_usd: 0.001,
      },
      results,
      group_by: [],
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/works`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** One invented work with the fields that matter here and some that do not. */
export function inventWork(number: number, fields: Readonly<Record<string, unknown>> = {}): object {
  const landingPage = {
    is_oa: true,
    landing_page_url: `https://doi.org/10.5555/work.${number}`,
    pdf_url: null,
  };
  return {
    id: `https://openalex.org/W${4_400_000_000 + number}`,
    doi: `https://doi.org/10.5555/Work.${number}`,
    title: `An Invented Work about Agents, Number ${number}`,
    display_name: `An Invented Work about Agents, Number ${number}`,
    publication_year: 2026,
    publication_date: '2026-11-20',
    type: 'article',
    cited_by_count: 0,
    primary_location: {
      ...landingPage,
      source: { id: 'https://openalex.org/S1', display_name: 'Journal of Invented Agents', issn_l: null },
    },
    best_oa_location: { ...landingPage, pdf_url: `https://example.org/work-${number}.pdf`, source: null },
    locations: [{ ...landingPage, source: null }],
    authorships: [
      {
        author_position: 'first',
        author: { id: 'https://openalex.org/A1', display_name: 'Ilse Vandenhoek' },
      },
      { author_position: 'last', author: { id: 'https://openalex.org/A2', display_name: 'Teo Marchetti' } },
    ],
    primary_topic: { id: 'https://openalex.org/T1', display_name: 'Multi-Agent Systems', score: 0.98 },
    topics: [{ id: 'https://openalex.org/T1', display_name: 'Multi-Agent Systems', score: 0.98 }],
    abstract_inverted_index: { We: [0], agents: [3], study: [1], invented: [2] },
    ...fields,
  };
}
