import pg from 'pg';

/** Identifier in double quotes. */
export const quoteName = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** Opens one connection, hands it to `work`, and closes it whatever happens. */
export async function withConnection<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  // The server may end an idle connection (a database dropped by force); the next query then says so.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * Runs one or more statements as one simple query, as the SQL Editor does: without a `begin` of their own they are
 * one transaction. Returns the rows of the last statement.
 */
export async function runSql(url: string, text: string): Promise<Record<string, unknown>[]> {
  return withConnection(url, async (client) => {
    const result: pg.QueryResult | pg.QueryResult[] = await client.query(text);
    const last = Array.isArray(result) ? result.at(-1) : result;
    return last?.rows ?? [];
  });
}
