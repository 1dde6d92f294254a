/**
 * Makes a digest of what the jobs before it returned, waits until a person approves it, and posts it.
 * Config: { "to": "https://example.com/digests" }
 */
export default async (config, context) => {
  const digest = await context.step('write', () =>
    Object.values(context.parents)
      .map(({ result }) => `${result.title} (${result.words} words): ${result.url}`)
      .join('\n'),
  );
  const answer = await context.approval({ title: 'Publish the digest?', details: digest });
  if (!answer.approved) return { published: false, by: answer.by };
  await context.step('post', async () => {
    const response = await fetch(config.to, {
      method: 'POST',
      body: digest,
      // The same for every attempt, so that the receiver can leave out a second one.
      headers: { 'content-type': 'text/plain', 'idempotency-key': context.idempotencyKey },
      signal: context.signal,
    });
    if (!response.ok) throw new Error(`${config.to} answered HTTP ${response.status}`);
  });
  return { published: true, by: answer.by };
};
