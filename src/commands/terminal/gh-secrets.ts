import { execFile } from 'node:child_process';

/** Sets the secrets of the repository in this folder with GitHub's command line, `gh`. */

export type Env = Readonly<Record<string, string | undefined>>;

/** @returns what was set, as lines for people. @throws Error with a message for people, without the values */
export async function setSecrets(env: Env): Promise<string[]> {
  const values = {
    SUPABASE_URL: env.SUPABASE_URL,
    SUPABASE_SECRET_KEY: env.SUPABASE_SECRET_KEY || env.SUPABASE_SERVICE_ROLE_KEY,
  };
  for (const [name, value] of Object.entries(values)) {
    if (!value) throw new Error(`--secrets needs ${name} in the environment or in .env.`);
    await setSecret(name, value);
  }
  return Object.keys(values).map((name) => `set    the secret ${name} of the repository`);
}

/** The value goes over standard input: other users of the machine can read arguments. */
async function setSecret(name: string, value: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const child = execFile('gh', ['secret', 'set', name], (error, _out, said) => {
      if (error === null) return resolve();
      const isMissing = 'code' in error && error.code === 'ENOENT';
      const why = isMissing
        ? 'gh is not installed (https://cli.github.com)'
        : said.replaceAll(value, '***').trim() || error.message.replaceAll(value, '***');
      reject(
        new Error(
          `The secret ${name} could not be set: ${why}. Set it on GitHub: Settings > Secrets and variables > Actions.`,
        ),
      );
    });
    // A gh that ended early reads nothing.
    child.stdin?.on('error', () => {});
    child.stdin?.end(value);
  });
}
