import { changeJobs } from './change-jobs.ts';

export const deleteJobs = changeJobs('delete', 'Delete jobs and their history.');
