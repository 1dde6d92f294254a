import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configForms, fieldsOf } from '../../dashboard/server/config-form.ts';
import { describeConfigs } from '../../src/handlers/index.ts';
import { makeWorkspace, type Workspace } from '../support/workspace.ts';

let workspace: Workspace;
beforeAll(() => {
  const zod = import.meta.resolve('zod');
  workspace = makeWorkspace({
    'report.mjs': `import { z } from '${zod}';
      export default {
        config: z.object({
          city: z.string().describe('Where the customers live.'),
          days: z.number().int().default(7),
          format: z.enum(['csv', 'html']).optional(),
          to: z.array(z.string()),
          since: z.string().nullish(),
          columns: z.record(z.string(), z.number()),
        }),
        run: () => { throw new Error('it must not run'); },
      };`,
    'dates.mjs': `import { z } from '${zod}';
      export default { config: z.object({ at: z.date() }), run: () => null };`,
    'plain.mjs': 'export default () => null;',
    'broken.mjs': `throw new Error('no');`,
    'count.py': 'print(1)',
  });
});
afterAll(() => workspace?.remove());

const forms = async (folder: string) =>
  configForms(
    await describeConfigs({
      folder,
      env: { PATH: process.env.PATH },
      hostScript: new URL('../../src/handlers/custom/host.ts', import.meta.url),
      scratchDir: workspace.folder,
    }),
  );

describe('the form for a config', () => {
  it('has an input for each property of the schema of a handler', async () => {
    const report = (await forms(workspace.folder)).find(({ handler }) => handler === 'report.mjs');
    expect(report).toEqual({
      type: 'custom',
      handler: 'report.mjs',
      fields: [
        { name: 'city', kind: 'text', choices: [], about: 'Where the customers live.', required: true },
        { name: 'days', kind: 'integer', choices: [], about: '', required: false, default: 7 },
        { name: 'format', kind: 'choice', choices: ['csv', 'html'], about: '', required: false },
        { name: 'to', kind: 'list', choices: [], about: '', required: true },
        { name: 'since', kind: 'text', choices: [], about: '', required: false },
        { name: 'columns', kind: 'json', choices: [], about: '', required: true },
      ],
    });
  });

  it('is not known for handlers without a schema, or that do not load', async () => {
    const unknown = (await forms(workspace.folder)).filter(
      ({ type, fields }) => type === 'custom' && fields === null,
    );
    expect(unknown.map(({ handler }) => handler)).toEqual([
      'broken.mjs',
      'count.py',
      'dates.mjs',
      'plain.mjs',
    ]);
  });

  it('is known for the job types that are built in, without a folder too', async () => {
    const built = await forms(workspace.path('nowhere'));
    expect(
      built.map(({ type, fields }) => [type, fields?.map(({ name, kind }) => `${name}: ${kind}`)]),
    ).toEqual([
      [
        'paper_fetch',
        [
          'keywords: json',
          'categories: list',
          'days_back: integer',
          'max_papers: integer',
          'include_cross_lists: boolean',
          'sources: list',
          'mailto: text',
        ],
      ],
      [
        'maintenance',
        [
          'cleanup_days: number',
          'cleanup_executions: boolean',
          'cleanup_jobs_days: number',
          'release_locks: boolean',
          'reindex_advice: boolean',
        ],
      ],
    ]);
  });

  it.each([
    null,
    true,
    'text',
    [],
    {},
    { type: 'array' },
    { type: 'object' },
    { type: 'object', properties: 7 },
  ])('is JSON for the schema %j', (schema) => expect(fieldsOf(schema)).toBeNull());
});
