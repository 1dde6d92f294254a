import type { Comments } from './comments.ts';

export interface CatalogFunction {
  readonly name: string;
  readonly arguments: string;
  readonly returns: string;
  readonly body: string;
}

export interface CatalogColumn {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly default: string | null;
}

/** What the database says of our schema, in one row `catalog`. */
export interface Catalog {
  readonly functions: readonly CatalogFunction[];
  readonly columns: readonly CatalogColumn[];
}

export const CATALOG_SQL = `
select jsonb_build_object(
  'functions', (
    select jsonb_agg(jsonb_build_object('name', p.proname, 'arguments', pg_get_function_arguments(p.oid),
      'returns', pg_get_function_result(p.oid), 'body', p.prosrc) order by p.proname)
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.prorettype <> 'trigger'::regtype
      and (p.proname like 'cloud\\_jobs\\_%' or p.proname in ('get_next_available_job', 'release_expired_locks'))),
  'columns', (
    select jsonb_agg(jsonb_build_object('table', c.relname, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'nullable', not a.attnotnull, 'default', pg_get_expr(d.adbin, d.adrelid)) order by c.relname, a.attnum)
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace
      and c.relname in ('cloud_jobs', 'cloud_job_executions', 'cloud_job_dependencies', 'cloud_job_steps', 'cloud_job_signals', 'cloud_job_workers', 'job_statistics', 'papers'))
) as catalog`;

/** The functions that others call, by what they are for. The rest are parts of these. */
const CHAPTERS: readonly (readonly [title: string, about: string, names: readonly string[]])[] = [
  [
    'Add jobs',
    'For applications, triggers and people.',
    ['cloud_jobs_enqueue', 'cloud_jobs_create', 'cloud_jobs_apply'],
  ],
  [
    'Change a job',
    'Each answers `{"v", "job_id", "status", "applied", "changed", "reason"}`; asking twice is no error.',
    [
      'cloud_jobs_cancel',
      'cloud_jobs_retry',
      'cloud_jobs_retry_with_dependents',
      'cloud_jobs_retry_from_step',
      'cloud_jobs_signal',
      'cloud_jobs_disable',
      'cloud_jobs_enable',
      'cloud_jobs_delete',
      'cloud_jobs_update',
    ],
  ],
  [
    'Change many jobs',
    'A filter names the jobs; `cloud_jobs_condition` has its fields.',
    ['cloud_jobs_bulk', 'cloud_jobs_condition'],
  ],
  [
    'Control a queue',
    'Pause it, or limit how many of its jobs run and how fast they start.',
    ['cloud_jobs_set_queue', 'cloud_jobs_queue_list'],
  ],
  [
    'Look',
    'They change nothing.',
    [
      'cloud_jobs_list',
      'cloud_jobs_count',
      'cloud_jobs_overview',
      'cloud_jobs_metrics',
      'cloud_jobs_outcomes',
      'cloud_jobs_show',
      'cloud_jobs_stats',
      'cloud_jobs_doctor',
      'cloud_jobs_peek',
      'cloud_jobs_backlog',
      'cloud_jobs_bloat',
      'cloud_jobs_version',
    ],
  ],
  [
    'Work',
    'What a worker calls. Every write that ends or renews an attempt names its execution and its instance, and applies only while that execution holds the lock.',
    [
      'cloud_jobs_claim',
      'cloud_jobs_renew',
      'cloud_jobs_finish',
      'cloud_jobs_release',
      'cloud_jobs_plan',
      'cloud_jobs_alert_take',
      'cloud_jobs_alert_done',
      'cloud_jobs_recall',
      'cloud_jobs_step',
      'cloud_jobs_wait',
    ],
  ],
  ['Schedules', '', ['cloud_jobs_next_occurrence', 'cloud_jobs_occurrences', 'cloud_jobs_check_schedule']],
  ['Papers', '', ['cloud_jobs_upsert_papers', 'cloud_jobs_paper_list']],
  [
    'Upkeep, and clients of the first schema',
    '',
    ['cloud_jobs_prune', 'release_expired_locks', 'get_next_available_job'],
  ],
];

const TABLES = [
  'cloud_jobs',
  'cloud_job_executions',
  'cloud_job_dependencies',
  'cloud_job_steps',
  'cloud_job_signals',
  'cloud_job_workers',
  'job_statistics',
  'papers',
];

/**
 * The page. Pure: the live schema and the comments come in.
 * @throws Error when a function of a chapter is not in the schema, or has no comment
 */
export function sqlReference(catalog: Catalog, comments: Comments): string {
  const named = new Set(CHAPTERS.flatMap(([, , names]) => names));
  const inner = catalog.functions.filter(({ name }) => !named.has(name));
  return [
    '# SQL reference',
    '',
    '<!-- Made by `npm run build:reference` from the schema and the comments in sql/. Do not edit. -->',
    '',
    'Every function and table that `sql/install.sql` makes, as the database knows them. Only `service_role` may call and',
    'read them (the secret key), and the roles of [`sql/optional/`](../guides/keys.md) a few. Call them in SQL by argument names',
    "(`select cloud_jobs_create('Report', 'custom', priority_param => -10)`), or over HTTP: `POST /rest/v1/rpc/NAME` with the",
    'arguments as a JSON object.',
    '',
    'Answers are JSON objects with a form `v`, which is 1. An error has a text that says what is wrong, a hint that says what',
    'to do, and the SQLSTATE `PTxyz`, which PostgREST answers as HTTP status `xyz`. No function raises 40001.',
    '',
    ...CHAPTERS.map(([title]) => `- [${title}](#${anchor(title)})`),
    '- [Tables](#tables)',
    '- [Inner functions](#inner-functions)',
    '',
    ...CHAPTERS.flatMap(([title, about, names]) => [
      `## ${title}`,
      '',
      ...(about === '' ? [] : [about, '']),
      ...names.flatMap((name) => functionPart(name, catalog, comments)),
    ]),
    '## Tables',
    '',
    'Row level security is on and has no policy: only the owner and `service_role` see a row. Write to them by the',
    'functions; a plain `insert into cloud_jobs (name, job_type, config)` works as well.',
    '',
    ...TABLES.flatMap((table) => tablePart(table, catalog, comments)),
    '## Inner functions',
    '',
    'Parts of those above; their names and arguments may change with any release.',
    '',
    '| function | what it does |',
    '| --- | --- |',
    ...inner.map(
      ({ name }) => `| \`${name}\` | ${cell(comments.functions.get(name)?.split('\n\n')[0] ?? '')} |`,
    ),
    '',
  ].join('\n');
}

function functionPart(name: string, catalog: Catalog, comments: Comments): string[] {
  const found = catalog.functions.find((one) => one.name === name);
  const comment = comments.functions.get(name);
  if (!found)
    throw new Error(
      `${name} is not in the schema: correct the chapters in test/support/sql-reference/page.ts.`,
    );
  if (comment === undefined) throw new Error(`${name} has no comment above it in sql/functions.`);
  const given = splitArguments(found.arguments);
  const refusals = refusalsOf(name, catalog);
  return [
    `### ${name}`,
    '',
    markdown(comment),
    '',
    ...(given.length === 0
      ? ['No arguments.', '']
      : ['| argument | type | default |', '| --- | --- | --- |', ...given.map(argumentRow), '']),
    `Returns \`${found.returns}\`.`,
    '',
    ...(refusals.length === 0
      ? []
      : [
          '| error | when |',
          '| --- | --- |',
          ...refusals.map(([status, text]) => `| ${status} | ${cell(text)} |`),
          '',
        ]),
  ];
}

/** `a text, b integer DEFAULT 3`: at the commas that are not within brackets or quotes. */
function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let part = '';
  for (const letter of text) {
    if (letter === "'") quoted = !quoted;
    if (!quoted && '([{'.includes(letter)) depth += 1;
    if (!quoted && ')]}'.includes(letter)) depth -= 1;
    if (letter === ',' && depth === 0 && !quoted) {
      parts.push(part.trim());
      part = '';
    } else part += letter;
  }
  return part.trim() === '' ? parts : [...parts, part.trim()];
}

function argumentRow(text: string): string {
  const [left = '', standard] = text.split(' DEFAULT ');
  const [name = '', ...type] = left.split(' ');
  return `| \`${name}\` | ${cell(type.join(' '))} | ${standard === undefined ? 'must be given' : `\`${cell(standard.replaceAll(/::[\w ]+(\[\])?/g, ''))}\``} |`;
}

/** The errors that a function raises itself or through those it calls, each once. */
function refusalsOf(name: string, catalog: Catalog): (readonly [status: string, text: string])[] {
  const bodies = new Map(catalog.functions.map((one) => [one.name, one.body]));
  const seen = new Set<string>();
  const found = new Map<string, string>();
  const visit = (one: string): void => {
    if (seen.has(one)) return;
    seen.add(one);
    const body = bodies.get(one) ?? '';
    for (const [, status = '', text = ''] of body.matchAll(
      /cloud_jobs_refuse\((\d{3}),\s*(?:format\(\s*)?'((?:[^']|'')*)'/g,
    )) {
      const whole = text.startsWith('is not valid') ? `The schedule … ${text}` : text;
      found.set(whole.replaceAll("''", "'").replaceAll(/%\d*\$?[sILn]?/g, '…'), status);
    }
    for (const [, called = ''] of body.matchAll(/\bpublic\.(\w+)\(/g)) visit(called);
  };
  visit(name);
  return [...found].map(([text, status]) => [status, text] as const).sort();
}

function tablePart(table: string, catalog: Catalog, comments: Comments): string[] {
  const columns = catalog.columns.filter((one) => one.table === table);
  return [
    `### ${table}`,
    '',
    '| column | type | default | meaning |',
    '| --- | --- | --- | --- |',
    ...columns.map(
      ({ name, type, nullable, default: standard }) =>
        `| \`${name}\` | ${type}${nullable ? '' : ', not null'} | ${standard === null ? '' : `\`${cell(standard.replaceAll(/::[\w ]+/g, ''))}\``} | ${cell(comments.columns.get(`${table}.${name}`) ?? '')} |`,
    ),
    '',
  ];
}

const anchor = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-');

/** Comments are written for people who read SQL: what looks like code or markup there is shown as it is. */
const markdown = (text: string): string => text.replaceAll(/[<>|*_]/g, (sign) => `\\${sign}`);
const cell = (text: string): string => markdown(text).replaceAll('\n', ' ');
