/**
 * Where a text stops being JSON, in words: `unexpected "}" at line 1, column 7`. The engine's own message may quote
 * the text, which can be long or hold a secret, and gives a position only sometimes.
 */
export function jsonPlace(source: string): string {
  const message = complaint(source);
  const given = /at position (\d+)/.exec(message)?.[1];
  const position = given === undefined ? firstUnexpected(source) : Number(given);
  if (position >= source.trimEnd().length) return 'it ends too early';
  const lines = source.slice(0, position).split('\n');
  const char = String.fromCodePoint(source.codePointAt(position) ?? 0);
  return `unexpected ${JSON.stringify(char)} at line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}

function complaint(text: string): string {
  try {
    JSON.parse(text);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
}

/** A text stays wrong whatever follows its first unexpected token, so halving finds that token. */
function firstUnexpected(source: string): number {
  const isWrong = (length: number) => complaint(source.slice(0, length)).startsWith('Unexpected token');
  let right = 0;
  let wrong = source.length;
  if (!isWrong(wrong)) return wrong;
  while (wrong - right > 1) {
    const middle = (right + wrong) >> 1;
    if (isWrong(middle)) wrong = middle;
    else right = middle;
  }
  return right;
}
