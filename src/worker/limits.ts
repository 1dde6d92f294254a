/** Byte limits of what one attempt stores, in UTF-8. `cloud_jobs_finish` refuses more. */
export const MAX_RESULT_BYTES = 256 * 1024;
export const MAX_ERROR_BYTES = 16 * 1024;
export const MAX_DETAILS_BYTES = 64 * 1024;
/** Of one text among the details: a long stack must not cost the rest. */
export const MAX_DETAIL_BYTES = 8 * 1024;
export const MAX_OUTPUT_BYTES = 16 * 1024;
export const MAX_NOTE_BYTES = 1024;

/** Jobs in one request at the most; the database takes no more. */
export const MAX_BATCH = 1_000;
/** About so many bytes of jobs in one request: with larger ones a worker's memory would grow with its batches. */
export const BATCH_BYTES = 512 * 1024;

/** Requests of one worker that may be under way at the same time, beside its heartbeat: while the database works on
 * one, the worker does the jobs of the other. */
export const MAX_IN_FLIGHT = 2;
