/** The most causes shown: a chain may be long, or circular. */
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

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The code of an error of Node's (`ENOENT`), or an empty text. */
export function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
}
