/**
 * The runner's rules, written anew: lines end at CR, LF, CRLF; a line is a command when it starts with `::name` and
 * has another `::`, or holds `##[name]`. Its comparisons pass over characters that sort as nothing; taking those out
 * first is at least as strict.
 */
export function commandsIn(text: string): string[] {
  const lines: string[] = [''];
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '\r' && text.charAt(at + 1) === '\n') continue;
    if (char === '\n' || char === '\r') lines.push('');
    else lines.push((lines.pop() ?? '') + char);
  }
  return lines.filter((line) => [line, withoutIgnorables(line)].some(isCommand));
}

function withoutIgnorables(line: string): string {
  return Array.from(line)
    .filter((char) => !/[\p{Cc}\p{Cf}\p{Mn}\p{Me}\p{Default_Ignorable_Code_Point}]/u.test(char))
    .join('');
}

function isCommand(line: string): boolean {
  const start = line.replace(/^[\s\u0085\u180e\u200b]+/u, '');
  if (start.startsWith('::') && start.indexOf('::', 2) !== -1) return true;
  const opening = line.indexOf('##[');
  return opening !== -1 && line.indexOf(']', opening) !== -1;
}
