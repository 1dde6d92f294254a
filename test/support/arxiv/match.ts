import type { InventedPaper } from './papers.ts';

type Test = (paper: InventedPaper) => boolean;

/** Thrown for a query that arXiv would answer with HTTP 400. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
}

/**
 * Reads a `search_query` of arXiv (`all:`, `ti:`, `abs:`, `cat:`, `submittedDate:[… TO …]`, AND, OR, ANDNOT,
 * parentheses, phrases) into a test of a paper. Throws `QueryError` for unbalanced parentheses, quotes or a date that
 * is not written out to the minute.
 */
export function readQuery(query: string): Test {
  const tokens = query.match(/\(|\)|\w+:"[^"]*"|\w+:\[[^\]]*\]|[^\s()]+/g) ?? [];
  let position = 0;
  const test = readOr();
  if (position < tokens.length) throw new QueryError(`unexpected ${tokens[position]}`);
  return test;

  function readOr(): Test {
    let left = readAnd();
    while (tokens[position] === 'OR') {
      position += 1;
      const [one, two] = [left, readAnd()];
      left = (paper) => one(paper) || two(paper);
    }
    return left;
  }

  function readAnd(): Test {
    let left = readTerm();
    while (tokens[position] === 'AND' || tokens[position] === 'ANDNOT') {
      const isNot = tokens[position] === 'ANDNOT';
      position += 1;
      const [one, two] = [left, readTerm()];
      left = (paper) => one(paper) && two(paper) !== isNot;
    }
    return left;
  }

  function readTerm(): Test {
    const token = tokens[position];
    position += 1;
    if (token === undefined) throw new QueryError('the query ends too early');
    if (token !== '(') return readAtom(token);
    const inner = readOr();
    if (tokens[position] !== ')') throw new QueryError('a parenthesis is not closed');
    position += 1;
    return inner;
  }
}

function readAtom(token: string): Test {
  const [, field = 'all', raw = ''] = /^(?:(\w+):)?(.*)$/s.exec(token) ?? [];
  if ((raw.match(/"/g) ?? []).length % 2 === 1 || raw === ')') throw new QueryError(`cannot read ${token}`);
  if (field === 'submittedDate') return readDates(raw);
  const value = raw.replaceAll('"', '').toLowerCase();
  if (field === 'cat')
    return (paper) => paper.categories.some((category) => category.toLowerCase() === value);
  if (field === 'ti') return (paper) => contains(paper.title, value);
  if (field === 'abs') return (paper) => contains(paper.summary, value);
  return (paper) => contains([paper.title, paper.summary, ...paper.authors].join(' '), value);
}

function contains(text: string, phrase: string): boolean {
  return text.toLowerCase().replace(/\s+/g, ' ').includes(phrase);
}

function readDates(raw: string): Test {
  const match = /^\[(\d{12}) TO (\d{12})\]$/.exec(raw);
  if (match === null)
    throw new QueryError(`submittedDate must be [YYYYMMDDHHMM TO YYYYMMDDHHMM], not ${raw}`);
  const [, from = '', to = ''] = match;
  return ({ published }) => {
    const minute = published.toISOString().slice(0, 16).replace(/[-T:]/g, '');
    return minute >= from && minute <= to;
  };
}
