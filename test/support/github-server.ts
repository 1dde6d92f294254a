import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that the server got. */
export interface GitHubRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

export interface GitHubReply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The part of GitHub's REST API that cloud-jobs calls, for one repository: `octo/consumer`. */
export interface GitHubServer {
  /** What GITHUB_API_URL would be. */
  readonly url: string;
  readonly token: string;
  readonly requests: GitHubRequest[];
  /** Answers the next requests in its place; `hang` leaves them without an answer, `lose` does them and cuts the connection, null serves them. */
  readonly faults: (GitHubReply | 'hang' | 'lose' | null)[];
  readonly issues: GitHubIssue[];
  /** What the repository and its workflows look like. */
  repository: { private: boolean; pushed_at: string };
  workflows: { id: number; name: string; path: string; state: string }[];
  stop(): Promise<void>;
}

export interface GitHubIssue {
  readonly number: number;
  title: string;
  body: string;
  state: 'open' | 'closed';
  readonly labels: readonly { readonly name: string }[];
  readonly comments: { readonly body: string; readonly created_at: string }[];
}

const DOCS = 'https://docs.github.com/rest';
const REPOSITORY = 'octo/consumer';

/**
 * Starts the server. The replies have the form of https://docs.github.com/rest, version 2022-11-28: 403 without a
 * User-Agent (microsoft/PowerShellForGitHub#296), 401 for a bad token (homieiot/convention#328), 404 for what a token may not
 * see. Tests add the rate limits and the redirect of a renamed repository as that documentation has them.
 */
export async function startGitHubServer(): Promise<GitHubServer> {
  const state = {
    token: 'github_pat_11TESTtoken0123456789',
    requests: [] as GitHubRequest[],
    faults: [] as (GitHubReply | 'hang' | 'lose' | null)[],
    issues: [] as GitHubIssue[],
    repository: { private: true, pushed_at: '2026-11-01T12:00:00Z' },
    workflows: [
      { id: 7, name: 'Run jobs', path: '.github/workflows/run-jobs.yml', state: 'active' },
      { id: 8, name: 'Manage jobs', path: '.github/workflows/manage-jobs.yml', state: 'active' },
    ],
  };
  const server = createServer((request, response) => {
    void answer(request, response);
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const seen: GitHubRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: text === '' ? null : JSON.parse(text),
    };
    state.requests.push(seen);
    const fault = state.faults.shift();
    if (fault === 'hang') return;
    const { status, body, headers } = !fault || fault === 'lose' ? route(seen) : fault;
    if (fault === 'lose') {
      response.destroy();
      return;
    }
    response.writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'x-github-api-version-selected': '2022-11-28',
      ...headers,
    });
    response.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  }

  const fail = (status: number, message: string): GitHubReply => ({
    status,
    body: { message, documentation_url: DOCS, status: String(status) },
  });

  function issueRoute(method: string, rest: string, body: unknown): GitHubReply {
    const given = (body ?? {}) as {
      title?: string;
      body?: string;
      state?: 'open' | 'closed';
      labels?: string[];
    };
    const shown = ({ comments, ...issue }: GitHubIssue) => ({ ...issue, comments: comments.length });
    const [path = '', query = ''] = rest.split('?');
    const page = Number(new URLSearchParams(query).get('page') ?? 1);
    if (path === '/issues' && method === 'GET') {
      const newest = state.issues.toReversed();
      return { status: 200, body: newest.slice((page - 1) * 100, page * 100).map(shown) };
    }
    if (path === '/issues' && method === 'POST') {
      if (!given.title) return fail(422, 'Validation Failed');
      const issue: GitHubIssue = {
        number: state.issues.length + 1,
        title: given.title,
        body: given.body ?? '',
        state: 'open',
        labels: (given.labels ?? []).map((name) => ({ name })),
        comments: [],
      };
      state.issues.push(issue);
      return { status: 201, body: shown(issue) };
    }
    const [, number, comments] = /^\/issues\/(\d+)(\/comments)?$/.exec(path) ?? [];
    const issue = state.issues.find((one) => one.number === Number(number));
    if (!issue) return fail(404, 'Not Found');
    if (comments && method === 'GET') return { status: 200, body: issue.comments };
    if (comments && method === 'POST') {
      const comment = { body: given.body ?? '', created_at: new Date().toISOString() };
      issue.comments.push(comment);
      return { status: 201, body: comment };
    }
    if (method !== 'PATCH') return fail(404, 'Not Found');
    Object.assign(issue, given);
    return { status: 200, body: shown(issue) };
  }

  function route({ method, path, headers, body }: GitHubRequest): GitHubReply {
    if (!headers['user-agent'])
      return {
        status: 403,
        body: 'Request forbidden by administrative rules. Please make sure your request has a User-Agent header',
      };
    // Octokit sends the older form, which GitHub takes as well.
    if (!['Bearer', 'token'].some((scheme) => headers.authorization === `${scheme} ${state.token}`))
      return fail(401, 'Bad credentials');
    if (!path.startsWith(`/repos/${REPOSITORY}`)) return fail(404, 'Not Found');
    const rest = path.slice(`/repos/${REPOSITORY}`.length);
    if (method === 'POST' && rest === '/dispatches') {
      const event = (body as { event_type?: unknown } | null)?.event_type;
      return typeof event === 'string' && event !== '' && event.length <= 100
        ? { status: 204 }
        : fail(422, 'Invalid request.\n\n"event_type" wasn\'t supplied.');
    }
    if (method === 'GET' && rest === '') {
      return {
        status: 200,
        body: { id: 1, full_name: REPOSITORY, default_branch: 'main', ...state.repository },
      };
    }
    if (method === 'GET' && /^\/actions\/workflows(\?|$)/.test(rest)) {
      return { status: 200, body: { total_count: state.workflows.length, workflows: state.workflows } };
    }
    if (rest.startsWith('/issues')) return issueRoute(method, rest, body);
    const enable = /^\/actions\/workflows\/([^/]+)\/enable$/.exec(rest)?.[1];
    const workflow = state.workflows.find(
      ({ id, path: file }) => String(id) === enable || file.endsWith(`/${enable}`),
    );
    if (method === 'PUT' && workflow) {
      workflow.state = 'active';
      return { status: 204 };
    }
    return fail(404, 'Not Found');
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
