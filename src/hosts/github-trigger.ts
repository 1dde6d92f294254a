import { readFile } from 'node:fs/promises';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * What started the run: GitHub's name of the event, and for a schedule its cron expression after it, as
 * `schedule 17 * * * *`. Null outside of GitHub.
 * Source: https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows#schedule
 */
export async function triggerOf(env: Env): Promise<string | null> {
  const event = env.GITHUB_EVENT_NAME || null;
  if (event !== 'schedule' || !env.GITHUB_EVENT_PATH) return event;
  try {
    const { schedule } = JSON.parse(await readFile(env.GITHUB_EVENT_PATH, 'utf8'));
    return typeof schedule === 'string' ? `schedule ${schedule}` : event;
  } catch {
    // Without the file there is no telling ticks late; the run has other things to do.
    return event;
  }
}
