export type Env = Readonly<Record<string, string | undefined>>;

/**
 * Names that stay with the worker. INPUT_* holds the Supabase key; STATE_* is the action's own memory; the
 * ACTIONS_* tokens reach the cache, the artifacts and the identity of the run; the GITHUB_* files are how a step
 * gives orders to the runner, which a job must not.
 */
const WITHHELD: ReadonlySet<string> = new Set([
  'ACTIONS_RUNTIME_TOKEN',
  'ACTIONS_RUNTIME_URL',
  'ACTIONS_RESULTS_URL',
  'ACTIONS_CACHE_URL',
  'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
  'ACTIONS_ID_TOKEN_REQUEST_URL',
  'GITHUB_OUTPUT',
  'GITHUB_STATE',
  'GITHUB_ENV',
  'GITHUB_PATH',
  'GITHUB_STEP_SUMMARY',
  // Set by Node for a process that was itself forked: a child would take a descriptor of ours for its channel.
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
]);

/**
 * The environment of a handler: what the step gave the worker, without the action's inputs and without what
 * belongs to the worker alone. Names are compared without case, as Windows does.
 */
export function childEnv(env: Env): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const upper = name.toUpperCase();
    if (value === undefined || upper.startsWith('INPUT_') || upper.startsWith('STATE_')) continue;
    if (!WITHHELD.has(upper)) kept[name] = value;
  }
  return kept;
}
