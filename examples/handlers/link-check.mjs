// @ts-check
/**
 * Asks each page whether it is still there.
 *
 *   config: {"handler": "link-check", "urls": ["https://example.com/"]}
 *
 * @type {import('cloud-jobs').JobHandler<{ urls: string[] }>}
 */
export default async function linkCheck(config, context) {
  /** @type {{ url: string, problem: string }[]} */
  const broken = [];
  for (const [index, url] of config.urls.entries()) {
    context.progress(index, config.urls.length, url);
    try {
      // The signal ends the request when the job is cancelled or takes too long.
      const response = await fetch(url, { method: 'HEAD', signal: context.signal });
      if (response.status === 429) {
        return context.snooze({ minutes: 60, reason: `${url} asks for fewer requests` });
      }
      if (!response.ok) broken.push({ url, problem: `HTTP ${response.status}` });
    } catch (error) {
      // Asked to stop: give up, and do not count it as a broken link.
      context.signal.throwIfAborted();
      broken.push({ url, problem: String(error instanceof Error ? (error.cause ?? error) : error) });
    }
  }
  context.progress(config.urls.length, config.urls.length);
  context.log.info(`${broken.length} of ${config.urls.length} links are broken`);
  return { checked: config.urls.length, broken };
}
