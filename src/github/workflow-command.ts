/**
 * The few commands that are printed to the runner. Written here and not taken from `@actions/core`: they are needed
 * at once, inside signal handlers too, while that package takes about 80 ms to load. Format:
 * https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
 */
export type CommandName = 'error' | 'warning' | 'notice' | 'group' | 'endgroup' | 'add-mask';

/** One command with its line end. `title` is shown above an annotation. */
export function command(name: CommandName, message = '', title?: string): string {
  const properties = title === undefined || title === '' ? '' : ` title=${escapeProperty(title)}`;
  return `::${name}${properties}::${escapeData(message)}\n`;
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
