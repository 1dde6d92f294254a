/**
 * Reads a page of links, and adds a job for each linked page and one that publishes what they found.
 * Config: { "index": "https://example.com/news", "publish_to": "https://example.com/digests" }
 */
export default async (config, context) => {
  const response = await fetch(config.index, { signal: context.signal });
  if (!response.ok) throw new Error(`${config.index} answered HTTP ${response.status}`);
  const links = [...(await response.text()).matchAll(/<a [^>]*href="([^"#]+)"/g)];
  const urls = new Set(links.map(([, href]) => new URL(href, config.index).href));
  if (urls.size === 0) return context.discard(`${config.index} links to no page`);
  await context.spawn(
    [...urls].map((url) => ({ name: `Fetch ${url}`, handler: 'page', config: { url } })),
    // biome-ignore lint/suspicious/noThenProperty: an option of spawn, and no function.
    { then: { name: 'Publish the digest', handler: 'publish', config: { to: config.publish_to } } },
  );
  return { pages: urls.size };
};
