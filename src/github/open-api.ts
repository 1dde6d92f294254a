import { createGitHub, type GitHub } from './api.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The way to GitHub's API; null without a token, or where no repository is known (`GITHUB_REPOSITORY`). */
export function openGitHub(token: string | null, env: Env): GitHub | null {
  const repository = env.GITHUB_REPOSITORY;
  if (token === null || !repository) return null;
  return createGitHub({
    apiUrl: env.GITHUB_API_URL || 'https://api.github.com',
    token,
    repository,
    workflowFile: workflowFileOf(env),
    fetch,
  });
}

/** The file name of the workflow that runs, by which GitHub's API knows it; null where it cannot be told. */
function workflowFileOf(env: Env): string | null {
  return /\/([^/@]+\.ya?ml)@/.exec(env.GITHUB_WORKFLOW_REF ?? '')?.[1] ?? null;
}
