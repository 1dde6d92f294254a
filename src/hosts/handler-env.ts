type Env = Readonly<Record<string, string | undefined>>;

/** Where people keep the key of the project. */
const KEY_NAMES: ReadonlySet<string> = new Set(['SUPABASE_SECRET_KEY', 'SUPABASE_SERVICE_ROLE_KEY']);

/**
 * The environment without the key of the project, whatever the variable that holds it is called: the key is for the
 * worker alone, and a workflow may well have it in the environment of the whole job.
 */
export function withoutKey(env: Env, key: string): Env {
  const secret = key.trim();
  return Object.fromEntries(
    Object.entries(env).filter(
      ([name, value]) => !KEY_NAMES.has(name.toUpperCase()) && (secret === '' || value?.trim() !== secret),
    ),
  );
}
