import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describeConfigs } from '../../src/handlers/index.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import type { TestProject } from '../../test/support/stack.ts';
import { serveDashboard } from '../server/serve.ts';

/** @throws Error if this machine has no Chromium */
export function browserPath(): string {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8' }).trim();
    } catch {
      // The next one may be there.
    }
  }
  throw new Error('There is no Chromium here. Install the package chromium.');
}

export interface Served {
  readonly url: string;
  readonly base: string;
  stop(): Promise<void>;
}

/** Starts the dashboard of a project on a free port. */
export async function serve(project: TestProject, readOnly: boolean, handlers?: string): Promise<Served> {
  const stop = new AbortController();
  let say: (url: string) => void = () => {};
  const printed = new Promise<string>((resolve) => {
    say = resolve;
  });
  const ended = serveDashboard({
    queue: openQueue({ url: project.url, key: project.secretKey }, 'test').queue,
    describeConfigs: () =>
      describeConfigs({
        folder: handlers ?? null,
        env: { PATH: process.env.PATH },
        hostScript: new URL('../../src/handlers/custom/host.ts', import.meta.url),
        scratchDir: tmpdir(),
      }),
    readOnly,
    password: null,
    userHeader: null,
    host: '127.0.0.1',
    port: 0,
    open: false,
    pageDir: fileURLToPath(new URL('../built', import.meta.url)),
    version: 'test',
    print: (line) => {
      const url = /http:\S+/.exec(line)?.[0];
      if (url) say(url);
    },
    stop: stop.signal,
  });
  const url = await printed;
  return {
    url,
    base: new URL(url).origin,
    stop: async () => {
      stop.abort();
      await ended;
    },
  };
}
