import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface EuropePmcRequest {
  readonly params: URLSearchParams;
  /** 1 for the first request of this server. */
  readonly number: number;
}

export interface EuropePmcServer {
  readonly url: string;
  readonly requests: readonly EuropePmcRequest[];
  close(): Promise<void>;
}

export interface EuropePmcOptions {
  readonly records?: readonly object[];
  /** Default: the number of records. The real one said 170 and gave 168 (ContentMine/getpapers#153), also later (#162). */
  readonly hitCount?: unknown;
  /** Returns true when it has answered. */
  readonly intercept?: (request: EuropePmcRequest, response: ServerResponse) => boolean;
}

/**
 * A stand-in for Europe PMC's `rest/search` (format=json, resultType=core) with cursor marks
 * (europepmc.org/RestfulWebService). Reports of the faults that tests give it: a page without a next cursor
 * (ropensci/europepmc#44), records without authors (Coleridge-Data-For-Impact/RCApi#13), false totals and empty pages at the
 * end (ContentMine/getpapers#153). Other odd records of the tests are siblings of these that nobody has reported.
 */
export async function startEuropePmcServer(options: EuropePmcOptions = {}): Promise<EuropePmcServer> {
  const records = options.records ?? [];
  const requests: EuropePmcRequest[] = [];
  const server = createServer((incoming, response) => {
    const params = new URL(incoming.url ?? '/', 'http://localhost').searchParams;
    const request = { params, number: requests.length + 1 };
    requests.push(request);
    if (options.intercept?.(request, response) === true) return;
    const cursor = params.get('cursorMark') ?? '*';
    const pageSize = Math.min(Number(params.get('pageSize') ?? 25), 1000);
    const from = cursor === '*' ? 0 : Number(cursor.replace('AoII', ''));
    const result = records.slice(from, from + pageSize);
    sendJson(response, {
      version: '6.9',
      hitCount: options.hitCount === undefined ? records.length : options.hitCount,
      // The end is marked by the same cursor again.
      nextCursorMark: result.length === 0 ? cursor : `AoII${from + result.length}`,
      request: { queryString: params.get('query'), resultType: 'core', cursorMark: cursor, pageSize },
      resultList: { result },
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/europepmc/webservices/rest/search`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Europe PMC reports its errors with HTTP 200 and `errMsg` (cyanheads/pubmed-mcp-server#101). */
export function sendEuropePmcError(response: ServerResponse, errCode: number, errMsg: string): void {
  sendJson(response, { version: '6.9', errCode, errMsg });
}

function sendJson(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json;charset=utf-8' }).end(JSON.stringify(body));
}

/** One invented record with the fields that matter here and some that do not. */
export function inventRecord(number: number, fields: Readonly<Record<string, unknown>> = {}): object {
  return {
    id: String(39_000_000 + number),
    source: 'MED',
    pmid: String(39_000_000 + number),
    doi: `10.5555/MED.${number}`,
    title: `Invented agents in <i>E. coli</i> &amp; beyond, part ${number}.`,
    authorString: 'Sørbø K, Nakamoto-Reyes P.',
    authorList: {
      author: [
        { fullName: 'Sørbø K', firstName: 'Kari', lastName: 'Sørbø', initials: 'K' },
        { fullName: 'Nakamoto-Reyes P', firstName: 'Pia', lastName: 'Nakamoto-Reyes', initials: 'P' },
      ],
    },
    journalInfo: { volume: '3', journal: { title: 'Invented Microbiology', issn: '0000-0000' } },
    pubYear: '2026',
    abstractText: '<h4>Background</h4>Nothing here is real.',
    firstPublicationDate: '2026-11-19',
    fullTextUrlList: {
      fullTextUrl: [
        { availability: 'Open access', documentStyle: 'pdf', url: `https://example.org/${number}.pdf` },
      ],
    },
    isOpenAccess: 'Y',
    ...fields,
  };
}
