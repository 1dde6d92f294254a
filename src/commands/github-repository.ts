/**
 * The GitHub repository whose schedules start the workers, over GitHub's REST API. `run` and `doctor` ask it, from a
 * workflow and from a terminal.
 */
import { Octokit } from '@octokit/core';
import { z } from 'zod';

/** What `run` and `doctor` ask GitHub. Each call throws a GitHubError. */
export interface GitHub {
  /** `owner/name`. */
  readonly repository: string;
  /** File name of the workflow that runs now; null outside of a workflow. */
  readonly workflowFile: string | null;
  /** Needs no permission. */
  about(): Promise<{ readonly isPrivate: boolean; readonly pushedAt: string | null }>;
  /** Returns up to 100 workflows. Needs `actions: read`. */
  workflows(): Promise<readonly { readonly path: string; readonly state: string }[]>;
  /** Enables a workflow, which restarts its 60 days. Needs `actions: write`. */
  enable(workflowFile: string): Promise<void>;
  /** Any other request about the repository. @param needs the permission to name if GitHub refuses */
  request<Reply>(
    route: string,
    parameters: Readonly<Record<string, unknown>>,
    needs: string,
    reply: z.ZodType<Reply>,
  ): Promise<Reply>;
}

/** GitHub refused, or could not be reached. The message says why and what to do, and never holds the token. */
export class GitHubError extends Error {
  override readonly name = 'GitHubError';
  /** Of GitHub's answer; null if there was none. */
  readonly status: number | null;
  /** How long GitHub wants to be left alone; null if it does not say. */
  readonly retrySeconds: number | null;
  constructor(
    message: string,
    { status = null, retrySeconds = null, ...options }: ErrorOptions & Partial<GitHubRefusal> = {},
  ) {
    super(message, options);
    this.status = status;
    this.retrySeconds = retrySeconds;
  }
}

interface GitHubRefusal {
  readonly status: number | null;
  readonly retrySeconds: number | null;
}

type Env = Readonly<Record<string, string | undefined>>;

const TIMEOUT_MS = 10_000;

const aboutReply = z.object({ private: z.boolean(), pushed_at: z.string().nullish() });
const workflowsReply = z.object({ workflows: z.array(z.object({ path: z.string(), state: z.string() })) });
const refusal = z.object({ status: z.int(), response: z.unknown() });
const refusalReply = z.object({ data: z.object({ message: z.string() }) });

/** Opens the repository that `GITHUB_REPOSITORY` names. Returns null without it or without a token. */
export function openGitHub(token: string | null, env: Env): GitHub | null {
  const [owner, repo] = env.GITHUB_REPOSITORY?.split('/') ?? [];
  if (token === null || !owner || !repo) return null;
  const octokit = new Octokit({
    auth: token,
    baseUrl: env.GITHUB_API_URL || 'https://api.github.com',
    userAgent: 'cloud-jobs',
  });
  const options = () => ({
    owner,
    repo,
    headers: { 'x-github-api-version': '2022-11-28' },
    request: { signal: AbortSignal.timeout(TIMEOUT_MS) },
  });
  return {
    repository: `${owner}/${repo}`,
    workflowFile: workflowFileOf(env),
    about: async () => {
      const reply = await ask(
        octokit.request('GET /repos/{owner}/{repo}', options()),
        '`metadata: read`',
        aboutReply,
      );
      return { isPrivate: reply.private, pushedAt: reply.pushed_at ?? null };
    },
    workflows: async () => {
      const asked = octokit.request('GET /repos/{owner}/{repo}/actions/workflows', {
        ...options(),
        per_page: 100,
      });
      return (await ask(asked, '`permissions: actions: read`', workflowsReply)).workflows;
    },
    enable: async (file) => {
      const asked = octokit.request('PUT /repos/{owner}/{repo}/actions/workflows/{workflow_id}/enable', {
        ...options(),
        workflow_id: file,
      });
      await ask(asked, '`permissions: actions: write`', z.unknown());
    },
    request: (route, parameters, needs, reply) =>
      ask(octokit.request(route, { ...options(), ...parameters }), needs, reply),
  };
}

async function ask<Reply>(
  asked: Promise<{ readonly data: unknown }>,
  needs: string,
  schema: z.ZodType<Reply>,
): Promise<Reply> {
  let data: unknown;
  try {
    ({ data } = await asked);
  } catch (error) {
    throw new GitHubError(...messageOf(error, needs));
  }
  const reply = schema.safeParse(data);
  if (reply.success) return reply.data;
  throw new GitHubError('GitHub’s API answered in a form that is not known.', { cause: reply.error });
}

function messageOf(
  error: unknown,
  needs: string,
): [message: string, options?: ErrorOptions & Partial<GitHubRefusal>] {
  const refused = refusal.safeParse(error);
  // Octokit gives a request that failed the status 500 and no response.
  if (!refused.success || refused.data.response === undefined)
    return ['GitHub’s API did not answer.', { cause: error }];
  const { status, response } = refused.data;
  const reply = refusalReply.safeParse(response);
  const said = reply.success ? `: ${firstLine(reply.data.data.message)}` : '';
  const retrySeconds = waitOf(response);
  const what = retrySeconds === null ? advice(status, needs) : 'It limits the requests of this token.';
  return [`GitHub answered HTTP ${status}${said}. ${what}`, { status, retrySeconds }];
}

const limits = z.object({
  headers: z.object({
    'retry-after': z.coerce.number().positive().optional(),
    'x-ratelimit-remaining': z.string().optional(),
    'x-ratelimit-reset': z.coerce.number().optional(),
  }),
});
const LONGEST_WAIT_SECONDS = 3600;

/** How long GitHub wants to be left alone, if the limit of requests is reached; null otherwise. */
function waitOf(response: unknown): number | null {
  const reply = limits.safeParse(response);
  if (!reply.success) return null;
  const {
    'retry-after': after,
    'x-ratelimit-remaining': left,
    'x-ratelimit-reset': reset,
  } = reply.data.headers;
  const wait = after ?? (left === '0' && reset !== undefined ? reset - Date.now() / 1000 : null);
  return wait === null ? null : Math.min(Math.max(Math.ceil(wait), 1), LONGEST_WAIT_SECONDS);
}

const firstLine = (text: string): string => (text.split('\n')[0] ?? '').slice(0, 200).replace(/\.$/, '');

function advice(status: number, needs: string): string {
  if (status === 401) return 'The token is wrong or has expired.';
  if (status === 403 || status === 404) return `The token may not do this: the job needs ${needs}.`;
  return 'Nothing needs to be done if it passes.';
}

/** The file name of the running workflow, by which GitHub's API knows it; null when it is not known. */
function workflowFileOf(env: Env): string | null {
  return /\/([^/@]+\.ya?ml)@/.exec(env.GITHUB_WORKFLOW_REF ?? '')?.[1] ?? null;
}
