import Table from 'cli-table3';

/** A job summary as its reader sees it: GitHub's Markdown as plain text with tables. */
export function plainPage(markdown: string): string {
  const lines: string[] = [];
  let rows: string[][] = [];
  const endTable = (): void => {
    const [head, ...body] = rows;
    if (head !== undefined) {
      const table = new Table({ head, style: { head: ['bold'], border: [] } });
      table.push(...body);
      lines.push(table.toString());
    }
    rows = [];
  };
  // Charts are drawn by GitHub only.
  for (const line of markdown.replaceAll(/^```mermaid\n[\s\S]*?^```$/gm, '').split('\n')) {
    if (!line.startsWith('|')) {
      endTable();
      lines.push(plain(line));
    } else if (!/^\|[ :|-]+\|$/.test(line)) {
      rows.push(line.slice(1, -1).split('|').map(plain));
    }
  }
  endTable();
  return lines
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim();
}

function plain(text: string): string {
  return text
    .replace(/^#+ /, '')
    .replaceAll(/<br>\s*/g, '\n')
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll('&nbsp;', ' ')
    .replaceAll(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('**', '')
    .trim();
}
