import { MUTATIONS } from './all.ts';

/** Between these lines of docs/reliability.md stands the list. */
const [BEGIN, END] = ['<!-- survivors: npm run mutate -- --write -->', '<!-- end of survivors -->'];

/** The page with the list of guards that no test can miss, and why. */
export function withSurvivors(page: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`docs/reliability.md has no place for the list: ${BEGIN}`);
  const rows = MUTATIONS.flatMap(({ what, survives }) =>
    survives === undefined ? [] : [`| ${what} | ${survives} |`],
  );
  const table = ['| taken out, and nothing fails | why |', '| --- | --- |', ...rows].join('\n');
  return `${page.slice(0, begin + BEGIN.length)}\n${table}\n${page.slice(end)}`;
}
