/** The deliberate faults of `npm run mutate:sql`: fences, guards, limits and rights of the schema. */
export interface Mutant {
  /** The function whose text is changed, or the file below sql/ if it is not a function. */
  readonly place: string;
  /** The clause that is removed; it occurs exactly once in the function, whatever its line breaks. */
  readonly clause: string;
  /** What takes its place. */
  readonly put: string;
  /** A test file below test/ that must fail; a `*` stands for any text. */
  readonly test: string;
}

const mutants = (
  place: string,
  test: string,
  ...clauses: readonly (string | readonly [clause: string, put: string])[]
): Mutant[] =>
  clauses.map((text) => {
    const [clause, put] = typeof text === 'string' ? [text, ''] : text;
    return { place, clause, put, test: `${test}*.test.ts` };
  });

export const SQL_MUTANTS: readonly Mutant[] = [
  // Jobs are added with the success that this call records, and once.
  ...mutants('cloud_jobs_spawn', 'sql/spawn', 'and e.finished_at = now()', "and e.status = 'success'"),
  ...mutants('cloud_jobs_is_needed', 'sql/spawn', 'and not d.spawned'),
  ...mutants('cloud_jobs_parent_results', 'sql/spawn', 'and not d.spawned'),
  // Fences: only the execution that holds the lock ends, renews or repeats an attempt.
  ...mutants(
    'cloud_jobs_end_attempts',
    'sql/requests',
    'and c.locked_by is not distinct from item.instance_id',
    'and item.turn = 1',
    [
      'case when lost_param then i.instance_id else instance_id_param end',
      'coalesce(i.instance_id, instance_id_param)',
    ],
    [`if reply @> '[{"applied": false}]' then`, 'if false then'],
  ),
  ...mutants('cloud_jobs_end_successes', 'sql/requests', 'and c.locked_by = instance_id_param'),
  ...mutants(
    'cloud_jobs_end_successes',
    'sql/races',
    "coalesce(c.locked_execution_id, '') = item.execution_id and",
  ),
  ...mutants(
    'cloud_jobs_end_attempts',
    'sql/races',
    'and c.locked_execution_id is not distinct from item.execution_id',
  ),
  ...mutants('cloud_jobs_end_successes', 'schedule/recurring', 'and c.schedule is null'),
  ...mutants(
    'cloud_jobs_renew',
    'sql/requests',
    ["octet_length((item->'progress')::text) > 16384", 'false'],
    'perform public.cloud_jobs_open_executions(running);',
  ),
  ...mutants(
    'cloud_jobs_claim',
    'sql/requests',
    `exists (
      select from public.cloud_jobs j
      where j.locked_execution_id collate "C" between id_prefix || '0000' and id_prefix || 'ffff'
    ) or`,
    `or exists (
      select from generate_series(1, limit_param) as n
      join public.cloud_job_executions e on e.execution_id = id_prefix || lpad(to_hex(n), 4, '0'))`,
    'and j.locked_by = instance_id_param',
  ),
  ...mutants(
    'cloud_jobs_claim',
    'sql/races',
    "perform pg_advisory_xact_lock(hashtextextended('cloud-jobs claim: ' || request_id_param::text, 0));",
    [
      "and coalesce(j.status, '') = 'locked' and left(j.locked_execution_id, 32) = id_prefix;\n  else",
      ';\n  else',
    ],
  ),
  // Row locks.
  ...mutants('cloud_jobs_end_successes', 'sql/races', 'order by j.job_id'),
  ...mutants('cloud_jobs_finish', 'sql/races', 'or unique_violation'),
  ...mutants(
    'cloud_jobs_renew',
    'sql/races',
    'for update of c',
    'and c.locked_execution_id = item.execution_id',
  ),
  ...mutants('cloud_jobs_prune', 'sql/races', ['perform pg_advisory_xact_lock(', 'perform (']),
  ...mutants('cloud_jobs_skip_missed', 'sql/races', [
    'not pg_try_advisory_xact_lock(public.cloud_jobs_key_lock_id(late.concurrency_key))',
    'false',
  ]),
  // The state machine.
  ...mutants(
    'cloud_jobs_end_attempts',
    'sql/attempts',
    "when was_cancelled then 'cancelled'",
    [
      "when outcome in ('failure', 'lost', 'snooze') and attempts_left then 'retry'",
      "when outcome <> 'discard' then 'retry'",
    ],
    ['coalesce(c.current_retries, 0) + 1', 'c.current_retries'],
    ['least(21600, ', '('],
    ' * (0.8 + 0.4 * random())',
    'locked_at = null, locked_by = null, lock_expires_at = null, locked_execution_id = null,',
    "when outcome in ('snooze', 'release') and snooze_fault is null then 'again'",
  ),
  ...mutants('cloud_jobs_end_attempts', 'schedule/recurring', [
    "when disable_wanted and schedule is not null then 'disabled'",
    '',
  ]),
  ...mutants(
    'cloud_jobs_expire',
    'sql/requests',
    'and c.job_type = t.job_type and c.lock_expires_at < now()',
  ),
  ...mutants(
    'cloud_jobs_pick',
    'sql/attempts',
    ['and c.run_at <= now() and (c.lock_expires_at is null', 'and (c.lock_expires_at is null'],
    ['c.queue = lane.queue and', ''],
  ),
  ...mutants('cloud_jobs_pick', 'sql/keys', ['where running + c.position <= c.concurrency_limit', '']),
  ...mutants('cloud_jobs_pick', 'sql/concurrency-limit', [
    'and j.concurrency_limit <= running + cardinality(admitted)',
    '',
  ]),
  ...mutants('tables/concurrency-keys.sql', 'sql/concurrency-limit', [
    'and j.concurrency_slot = place',
    'and false',
  ]),
  ...mutants('tables/indexes.sql', 'sql/keys', [
    'create unique index if not exists cloud_jobs_concurrency_key on',
    'create index if not exists cloud_jobs_concurrency_key on',
  ]),
  ...mutants('tables/indexes.sql', 'sql/enqueue', [
    'create unique index if not exists cloud_jobs_unique_key on',
    'create index if not exists cloud_jobs_unique_key on',
  ]),
  // Guards of what people ask for.
  ...mutants('cloud_jobs_delete', 'sql/jobs', ["elsif job.status = 'locked' and", 'elsif false and']),
  ...mutants(
    'cloud_jobs_retry',
    'sql/jobs',
    ["job.status not in ('failed', 'success')", 'false'],
    ['if job.unique_key is not null then', 'if false then'],
  ),
  ...mutants(
    'cloud_jobs_prune',
    'sql/jobs',
    ["e.status <> 'running' or not exists", 'true or not exists'],
    'and j.schedule is null',
    "j.status in ('success', 'failed') and",
  ),
  ...mutants('cloud_jobs_bulk', 'sql/races', [
    'into found.job_ids using found.job_ids;',
    'into position using found.job_ids;\n    position := 0;',
  ]),
  // Guards of what a row may hold, and triggers for plain writes.
  ...mutants(
    'tables/job-guards.sql',
    'sql/guards',
    ["when new.name is distinct from old.name and new.name !~ '[^[:space:]\\u00a0]' then 'has no name'", ''],
    ["when (new.name !~ '[^[:space:]\\u00a0]' or length(new.name) > 500", 'when (length(new.name) > 500'],
    ["or length(new.queue) > 100 or new.queue !~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]*$'\n    or", 'or'],
    "or jsonb_typeof(new.config) <> 'object'",
    'or pg_column_size(jsonb_build_array(new.config)) > 43690',
    ['> 43690', '> 262144'],
    ['pg_column_size(jsonb_build_array(new.config)) > 1000', 'pg_column_size(new.config) > 1000000'],
    `or jsonb_path_exists(new.config, 'strict $.** ? (@.type() == "number" && (@ > 9007199254740991 || @ < -9007199254740991))')`,
    ['when (new.max_retries not between 0 and 9999 or', 'when ('],
    'or new.timeout_seconds > 9999999',
    "or new.run_at not between '1900-01-01Z' and '9999-12-31Z'",
    "or new.locked_at not between '1900-01-01Z' and '9999-12-31Z'",
    'new.occurrence not between 0 and 1000000000 or',
  ),
  ...mutants('tables/job-guards.sql', 'sql/direct-writes', [
    "when (new.status in ('waiting', 'locked') and new.finished_at is not null)",
    'when (false)',
  ]),
  ...mutants('cloud_jobs_end_attempts', 'sql/old-rows', [
    'greatest(0, least(coalesce(c.current_retries, 0) + 1, 1000000))',
    'coalesce(c.current_retries, 0) + 1',
  ]),
  ...mutants(
    'tables/direct-writes.sql',
    'sql/direct-writes',
    [
      "before insert on public.cloud_jobs for each row when (new.status = 'locked' and new.lock_expires_at is null or",
      'before insert on public.cloud_jobs for each row when (',
    ],
    [
      "before update of status, lock_expires_at on public.cloud_jobs for each row when (new.status = 'locked' and new.lock_expires_at is null or",
      'before update of status, lock_expires_at on public.cloud_jobs for each row when (',
    ],
    ["when (old.status = 'locked' and new.status <> 'locked' and", 'when (false and'],
    ["when (new.schedule is not null and old.status in ('waiting', 'locked') and", 'when (false and'],
    ["case when old.disable_requested_at is null then 'waiting' else 'disabled' end", "'waiting'"],
  ),
  ...mutants('tables/concurrency-keys.sql', 'sql/direct-writes', [
    'when (new.blocked or new.blocked is null and new.has_parents is not true)',
    'when (false)',
  ]),
  ...mutants('tables/direct-writes.sql', 'sql/old-rows', [
    "where status = 'locked' and lock_expires_at is null or lock_expires_at > now() + interval '366 days'",
    'where false',
  ]),
  // Limits.
  ...mutants(
    'cloud_jobs_finish',
    'sql/requests',
    ["octet_length((item->'result')::text) > 262144", 'false'],
    ["octet_length(item->>'error') > 65536", 'false'],
    ["octet_length(item->>'output') > 65536", 'false'],
    ["'snooze', 'release')\n      or", "'snooze', 'release', 'lost')\n      or"],
  ),
  ...mutants(
    'cloud_jobs_check_claim',
    'sql/requests',
    ["coalesce(instance_id_param, '') = ''", 'false'],
    ["client_schema_param < (version->>'requires')::integer", 'false'],
    ['or limit_param not between 1 and 1000', ''],
  ),
  ...mutants('cloud_jobs_config_fault', 'sql/enqueue', [
    'octet_length(config_param::text) > 262144',
    'false',
  ]),
  // Rights.
  ...mutants(
    'tables/row-security.sql',
    'sql/advisors',
    'alter table public.cloud_jobs enable row level security;',
  ),
  ...mutants(
    'install/access.sql',
    'sql/security',
    "execute format('revoke all on %s from public, anon, authenticated', object.name);",
    [
      "'revoke all on function %s from public, anon, authenticated'",
      "'revoke all on function %s from public'",
    ],
    ["'revoke all on function %s from public, anon, authenticated'", "'revoke all on function %s from anon'"],
  ),
  ...mutants('cloud_jobs_check_claim', 'sql/roles', 'perform public.cloud_jobs_check_queues(queues_param);'),
  ...mutants('cloud_jobs_check_queues', 'sql/roles', [
    '(queues_param <@ allowed) is not true',
    'not queues_param <@ allowed',
  ]),
  ...mutants('cloud_jobs_enqueue', 'sql/roles', [`items @> '[{"job_type": "maintenance"}]'`, 'false']),
  ...mutants(
    'optional/worker-role.sql',
    'sql/roles',
    ['public.cloud_jobs_version,', 'public.cloud_jobs_version, public.cloud_jobs_list,'],
    ["else '{}'::text[]", 'else null'],
  ),
];
