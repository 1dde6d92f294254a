import { changeJobs } from './change-jobs.ts';

export const disable = changeJobs('disable', 'Keep jobs from running until they are enabled.');
