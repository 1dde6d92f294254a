import { changeJobs } from './change-jobs.ts';

export const cancel = changeJobs('cancel', 'Cancel jobs. A running job stops within 15 s.');
