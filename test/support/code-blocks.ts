/** The fenced code blocks of one language in a Markdown text, without the indent of the list that they stand in. */
export const codeBlocks = (text: string, language: string): string[] =>
  [...text.matchAll(/^( *)```(\w+)\n([\s\S]*?)^\1```/gm)]
    .filter((match) => match[2] === language)
    .map((match) => (match[3] ?? '').replaceAll(new RegExp(`^${match[1]}`, 'gm'), ''));
