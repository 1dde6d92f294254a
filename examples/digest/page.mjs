/** Fetches one page, and returns its title and how many words it has. Config: { "url": "https://example.com/news/1" } */
export default async ({ url }, context) => {
  const response = await fetch(url, { signal: context.signal });
  if (response.status === 429 || response.status === 503)
    return context.snooze({ minutes: 5, reason: `${url} is busy` });
  if (!response.ok) throw new Error(`${url} answered HTTP ${response.status}`);
  const html = await response.text();
  const [, title = url] = /<title>([^<]*)<\/title>/.exec(html) ?? [];
  const body = html.replace(/<head>[\s\S]*<\/head>/, '').replace(/<[^>]*>/g, ' ');
  return { url, title: title.trim(), words: body.split(/\s+/).filter(Boolean).length };
};
