/** The most causes shown: a chain may be long, or circular. */
const MOST_CAUSES = 5;

/** An error as a person reads it: its message, and what caused it, unless the message says that already. */
export function describeError(error: unknown): string {
  let said = '';
  let at: unknown = error;
  for (let depth = 0; at !== undefined && at !== null && depth < MOST_CAUSES; depth += 1) {
    const text = at instanceof Error ? at.message || at.name : String(at);
    if (depth === 0) said = text;
    else if (!said.includes(text)) said += ` Caused by: ${text}`;
    at = at instanceof Error ? at.cause : undefined;
  }
  return said;
}

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The code of an error of Node's (`ENOENT`), or an empty text. */
export function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
}
