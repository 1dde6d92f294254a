/**
 * The log of a step as people see it: without the lines that mask a value, and with that value hidden from there on.
 * Other commands stay as they are.
 */
export function shownLog(raw: string): string {
  const masks = new Set<string>();
  const shown: string[] = [];
  for (const line of raw.split('\n')) {
    const mask = /^::add-mask::(.*)$/.exec(line);
    if (mask) {
      masks.add(decode(mask[1] ?? ''));
      continue;
    }
    shown.push([...masks].reduce((text, value) => text.replaceAll(value, '***'), line));
  }
  return shown.join('\n');
}

function decode(text: string): string {
  return text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
}
