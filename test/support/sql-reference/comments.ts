import { readdirSync, readFileSync } from 'node:fs';

const folders = ['../../../sql/tables/', '../../../sql/functions/'].map(
  (path) => new URL(path, import.meta.url),
);

/** What the files of sql/ say about the things they make. */
export interface Comments {
  /** Contract of each function, by name. */
  readonly functions: ReadonlyMap<string, string>;
  /** Meaning of columns, by `table.column`. */
  readonly columns: ReadonlyMap<string, string>;
}

/** Reads the comment above each function, and those above the columns that were added to a table. */
export function sourceComments(): Comments {
  const functions = new Map<string, string>();
  const columns = new Map<string, string>();
  const files = folders.flatMap((folder) => readdirSync(folder).map((file) => new URL(file, folder)));
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    for (const [, comment = '', name = ''] of text.matchAll(
      /((?:^--.*\n)*)(?:^drop function.*\n)*^create or replace (?:function|view) public\.(\w+)/gm,
    )) {
      if (comment !== '') functions.set(name, plain(comment));
    }
    for (const [, table = '', body = ''] of text.matchAll(
      /^(?:create table if not exists|alter table) public\.(\w+)([\s\S]*?);$/gm,
    )) {
      for (const [, comment = '', column = ''] of body.matchAll(
        /((?:^ +--.*\n)+)^ +(?:add column (?:if not exists )?)?(\w+)/gm,
      )) {
        columns.set(`${table}.${column}`, plain(comment));
      }
    }
  }
  return { functions, columns };
}

/** Without the dashes, each paragraph on one line. */
const plain = (comment: string): string =>
  comment
    .split('\n')
    .map((line) => line.replace(/^\s*-- ?/, '').trim())
    .join('\n')
    .trim()
    .split(/\n\n+/)
    .map((paragraph) => paragraph.replaceAll('\n', ' '))
    .join('\n\n');
