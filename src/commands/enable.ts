import { changeJobs } from './change-jobs.ts';

export const enable = changeJobs('enable', 'Let disabled jobs run again.');
