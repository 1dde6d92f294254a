export const id = 873;
export const ids = [873];
export const modules = {

/***/ 5873:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   createMaintenanceHandler: () => (/* binding */ createMaintenanceHandler),
/* harmony export */   v: () => (/* binding */ parseMaintenanceConfig)
/* harmony export */ });
/* unused harmony export MaintenanceConfigError */
/* harmony import */ var zod__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(749);

// Clients of the seed schema stored numbers and booleans as text.
const days = zod__WEBPACK_IMPORTED_MODULE_0__/* .union */ .KCZ([
    zod__WEBPACK_IMPORTED_MODULE_0__/* .number */ .aig(),
    zod__WEBPACK_IMPORTED_MODULE_0__/* .string */ .YjP()
        .trim()
        .regex(/^\d+(\.\d+)?$/)
        .transform(Number),
], { error: 'must be a number of days' })
    .pipe(zod__WEBPACK_IMPORTED_MODULE_0__/* .number */ .aig().min(0).max(36_500));
const flag = zod__WEBPACK_IMPORTED_MODULE_0__/* .union */ .KCZ([zod__WEBPACK_IMPORTED_MODULE_0__/* .boolean */ .zMY(), zod__WEBPACK_IMPORTED_MODULE_0__/* .stringbool */ .uEf()]);
const schema = zod__WEBPACK_IMPORTED_MODULE_0__/* .strictObject */ .rej({
    /** Age in days at which executions go. */
    cleanup_days: days.default(30),
    cleanup_executions: flag.default(true),
    /** Age in days at which finished one-off jobs go, with their executions. Left out: they stay. */
    cleanup_jobs_days: days.optional(),
    release_locks: flag.default(true),
    /** Reports the size and bloat of tables and indexes, and what to do. */
    reindex_advice: flag.default(false),
});
class MaintenanceConfigError extends Error {
    name = 'MaintenanceConfigError';
}
/** @throws MaintenanceConfigError that names every key that is wrong */
function parseMaintenanceConfig(config) {
    const parsed = schema.safeParse(config ?? {});
    if (parsed.success)
        return parsed.data;
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'config'}: ${issue.message}`);
    throw new MaintenanceConfigError(`The config does not fit a maintenance job: ${problems.join('; ')}. Its keys are cleanup_days, cleanup_executions, cleanup_jobs_days, release_locks and reindex_advice.`);
}
/**
 * Prunes history in bounded batches and ends the attempts of dead workers. Never touches running executions. A part
 * that fails fails the job and is named; what was done stays done, and the next attempt goes on from there.
 */
function createMaintenanceHandler(store) {
    return async (context) => {
        let config;
        try {
            config = parseMaintenanceConfig(context.config);
        }
        catch (error) {
            return { outcome: 'discard', reason: error instanceof Error ? error.message : String(error) };
        }
        const done = {};
        let advice = [];
        const part = async (task, work) => {
            done[task] = 0;
            try {
                await work();
            }
            catch (error) {
                throw new Error(`${task} failed after ${done[task]}.`, { cause: error });
            }
        };
        const prune = async (task, limits) => {
            for (let more = true; more;) {
                context.signal.throwIfAborted();
                const batch = await store.prune(limits);
                done[task] = (done[task] ?? 0) + batch.executions + batch.jobs;
                more = batch.more;
                context.progress({ done: done[task] ?? 0, note: task });
            }
        };
        if (config.release_locks) {
            await part('released_locks', async () => {
                done.released_locks = await store.releaseExpiredLocks();
            });
        }
        if (config.cleanup_executions) {
            await part('deleted_executions', () => prune('deleted_executions', { executions: config.cleanup_days }));
        }
        const jobsDays = config.cleanup_jobs_days;
        if (jobsDays !== undefined)
            await part('deleted_jobs', () => prune('deleted_jobs', { jobs: jobsDays }));
        if (config.reindex_advice) {
            await part('relations_measured', async () => {
                advice = [...(await store.bloat()).relations];
                done.relations_measured = advice.length;
            });
        }
        for (const [task, count] of Object.entries(done))
            context.log.line(`${task}: ${count}`);
        for (const { name, bytes, advice: statement } of advice) {
            if (statement !== null)
                context.log.line(`${name} has ${Math.round(bytes / 1048576)} MiB: ${statement}`);
        }
        const result = config.reindex_advice
            ? { ...done, reindex_advice: advice.map((one) => ({ ...one })) }
            : done;
        return { outcome: 'success', result };
    };
}


/***/ })

};
