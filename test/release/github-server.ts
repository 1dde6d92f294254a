import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Release {
  readonly id: number;
  readonly tag_name: string;
  readonly target_commitish: string;
  readonly body: string;
  readonly prerelease: boolean;
  draft: boolean;
  make_latest?: string;
  immutable: boolean;
  readonly assets: { readonly name: string; readonly size: number }[];
}

/** The part of GitHub's REST API that a release uses, with its rules: see the answers 401, 404 and 422. */
export interface GitHubServer {
  readonly url: string;
  readonly releases: Release[];
  /** Tag and commit. */
  readonly tags: Map<string, string>;
  /** Method and path of each request that changed something, oldest first. */
  readonly changes: string[];
  /** Whether the repository makes releases immutable. */
  immutable: boolean;
  /** Answers the next upload with 502. */
  failUpload: boolean;
  close(): Promise<void>;
}

export const TOKEN = 'ghs_0123456789abcdef';

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function startGitHub(repository: string): Promise<GitHubServer> {
  const releases: Release[] = [];
  const tags = new Map<string, string>();
  const changes: string[] = [];
  const state = { immutable: true, failUpload: false };
  const base = `/repos/${repository}`;

  function answer(method: string, url: URL, body: Buffer): [status: number, body: unknown] {
    const path = url.pathname;
    const json = method !== 'GET' && !path.endsWith('/assets') ? JSON.parse(body.toString() || '{}') : {};
    const shown = (release: Release) => ({
      ...release,
      upload_url: `${server.url}/uploads${base}/releases/${release.id}/assets{?name,label}`,
      html_url: `https://github.com/${repository}/releases/tag/${release.tag_name}`,
    });
    if (method !== 'GET') changes.push(`${method} ${path}`);
    if (method === 'GET' && path === `${base}/git/matching-refs/tags/v`) {
      const object = (sha: string) => ({ type: 'commit', sha });
      return [200, [...tags].map(([name, sha]) => ({ ref: `refs/tags/${name}`, object: object(sha) }))];
    }
    if (method === 'GET' && path === `${base}/releases`) return [200, releases.map(shown)];
    if (method === 'POST' && path === `${base}/releases`) {
      const release: Release = { ...json, id: releases.length + 1, assets: [], immutable: false };
      releases.push(release);
      return [201, shown(release)];
    }
    const upload = new RegExp(`^/uploads${base}/releases/(\\d+)/assets$`).exec(path);
    const release = releases.find(({ id }) => String(id) === (upload?.[1] ?? path.split('/').at(-1)));
    if (method === 'POST' && upload && release) {
      if (state.failUpload) {
        state.failUpload = false;
        return [502, '<html>Bad gateway</html>'];
      }
      if (release.immutable) return [422, { message: 'Cannot upload assets to an immutable release.' }];
      release.assets.push({ name: url.searchParams.get('name') ?? '', size: body.length });
      return [201, release.assets.at(-1)];
    }
    if (method === 'PATCH' && path.startsWith(`${base}/releases/`) && release) {
      if (release.draft) tags.set(release.tag_name, release.target_commitish);
      Object.assign(release, json, { immutable: state.immutable });
      return [200, shown(release)];
    }
    if (method === 'POST' && path === `${base}/git/refs`) {
      tags.set(json.ref.replace('refs/tags/', ''), json.sha);
      return [201, { ref: json.ref, object: { type: 'commit', sha: json.sha } }];
    }
    const ref = path.startsWith(`${base}/git/refs/tags/`) ? (path.split('/').at(-1) ?? '') : '';
    if (method === 'PATCH' && tags.has(ref)) {
      if (json.force !== true) return [422, { message: 'Update is not a fast forward' }];
      tags.set(ref, json.sha);
      return [200, { ref: `refs/tags/${ref}`, object: { type: 'commit', sha: json.sha } }];
    }
    return [404, { message: 'Not Found' }];
  }

  const listener = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const body = await bodyOf(request);
    const [status, reply] =
      request.headers.authorization === `Bearer ${TOKEN}`
        ? answer(request.method ?? 'GET', url, body)
        : [401, { message: 'Bad credentials' }];
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof reply === 'string' ? reply : JSON.stringify(reply));
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const server: GitHubServer = Object.assign(state, {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    releases,
    tags,
    changes,
    close: () =>
      new Promise<void>((resolve) => {
        listener.close(() => resolve());
        listener.closeAllConnections();
      }),
  });
  return server;
}
