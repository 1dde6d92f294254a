/** Writes docs/reference/sql.md from the live schema and the comments in sql/. */
import { writeFileSync } from 'node:fs';
import { runSql } from '../local-supabase/database.ts';
import { startPostgres } from '../local-supabase/postgres.ts';
import { createProject } from '../local-supabase/project.ts';
import { sourceComments } from '../test/support/sql-reference/comments.ts';
import { CATALOG_SQL, type Catalog, sqlReference } from '../test/support/sql-reference/page.ts';

const postgres = await startPostgres({ durable: false });
try {
  const project = await createProject(postgres);
  try {
    const [row] = await runSql(project.adminUrl, CATALOG_SQL);
    const page = sqlReference(row?.catalog as Catalog, sourceComments());
    writeFileSync(new URL('../docs/reference/sql.md', import.meta.url), page);
  } finally {
    await project.stop();
  }
} finally {
  await postgres.stop();
}
