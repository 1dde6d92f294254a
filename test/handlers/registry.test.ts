import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { checkByHandlers, checkConfig, highlightsOf, JOB_TYPE_NAMES } from '../../src/handlers/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-registry-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('registry of job types', () => {
  it('lists the types that the database accepts', () => {
    const sql = readFileSync(new URL('../../sql/install.sql', import.meta.url), 'utf8');
    const [, names = ''] = /job_type in \(([^)]*)\)/i.exec(sql) ?? [];
    const accepted = [...names.matchAll(/'(\w+)'/g)].map(([, name]) => name);
    expect(accepted.sort()).toEqual([...JOB_TYPE_NAMES].sort());
  });

  it('checks a config by its type', () => {
    expect(() => checkConfig('maintenance', { cleanup_dayz: 3 })).toThrow(/cleanup_dayz/);
    expect(() => checkConfig('paper_fetch', {})).toThrow(/keywords or categories/);
    expect(() => checkConfig('custom', {})).toThrow(/names no handler/);
    expect(() => checkConfig('mail', {})).toThrow(/no job type "mail".*paper_fetch, maintenance, custom/);
  });

  it('gives the concurrency key that a type asks for', () => {
    expect(checkConfig('paper_fetch', { keywords: ['rag'] })).toBe('cloud-jobs:arxiv');
    expect(checkConfig('paper_fetch', { keywords: ['rag'], sources: ['openalex'] })).toBeNull();
    expect(checkConfig('maintenance', null)).toBeNull();
    expect(checkConfig('custom', { handler: 'report' })).toBeNull();
  });

  it('checks configs by the handlers that they name, in order', async () => {
    const schema = `{ '~standard': { version: 1, vendor: 'test', validate: (value) =>
      value.city ? { value } : { issues: [{ message: 'a city is needed', path: ['city'] }] } } }`;
    writeFileSync(join(folder, 'report.mjs'), `export default { config: ${schema}, run: () => null };`);
    const problems = await checkByHandlers(
      [
        { type: 'custom', config: { handler: 'report' } },
        { type: 'maintenance', config: {} },
        { type: 'custom', config: { handler: 'report', city: 'Bonn' } },
        { type: 'custom', config: { handler: 'elsewhere' } },
      ],
      {
        folder,
        hostScript: fileURLToPath(new URL('../../src/handlers/custom/host.ts', import.meta.url)),
        env: process.env,
        scratchDir: folder,
      },
    );
    expect(problems).toEqual([expect.stringContaining('city: a city is needed'), null, null, null]);
  });

  it('shows what a type finds worth showing of a result', () => {
    const newest = [{ title: 'A paper', url: 'https://arxiv.org/abs/1' }, { title: '' }, null];
    expect(highlightsOf('paper_fetch', { newest })).toEqual({
      heading: 'newest papers',
      links: [{ text: 'A paper', url: 'https://arxiv.org/abs/1' }],
    });
    expect(highlightsOf('paper_fetch', { newest: 'none' })).toBeNull();
    expect(highlightsOf('custom', { newest })).toBeNull();
    expect(highlightsOf('of another version', null)).toBeNull();
  });
});
