/** What a line of a handler's output asks for, in the form that `@actions/core` prints and authors of shell steps write. */
export interface OutputCommand {
  readonly name: 'add-mask' | 'warning';
  readonly value: string;
}

/**
 * The command in a line: `::add-mask::VALUE` or `::warning title=…::TEXT`. Read as the runner reads it: blanks before
 * it, any case, `%25 %0D %0A` for what a command cannot hold, and the older form `##[add-mask]VALUE`. Null for any
 * other line.
 * Source: actions/runner, ActionCommand.
 */
export function outputCommand(line: string): OutputCommand | null {
  const [, now, nowValue, older, olderValue] =
    /^\s*(?:::(add-mask|warning)(?:\s[^:]*)?::(.*)|##\[(add-mask|warning)(?:\s[^\]]*)?\](.*))$/is.exec(
      line,
    ) ?? [];
  const name = (now ?? older)?.toLowerCase();
  const value = nowValue ?? olderValue;
  if (value === undefined || (name !== 'add-mask' && name !== 'warning')) return null;
  return { name, value: unescaped(value).trim() };
}

/** The line that asks for a warning. */
export function warningLine(text: string): string {
  const escaped = text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  return `::warning::${escaped}\n`;
}

function unescaped(value: string): string {
  return value.replaceAll(/%0D/gi, '\r').replaceAll(/%0A/gi, '\n').replaceAll(/%25/g, '%');
}
