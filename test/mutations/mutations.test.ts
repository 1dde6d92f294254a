import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MUTATIONS } from '../../scripts/mutations/all.ts';
import { drawn } from '../../scripts/mutations/draw.ts';
import type { Mutation } from '../../scripts/mutations/mutation.ts';
import { misplaced } from '../../scripts/mutations/place.ts';
import { withSurvivors } from '../../scripts/mutations/survivors.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('npm run mutate', () => {
  it('each mutation finds its place in the source, once', () => {
    const lost = MUTATIONS.flatMap((mutation) => misplaced(mutation, read(mutation.file)) ?? []);
    expect(lost.join('\n'), lost.join('\n')).toBe('');
  });

  it('each names a test file that is there, and no two have one name', () => {
    for (const { test, file } of MUTATIONS) {
      expect(read(test[0]).length, file).toBeGreaterThan(0);
    }
    expect(new Set(MUTATIONS.map(({ what }) => what)).size).toBe(MUTATIONS.length);
  });

  it('docs/reliability.md lists those that nothing notices, each with its reason', () => {
    const page = read('docs/reliability.md');
    expect(withSurvivors(page), 'npm run mutate -- --write').toBe(page);
    for (const { what, survives } of MUTATIONS) {
      if (survives !== undefined) expect(page).toContain(`| ${what} | ${survives} |`);
    }
  });

  it('a text that is gone is told with the place that looks most like it', () => {
    const mutation: Mutation = {
      what: 'a fence',
      file: 'a.sql',
      find: '    and c.locked_by = instance_id\n    and c.run_at <= now()\n',
      put: '',
      test: ['a.test.ts', ''],
    };
    const source =
      'begin\n  where c.id = 1\n    and c.locked_by is not distinct from instance_id\n    and c.run_at <= now()\nend\n';
    expect(misplaced(mutation, source)).toBe(
      [
        '"a fence" finds its place in a.sql 0 times. Look at line 3. Sought (-) and there (+):',
        '    -     and c.locked_by = instance_id',
        '    -     and c.run_at <= now()',
        '    +     and c.locked_by is not distinct from instance_id',
        '    +     and c.run_at <= now()',
      ].join('\n'),
    );
    expect(misplaced(mutation, mutation.find.repeat(2))).toContain('2 times (lines 1, 3)');
    expect(misplaced(mutation, mutation.find)).toBeNull();
  });

  it('a sample is drawn by its seed, and each mutation has its turn', () => {
    const items = MUTATIONS.map(({ what }) => what);
    expect(drawn(items, 7)).toEqual(drawn(items, 7));
    expect(drawn(items, 7)).not.toEqual(drawn(items, 8));
    const seen = new Set(Array.from({ length: 60 }, (_, seed) => drawn(items, seed).slice(0, 25)).flat());
    expect(seen.size).toBe(items.length);
  });
});
