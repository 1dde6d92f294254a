import type { Mutation } from './mutation.ts';
import { SQL_MUTATIONS } from './sql.ts';
import { WORKER_MUTATIONS } from './worker.ts';

export const MUTATIONS: readonly Mutation[] = [...SQL_MUTATIONS, ...WORKER_MUTATIONS];
