/** The import rules of docs/architecture.md: hosts, commands, worker, queue; handlers only through the registry. */
const from = (path, ...to) => ({
  name: `${path} imports ${to.join(', ')}`,
  severity: 'error',
  from: { path: `^${path}/` },
  to: { path: `^(${to.join('|')})(/|$)`, dependencyTypesNot: ['type-only'] },
});
const inner = ['text', 'schedule'].map((name) => `src/${name}`);

module.exports = {
  forbidden: [
    {
      name: 'circle',
      severity: 'error',
      from: { path: '^(src|local-supabase|dashboard)/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    from('src/commands', 'src/hosts', 'src/github'),
    from('src/worker', 'src/hosts', 'src/commands', 'src/github'),
    from('src/queue', 'src/hosts', 'src/commands', 'src/worker', 'src/handlers', 'src/github'),
    from('src/handlers', 'src/hosts', 'src/commands', 'src/worker', 'src/github'),
    ...inner.map((path) =>
      from(
        path,
        'src/hosts',
        'src/commands',
        'src/worker',
        'src/queue/(?!types)[^/]*',
        'src/handlers',
        'src/github',
      ),
    ),
    from('src', 'test', 'scripts', 'bench', 'dashboard/(?!server)[^/]*'),
    from('scripts', 'test/(?!support)[^/]*'),
    from('test', 'scripts'),
    from('local-supabase', 'src', 'test', 'scripts', 'dashboard'),
    from(
      'dashboard/server',
      'src/hosts',
      'src/worker',
      'src/handlers',
      'src/github',
      'local-supabase',
      'test',
    ),
    from('dashboard/page', 'dashboard/server', 'src/(?!text)[^/]*', 'local-supabase', 'test'),
    {
      name: 'handlers only through the registry',
      severity: 'error',
      from: { path: '^src/(?!handlers/|index)' },
      to: { path: '^src/handlers/(?!index\\.ts|handler\\.ts)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'the command line does not import src/github',
      severity: 'error',
      from: { path: '^src/hosts/(?!github-action)' },
      to: { path: '^src/github/' },
    },
    {
      name: 'only src/queue imports supabase-js',
      severity: 'error',
      from: { path: '^src/(?!queue/)' },
      to: { path: 'node_modules/@supabase' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
  },
};
