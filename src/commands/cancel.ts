import { changeJobs } from './change-jobs.ts';

export const cancel = changeJobs(
  'cancel',
  "Cancel jobs. A running job is told to stop at its worker's next heartbeat.",
);
