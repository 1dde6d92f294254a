import { z } from 'zod';

/** The few calls of GitHub's REST API that look after the schedule of a repository. */
export interface GitHub {
  /** `owner/name`. */
  readonly repository: string;
  /** File name of the workflow that runs now; null where none does. */
  readonly workflowFile: string | null;
  /** Needs no permission. */
  about(): Promise<{ readonly isPrivate: boolean; readonly pushedAt: string | null }>;
  /** Needs `actions: read`. At most 100. */
  workflows(): Promise<readonly { readonly path: string; readonly state: string }[]>;
  /** Enables a workflow, which starts its 60 days anew. Needs `actions: write`. */
  enable(workflowFile: string): Promise<void>;
}

/** GitHub refused, or could not be reached; the message says why and what to do. It never holds the token. */
export class GitHubError extends Error {
  override readonly name = 'GitHubError';
}

export interface GitHubOptions {
  /** `https://api.github.com`, or that of an Enterprise Server. */
  readonly apiUrl: string;
  readonly token: string;
  readonly repository: string;
  readonly workflowFile: string | null;
  readonly fetch: typeof fetch;
}

const TIMEOUT_MS = 10_000;

const aboutReply = () => z.object({ private: z.boolean(), pushed_at: z.string().nullish() });
const workflowsReply = () =>
  z.object({
    workflows: z.array(z.object({ path: z.string(), state: z.string() })),
  });
const errorReply = () => z.object({ message: z.string() });

/**
 * Source: https://docs.github.com/rest/actions/workflows and https://docs.github.com/rest/repos/repos
 * @throws GitHubError from each call
 */
export function createGitHub(options: GitHubOptions): GitHub {
  const { repository, workflowFile } = options;

  async function call(method: string, path: string, needs: string): Promise<unknown> {
    let response: Response;
    let text: string;
    try {
      response = await options.fetch(`${options.apiUrl}/repos/${repository}${path}`, {
        method,
        headers: {
          accept: 'application/vnd.github+json',
          authorization: `Bearer ${options.token}`,
          'user-agent': 'cloud-jobs',
          'x-github-api-version': '2022-11-28',
        },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      text = await response.text();
    } catch (cause) {
      throw new GitHubError('GitHub’s API did not answer.', { cause });
    }
    if (response.ok) return text === '' ? null : parse(text);
    const said = errorReply().safeParse(parse(text));
    const words = said.success
      ? `: ${said.data.message.split('\n')[0]?.slice(0, 200).replace(/\.$/, '')}`
      : '';
    throw new GitHubError(
      `GitHub answered HTTP ${response.status}${words}. ${advice(response.status, needs)}`,
    );
  }

  async function read<T>(path: string, needs: string, reply: z.ZodType<T>): Promise<T> {
    const parsed = reply.safeParse(await call('GET', path, needs));
    if (!parsed.success)
      throw new GitHubError('GitHub’s API answered in a form that is not known.', { cause: parsed.error });
    return parsed.data;
  }

  return {
    repository,
    workflowFile,
    about: async () => {
      const reply = await read('', '`metadata: read`', aboutReply());
      return { isPrivate: reply.private, pushedAt: reply.pushed_at ?? null };
    },
    workflows: async () =>
      (await read('/actions/workflows?per_page=100', '`permissions: actions: read`', workflowsReply()))
        .workflows,
    enable: async (file) => {
      await call(
        'PUT',
        `/actions/workflows/${encodeURIComponent(file)}/enable`,
        '`permissions: actions: write`',
      );
    },
  };
}

function advice(status: number, needs: string): string {
  if (status === 401) return 'The token is wrong or has expired.';
  if (status === 403 || status === 404) return `The token may not do this: the job needs ${needs}.`;
  return 'Nothing needs to be done if it passes.';
}

/** A reply that is no JSON (a proxy's page) is treated as one without a message. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
