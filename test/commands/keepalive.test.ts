import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openGitHub } from '../../src/commands/github-repository.ts';
import { keepAlive } from '../../src/commands/keepalive.ts';
import { type GitHubServer, startGitHubServer } from '../support/github-server.ts';

const NOW = new Date('2026-11-24T12:00:00Z');
const scheduled = (name: string, uses: string) => ({
  name,
  text: `on:\n  schedule:\n    - cron: '3 * * * *'\njobs:\n  a:\n    steps:\n      - uses: ${uses}\n`,
});

let server: GitHubServer;
beforeAll(async () => {
  server = await startGitHubServer();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.requests.length = 0;
  server.repository = { private: false, pushed_at: '2026-10-05T12:00:00Z' };
  server.workflows = ['run-jobs', 'reports', 'mail', 'off', 'ci'].map((name, id) => ({
    id,
    name,
    path: `.github/workflows/${name}.yml`,
    state: name === 'off' ? 'disabled_manually' : name === 'mail' ? 'disabled_inactivity' : 'active',
  }));
});

const keep = (files: readonly { name: string; text: string }[]): Promise<string[]> => {
  const github = openGitHub(server.token, {
    GITHUB_API_URL: server.url,
    GITHUB_REPOSITORY: 'octo/consumer',
    GITHUB_WORKFLOW_REF: 'octo/consumer/.github/workflows/run-jobs.yml@refs/heads/main',
  });
  if (github === null || github.workflowFile === null) throw new Error('The repository is not known.');
  return keepAlive({ ...github, workflowFile: github.workflowFile }, files, NOW);
};
const enabled = (): string[] =>
  server.requests.filter(({ method }) => method === 'PUT').map(({ path }) => path.split('/').at(-2) ?? '');

describe('keepalive', () => {
  it('enables every scheduled workflow that no person switched off', async () => {
    const warnings = await keep([
      scheduled('run-jobs.yml', 'octo/cloud-jobs@v1'),
      scheduled('reports.yml', 'octo/cloud-jobs/.github/workflows/workers.yml@v1'),
      scheduled('mail.yml', '"./"'),
      scheduled('off.yml', 'octo/cloud-jobs@v1'),
      {
        name: 'manage.yml',
        text: 'on: workflow_dispatch\njobs: { a: { steps: [{ uses: octo/cloud-jobs@v1 }] } }',
      },
      { name: 'broken.yml', text: 'on: [' },
    ]);
    expect(enabled()).toEqual(['run-jobs.yml', 'reports.yml', 'mail.yml']);
    expect(warnings).toEqual([]);
  });

  it('warns of the 60 days of scheduled workflows that it does not enable', async () => {
    const files = [scheduled('ci.yml', 'actions/checkout@v6')];
    expect(await keep(files)).toEqual([
      expect.stringMatching(
        /for 50 days; .* in 10 days\. keepalive does not reach ci\.yml: push something\.$/,
      ),
    ]);
    expect(enabled()).toEqual(['run-jobs.yml']);
    server.repository = { private: false, pushed_at: NOW.toISOString() };
    expect(await keep(files)).toEqual([]);
  });

  it('enables the workflow that runs, with one request, without a checkout', async () => {
    expect(await keep([])).toEqual([]);
    expect(server.requests).toHaveLength(1);
  });
});
