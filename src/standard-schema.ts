import type { StandardIssue, StandardSchema } from './index.ts';

/** Issues of one config that a message lists. */
const MOST_ISSUES = 20;

/** An issue with its path as text: `items[3].name`. */
export interface NamedIssue {
  readonly path: string;
  readonly message: string;
}

/** The issues of a schema, the first ones, with their paths as text. */
export function namedIssues(issues: readonly StandardIssue[]): readonly NamedIssue[] {
  return issues
    .slice(0, MOST_ISSUES)
    .map((issue) => ({ path: pathOf(issue), message: String(issue.message) }));
}

export function listIssues(issues: readonly NamedIssue[]): string {
  const listed = issues
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
    .join('; ');
  return listed || 'no reason given';
}

/** What is wrong with a value by a schema, in one line; null if nothing is. */
export async function checkAgainst(schema: StandardSchema, value: unknown): Promise<string | null> {
  const { issues } = await schema['~standard'].validate(value);
  return issues === undefined ? null : listIssues(namedIssues(issues));
}

function pathOf(issue: StandardIssue): string {
  let path = '';
  for (const part of issue.path ?? []) {
    const key = typeof part === 'object' ? part.key : part;
    if (typeof key === 'number') path += `[${key}]`;
    else path += path === '' ? String(key) : `.${String(key)}`;
  }
  return path;
}
