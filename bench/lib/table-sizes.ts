import type { BenchStack } from './stack.ts';

/** Of both tables of the queue together: MiB, and rows that are dead and not yet cleaned away. */
export interface TableSizes {
  readonly tables: number;
  readonly indexes: number;
  readonly dead: number;
}

export async function tableSizes(stack: BenchStack): Promise<TableSizes> {
  const [row] = await stack.sql(
    `select sum(pg_table_size(relid))::double precision / 1048576 as tables,
       sum(pg_indexes_size(relid))::double precision / 1048576 as indexes, sum(n_dead_tup)::integer as dead
     from pg_stat_user_tables where relname in ('cloud_jobs', 'cloud_job_executions')`,
  );
  return { tables: Number(row?.tables), indexes: Number(row?.indexes), dead: Number(row?.dead) };
}
