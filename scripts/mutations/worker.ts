import type { Mutation } from './mutation.ts';

export const WORKER_MUTATIONS: readonly Mutation[] = [];
