/** Causes told at most: a chain may be long, or lead back into itself. */
const MOST_CAUSES = 5;

/** An error as a person reads it: its message, and what caused it. */
export function describeError(error: unknown): string {
  const seen: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null && seen.length < MOST_CAUSES; ) {
    seen.push(at instanceof Error ? at.message || at.name : String(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return seen.join(' Caused by: ');
}
