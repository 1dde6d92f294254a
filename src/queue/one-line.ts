/** A text of a server in one line for a message: without HTML tags, cut after 300 characters. */
export function oneLine(text: string, limit = 300): string {
  const line = text
    .slice(0, 10_000)
    .replace(/<(style|script|svg)\b[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^<>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > limit ? `${line.slice(0, limit).toWellFormed()}…` : line;
}
