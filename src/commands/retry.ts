import { changeJobs } from './change-jobs.ts';

export const retry = changeJobs('retry', 'Run finished jobs again, and waiting jobs now.');
