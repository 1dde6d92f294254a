import type { ServerResponse } from 'node:http';
import { renderErrorFeed, renderFeed } from './arxiv/feed.ts';
import { type InventedPaper, inventPapers } from './arxiv/papers.ts';
import {
  type ArxivRequest,
  type ArxivServer,
  type ArxivServerOptions,
  sendFeed,
  sendText,
  startArxivServer,
} from './arxiv/server.ts';

export type { ArxivRequest, ArxivServer, InventedPaper };
export { inventPapers, startArxivServer };

/** Answers one request in place of the server. `undefined` lets it through. */
export type Fault = (request: ArxivRequest, response: ServerResponse) => void;

export interface FaultyArxivOptions extends ArxivServerOptions {
  /** Called for each request; return the fault that it shall meet, if any. */
  readonly faultFor: (request: ArxivRequest) => Fault | undefined;
}

/** The stand-in for arXiv with faults; each names where it was seen on the real one. */
export function startFaultyArxivServer({ faultFor, ...options }: FaultyArxivOptions): Promise<ArxivServer> {
  return startArxivServer({
    ...options,
    intercept(request, response) {
      const fault = faultFor(request);
      fault?.(request, response);
      return fault !== undefined || (options.intercept?.(request, response) ?? false);
    },
  });
}

/**
 * The throttle: plain text of 14 bytes, no Retry-After (lukasschwab/arxiv.py#203); since September 2026 with 406 as well as
 * 429 (dmarx/luria#292).
 */
export const throttled =
  (status: 406 | 429): Fault =>
  (_request, response) =>
    sendText(response, status, 'Rate exceeded.');

/** blazickjp/arxiv-mcp-server#249 retries it. The page is invented: no report quotes one. */
export const overloaded: Fault = (_request, response) => {
  response
    .writeHead(503, { 'content-type': 'text/html' })
    .end('<html><body><h1>503 Service Unavailable</h1></body></html>');
};

/** arXiv's robots page: 403 is a block, and going on after it is taken for an attack. The body is invented. */
export const forbidden: Fault = (_request, response) => {
  response
    .writeHead(403, { 'content-type': 'text/html' })
    .end('<html><head><title>Access Denied</title></head><body>Denied by policy</body></html>');
};

/** Like the announced maintenance of JabRef/jabref#1776. The page and its status are invented. */
export const htmlPage: Fault = (_request, response) => {
  response
    .writeHead(200, { 'content-type': 'text/html' })
    .end(
      '<!DOCTYPE html>\n<html>\n<head><title>arXiv is down for maintenance</title></head><body></body></html>',
    );
};

/** Invented, as the end of a connection may leave it. */
export const brokenXml: Fault = (_request, response) =>
  sendFeed(response, 200, '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>half</titl');

/** A whole answer but for its end: what a proxy leaves of a connection that dropped. Invented. */
export const cutOff =
  (papers: readonly InventedPaper[]): Fault =>
  (request, response) => {
    const feed = renderFeed({ ...request, papers, total: papers.length, now: new Date() });
    sendFeed(response, 200, feed.slice(0, feed.lastIndexOf('</entry>') + '</entry>'.length));
  };

/**
 * A refusal: with HTTP 400 for ids, paging and letters (arXiv/arxiv-search#257, aiming-lab/AutoResearchClaw#161,
 * JabRef/jabref#1776), and with HTTP 200 for `start=notanumber`, noted by K-Dense-AI/scientific-agent-skills in July 2026.
 */
export const errorFeed =
  (status: 200 | 400, message: string): Fault =>
  (_request, response) =>
    sendFeed(response, status, renderErrorFeed(message, new Date()));

/** A feed without entries that still counts `total` papers (lukasschwab/arxiv.py#43 and #175). */
export const emptyPage =
  (total: number): Fault =>
  (request, response) =>
    sendFeed(response, 200, renderFeed({ ...request, papers: [], total, now: new Date() }));

/**
 * What arXiv does with a field it does not know: runs another query and says so in the title only. Noted by
 * K-Dense-AI/scientific-agent-skills in July 2026.
 */
export const rewritten =
  (papers: readonly InventedPaper[]): Fault =>
  (request, response) =>
    sendFeed(
      response,
      200,
      renderFeed({
        ...request,
        query: request.query.replace('submittedDate:', 'all:submittedDate:'),
        papers,
        total: papers.length,
        now: new Date(),
      }),
    );

/** Takes the request and never answers (ZJU-REAL/Polaris#198 lists timeouts, and dropped connections beside them). */
export const hangs: Fault = () => {};

/** Starts a feed and then stops sending. */
export const stalls: Fault = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/atom+xml' });
  response.write('<?xml version="1.0"?><feed>');
};

export const resets: Fault = (_request, response) => {
  response.socket?.resetAndDestroy();
};

export const sends =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Fault =>
  (_request, response) => {
    response.writeHead(status, headers).end(body);
  };
