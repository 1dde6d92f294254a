/** What one attempt may store, in bytes. `cloud_jobs_finish` refuses a larger result and larger details. */
export const MAX_RESULT_BYTES = 256 * 1024;
export const MAX_DETAILS_BYTES = 64 * 1024;
/** Of a text that is cut, such as an error message or the output that is kept. */
export const MAX_TEXT_BYTES = 16 * 1024;
/** Of one text among the details, so that a long stack does not push out the others. */
export const MAX_DETAIL_BYTES = 8 * 1024;
export const MAX_NOTE_BYTES = 1024;

/** The most jobs in one request; the database accepts no more. */
export const MAX_BATCH = 1_000;
/** About how many bytes of jobs one request carries: it bounds the memory of a worker whose jobs are large. */
export const BATCH_BYTES = 512 * 1024;
