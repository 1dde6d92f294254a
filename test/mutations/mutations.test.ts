import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SQL_MUTATIONS } from '../../scripts/mutations/sql.ts';
import { WORKER_MUTATIONS } from '../../scripts/mutations/worker.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

it('each mutation of npm run mutate finds its place in the source, once', () => {
  const lost = [...SQL_MUTATIONS, ...WORKER_MUTATIONS].flatMap(({ what, file, find }) => {
    const places = read(file).split(find).length - 1;
    return places === 1 ? [] : [`${what} (${file}): ${places} places`];
  });
  expect(lost).toEqual([]);
});
