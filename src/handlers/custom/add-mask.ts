/**
 * The value of a line that asks the runner to mask it, as `@actions/core` prints it and authors of shell steps write
 * it: `::add-mask::value`. Read as the runner reads it: blanks before it, any case, `%25 %0D %0A` for what a command
 * cannot hold, and the older form `##[add-mask]value`. Null for any other line.
 * Source: actions/runner, ActionCommand.
 */
export function maskedValue(line: string): string | null {
  const [, now, older] =
    /^\s*(?:::add-mask(?:\s[^:]*)?::(.*)|##\[add-mask(?:\s[^\]]*)?\](.*))$/is.exec(line) ?? [];
  const value = now ?? older;
  if (value === undefined) return null;
  return value.replaceAll(/%0D/gi, '\r').replaceAll(/%0A/gi, '\n').replaceAll(/%25/g, '%').trim();
}
