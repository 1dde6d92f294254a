import { z } from 'zod';
import type { GitHub } from './github-repository.ts';

const NEEDS = '`permissions: issues: write`';
const PAGES = 3;
const PER_PAGE = 100;

const issue = z.object({
  number: z.int(),
  body: z.string().nullish(),
  // Pull requests are issues as well.
  pull_request: z.unknown().optional(),
});
const comment = z.object({ body: z.string().nullish() });

/** The issues of a repository. Each call throws a GitHubError. */
export const githubIssues = ({ request }: GitHub) => ({
  create: (title: string, body: string) =>
    request('POST /repos/{owner}/{repo}/issues', { title, body, labels: ['cloud-jobs'] }, NEEDS, issue),
  update: (number: number, changes: { readonly body?: string; readonly state: 'open' | 'closed' }) =>
    request(
      'PATCH /repos/{owner}/{repo}/issues/{issue_number}',
      { issue_number: number, ...changes },
      NEEDS,
      issue,
    ),
  /**
   * The issue whose body has this mark, among the newest 300. GitHub's search is minutes behind; the list is not.
   */
  async find(mark: string): Promise<z.infer<typeof issue> | null> {
    for (let page = 1; page <= PAGES; page += 1) {
      const newest = await request(
        'GET /repos/{owner}/{repo}/issues',
        { state: 'all', sort: 'created', direction: 'desc', per_page: PER_PAGE, page },
        NEEDS,
        z.array(issue),
      );
      const found = newest.find((one) => one.pull_request === undefined && one.body?.includes(mark));
      if (found) return found;
      if (newest.length < PER_PAGE) break;
    }
    return null;
  },
  comments: (number: number, since: string) =>
    request(
      'GET /repos/{owner}/{repo}/issues/{issue_number}/comments',
      { issue_number: number, since, per_page: PER_PAGE },
      NEEDS,
      z.array(comment),
    ),
  comment: (number: number, body: string) =>
    request(
      'POST /repos/{owner}/{repo}/issues/{issue_number}/comments',
      { issue_number: number, body },
      NEEDS,
      comment,
    ),
});
