import { z } from 'zod';

/** The few calls of GitHub's REST API (2022-11-28) that a release needs. */
export interface GitHub {
  /** Tags that begin with `v`, and the commit of each. */
  tags(): Promise<Record<string, string>>;
  /** The release of a tag, drafts too. */
  findRelease(tag: string): Promise<Release | undefined>;
  createDraft(release: Draft): Promise<Release>;
  upload(release: Release, name: string, content: Uint8Array): Promise<void>;
  publish(release: Release, latest: boolean): Promise<Release>;
  /** Makes the tag, or moves it. */
  moveTag(tag: string, commit: string): Promise<void>;
}

export interface Draft {
  readonly tag: string;
  readonly commit: string;
  readonly notes: string;
  readonly prerelease: boolean;
}

const Release = z.object({
  id: z.number(),
  tag_name: z.string(),
  draft: z.boolean(),
  upload_url: z.string(),
  html_url: z.string(),
  // Absent on servers that do not know it yet.
  immutable: z.boolean().optional(),
  assets: z.array(z.object({ name: z.string() })),
});
export type Release = z.infer<typeof Release>;

const Refs = z.array(z.object({ ref: z.string(), object: z.object({ type: z.string(), sha: z.string() }) }));
const TagObject = z.object({ object: z.object({ sha: z.string() }) });

export interface GitHubOptions {
  /** https://api.github.com, or that of an Enterprise Server. */
  readonly api: string;
  /** `owner/name`. */
  readonly repository: string;
  /** With `contents: write`. */
  readonly token: string;
  readonly fetch: typeof fetch;
}

/**
 * Every call throws an Error that names method, address and GitHub's message when GitHub does not say yes; the token is
 * in none of them.
 */
export function openGitHub({ api, repository, token, fetch }: GitHubOptions): GitHub {
  const base = `${api}/repos/${repository}`;

  async function call(method: string, url: string, body?: object | Uint8Array): Promise<unknown> {
    const binary = body instanceof Uint8Array;
    const answer = await fetch(url, {
      method,
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${token}`,
        'x-github-api-version': '2022-11-28',
        ...(body ? { 'content-type': binary ? 'application/octet-stream' : 'application/json' } : {}),
      },
      ...(body ? { body: binary ? Buffer.from(body) : JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (answer.ok) return text === '' ? null : JSON.parse(text);
    const { message } = z
      .object({ message: z.string() })
      .catch({ message: text.slice(0, 300) })
      .parse(asJson(text));
    throw new Error(`GitHub refused ${method} ${url} with ${answer.status}: ${message}`);
  }

  async function commitOf(object: { readonly type: string; readonly sha: string }): Promise<string> {
    if (object.type !== 'tag') return object.sha;
    return TagObject.parse(await call('GET', `${base}/git/tags/${object.sha}`)).object.sha;
  }

  async function tags(): Promise<Record<string, string>> {
    const refs = Refs.parse(await call('GET', `${base}/git/matching-refs/tags/v`));
    const pairs = refs.map(
      async ({ ref, object }) => [ref.slice('refs/tags/'.length), await commitOf(object)] as const,
    );
    return Object.fromEntries(await Promise.all(pairs));
  }

  return {
    tags,
    async findRelease(tag) {
      const releases = z.array(Release).parse(await call('GET', `${base}/releases?per_page=100`));
      return releases.find(({ tag_name }) => tag_name === tag);
    },
    createDraft: async ({ tag, commit, notes, prerelease }) =>
      Release.parse(
        await call('POST', `${base}/releases`, {
          tag_name: tag,
          target_commitish: commit,
          name: tag,
          body: notes,
          draft: true,
          prerelease,
        }),
      ),
    async upload(release, name, content) {
      const url = release.upload_url.replace(/\{.*$/, '');
      await call('POST', `${url}?name=${encodeURIComponent(name)}`, content);
    },
    publish: async (release, latest) =>
      Release.parse(
        await call('PATCH', `${base}/releases/${release.id}`, {
          draft: false,
          make_latest: latest ? 'true' : 'false',
        }),
      ),
    async moveTag(tag, commit) {
      if (tag in (await tags())) {
        await call('PATCH', `${base}/git/refs/tags/${tag}`, { sha: commit, force: true });
      } else {
        await call('POST', `${base}/git/refs`, { ref: `refs/tags/${tag}`, sha: commit });
      }
    },
  };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A proxy's page: shown as it is.
    return undefined;
  }
}
