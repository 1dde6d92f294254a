import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

/** The action and the schema of somebody who has not upgraded yet: see scripts/previous.ts. */
export interface Previous {
  readonly commit: string;
  readonly schema: number;
  readonly installSql: string;
  /** Its dist/index.js, unpacked. */
  readonly main: string;
  remove(): void;
}

export function unpackPrevious(): Previous {
  const packed = readFileSync(new URL('../fixtures/previous.json.br', import.meta.url));
  const { commit, schema, files } = JSON.parse(brotliDecompressSync(packed).toString('utf8')) as {
    readonly commit: string;
    readonly schema: number;
    readonly files: Readonly<Record<string, string>>;
  };
  const folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-previous-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return {
    commit,
    schema,
    installSql: files['sql/install.sql'] ?? '',
    main: join(folder, 'dist', 'index.js'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
