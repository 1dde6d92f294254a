export const id = 107;
export const ids = [107];
export const modules = {

/***/ 5107:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   answerText: () => (/* binding */ answerText)
/* harmony export */ });
/* harmony import */ var cli_table3__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(5832);
/* harmony import */ var _schedule_coming_js__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(4299);
/* harmony import */ var _schedule_in_words_js__WEBPACK_IMPORTED_MODULE_2__ = __webpack_require__(2603);
/* harmony import */ var _text_format_js__WEBPACK_IMPORTED_MODULE_5__ = __webpack_require__(4185);
/* harmony import */ var _worker_verdict_js__WEBPACK_IMPORTED_MODULE_4__ = __webpack_require__(4664);
/* harmony import */ var _apply_words_js__WEBPACK_IMPORTED_MODULE_3__ = __webpack_require__(861);






/** An answer as plain text, for a terminal and for the log of a step. */
function answerText(answer, now) {
    switch (answer.command) {
        case 'run': {
            const { report } = answer;
            const lines = report.executions.map((execution) => `${execution.name}: ${(0,_worker_verdict_js__WEBPACK_IMPORTED_MODULE_4__/* .verdict */ .W)(execution)}`);
            const left = report.remaining === null ? 'unknown' : report.remaining;
            return [
                ...lines,
                ...(answer.warnings ?? []).map((warning) => `Warning: ${warning}`),
                `${(0,_text_format_js__WEBPACK_IMPORTED_MODULE_5__/* .plural */ .LS)(report.claimed, 'job')} claimed, ${report.succeeded} succeeded, ${report.failed} failed, ${report.retried} to be retried, ${left} remaining.`,
            ].join('\n');
        }
        case 'plan':
            return [
                answer.workers === 0 ? 'Nothing is due.' : `${(0,_text_format_js__WEBPACK_IMPORTED_MODULE_5__/* .plural */ .LS)(answer.workers, 'worker')} to start.`,
                ...answer.warnings.map((warning) => `Warning: ${warning}`),
                table(['Queue', 'Due', 'Side by side'], answer.reply.queues.map(({ queue, due, side_by_side: n }) => [queue, String(due), String(n)])),
            ].join('\n');
        case 'dry-run':
            return `${(0,_text_format_js__WEBPACK_IMPORTED_MODULE_5__/* .plural */ .LS)(answer.peek.due, 'job')} due; nothing was claimed.\n${jobs(answer.peek.jobs, now)}`;
        case 'create':
            return answer.created
                ? `Created ${answer.name}: ${answer.jobId}`
                : `Nothing added: the unfinished job ${answer.jobId} has the same unique key.`;
        case 'apply':
            return [
                (0,_apply_words_js__WEBPACK_IMPORTED_MODULE_3__/* .applyVerdict */ .s)(answer),
                table(['Key', 'Action', 'Runs', 'Changes'], (0,_apply_words_js__WEBPACK_IMPORTED_MODULE_3__/* .applyRows */ .i)(answer, now).map(({ key, action, runs, changes }) => [
                    key,
                    action,
                    runs,
                    changes.join('\n'),
                ])),
            ].join('\n');
        case 'list':
            return answer.reply.jobs.length === 0
                ? 'No job fits.'
                : `${jobs(answer.reply.jobs, now, true)}${answer.reply.next ? '\nThere are more: raise limit.' : ''}`;
        case 'show': {
            const { job, executions } = answer.reply;
            if (!job)
                return 'There is no such job.';
            const history = table(['Execution', 'Attempt', 'Started', 'Took', 'Result or error'], executions.map((execution) => [
                execution.failure_kind ? `failed: ${execution.failure_kind}` : execution.status,
                String(execution.attempt),
                (0,_text_format_js__WEBPACK_IMPORTED_MODULE_5__/* .moment */ .n$)(execution.started_at, now) + (0,_schedule_coming_js__WEBPACK_IMPORTED_MODULE_1__/* .lateWords */ .sq)(execution),
                execution.duration_seconds === null ? '' : (0,_text_format_js__WEBPACK_IMPORTED_MODULE_5__/* .duration */ .p0)(execution.duration_seconds),
                (execution.error_message ?? JSON.stringify(execution.result)).slice(0, 200),
            ]));
            const next = (0,_schedule_coming_js__WEBPACK_IMPORTED_MODULE_1__/* .comingOccurrences */ .ew)(job, now);
            return [
                jobs([job], now),
                ...(job.schedule === null
                    ? []
                    : [
                        `Schedule: ${job.schedule}: ${(0,_schedule_in_words_js__WEBPACK_IMPORTED_MODULE_2__/* .scheduleInWords */ .q)(job.schedule, job.timezone)}; missed occurrences: ${(0,_schedule_coming_js__WEBPACK_IMPORTED_MODULE_1__/* .missedWords */ .Ry)(job)}`,
                    ]),
                ...(next.length === 0 ? [] : [`Next: ${next.map((at) => (0,_text_format_js__WEBPACK_IMPORTED_MODULE_5__/* .moment */ .n$)(at, now)).join(', ')}`]),
                `Config: ${JSON.stringify(job.config, null, 2)}`,
                executions.length > 0 ? history : 'It has not run yet.',
            ].join('\n');
        }
        case 'stats': {
            const { reply } = answer;
            const counts = table(['Queue', 'Due', 'Waiting', 'Locked', 'Success', 'Failed', 'Disabled'], [
                ...reply.queues.map((queue) => [
                    queue.queue,
                    ...[queue.due, queue.waiting, queue.locked, queue.success, queue.failed, queue.disabled].map(String),
                ]),
                [
                    'all',
                    ...[
                        reply.due,
                        reply.jobs.waiting,
                        reply.jobs.locked,
                        reply.jobs.success,
                        reply.jobs.failed,
                        reply.jobs.disabled,
                    ].map(String),
                ],
            ]);
            return [counts, ...wakeLines(reply)].join('\n');
        }
        case 'verb':
            return `${answer.verb}: ${answer.reply.applied ? 'done' : 'not done'}, the job is ${answer.reply.status ?? 'not there'}.${answer.reply.reason ? ` ${answer.reply.reason}` : ''}`;
        case 'doctor':
            return answer.checks
                .map((check) => `${{ good: 'ok  ', warning: 'warn', bad: 'BAD ' }[check.state]}  ${check.name}: ${check.found}${check.advice ? `\n      ${check.advice}` : ''}`)
                .join('\n');
    }
}
function wakeLines({ wake }) {
    if (wake === null)
        return [];
    return [
        `Wake on work: ${(0,_text_format_js__WEBPACK_IMPORTED_MODULE_5__/* .plural */ .LS)(wake.calls_24h, 'call')} in 24 hours, ${wake.errors_24h} failed.`,
        ...wake.watched
            .filter(({ errors }) => errors > 0)
            .map(({ queue, repository, last_error: error }) => `  ${repository} (queue ${queue}) was not woken: ${error}`),
    ];
}
/** @param coming with the occurrences of schedules after the next one */
function jobs(rows, now, coming = false) {
    return table(['Id', 'Job', 'Status', 'Type', 'Queue', 'Runs', 'Retries'], rows.map((job) => [
        job.job_id,
        job.name,
        job.blocked ? 'waiting for its key' : job.status,
        job.job_type,
        job.queue,
        [
            (0,_text_format_js__WEBPACK_IMPORTED_MODULE_5__/* .moment */ .n$)(job.status === 'waiting' ? job.run_at : (job.finished_at ?? job.last_execution), now),
            job.schedule === null ? '' : (0,_schedule_in_words_js__WEBPACK_IMPORTED_MODULE_2__/* .scheduleInWords */ .q)(job.schedule, job.timezone),
            coming ? (0,_schedule_coming_js__WEBPACK_IMPORTED_MODULE_1__/* .thenWords */ .T6)(job, now) : '',
        ]
            .filter((part) => part !== '')
            .join('\n'),
        `${job.current_retries}/${job.max_retries}`,
    ]));
}
/** A longer line would stretch the table beyond all screens, and one of megabytes takes seconds to draw. */
const LONGEST_LINE = 200;
const shorten = (cell) => cell
    .split('\n')
    .map((line) => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE).toWellFormed()}…` : line))
    .join('\n');
function table(head, rows) {
    const grid = new cli_table3__WEBPACK_IMPORTED_MODULE_0__({ head, style: { head: [], border: [] } });
    grid.push(...rows.map((row) => row.map(shorten)));
    return grid.toString();
}


/***/ }),

/***/ 861:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   i: () => (/* binding */ applyRows),
/* harmony export */   s: () => (/* binding */ applyVerdict)
/* harmony export */ });
/* harmony import */ var _text_format_js__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(4185);

const VERBS = {
    create: ['created', 'to create'],
    update: ['updated', 'to update'],
    enable: ['enabled', 'to enable'],
    disable: ['disabled', 'to disable'],
    gone: ['gone from the file and left alone (prune disables them)', 'gone from the file'],
    unchanged: ['unchanged', 'unchanged'],
};
/** `Applied: 2 created, 1 updated, 5 unchanged.` */
function applyVerdict({ reply }) {
    const counts = Object.keys(VERBS).flatMap((action) => {
        const count = reply.jobs.filter((job) => job.action === action).length;
        return count === 0 ? [] : [`${count} ${VERBS[action][reply.dry_run ? 1 : 0]}`];
    });
    const what = counts.length === 0 ? 'the file has no jobs' : counts.join(', ');
    return reply.dry_run ? `Plan, nothing was changed: ${what}.` : `Applied: ${what}.`;
}
function applyRows({ reply }, now) {
    return reply.jobs.map((job) => ({
        key: job.key,
        action: job.action,
        queue: job.queue,
        runs: job.status === 'waiting' ? (0,_text_format_js__WEBPACK_IMPORTED_MODULE_0__/* .moment */ .n$)(job.run_at, now) : job.status,
        changes: Object.entries(job.changes).map(([column, [before, after]]) => `${column}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`),
    }));
}


/***/ }),

/***/ 4299:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   Ry: () => (/* binding */ missedWords),
/* harmony export */   T6: () => (/* binding */ thenWords),
/* harmony export */   ew: () => (/* binding */ comingOccurrences),
/* harmony export */   sq: () => (/* binding */ lateWords)
/* harmony export */ });
/* harmony import */ var _text_format_js__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(4185);
/* harmony import */ var _next_occurrence_js__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(6073);


/** The next three times (ISO 8601) that a recurring job is due; none for other jobs and disabled ones. */
function comingOccurrences(job, now) {
    if (job.schedule === null || job.status === 'disabled')
        return [];
    const waiting = job.status === 'waiting' && Date.parse(job.run_at) > now.getTime() ? [job.run_at] : [];
    const after = waiting[0] === undefined ? now : new Date(waiting[0]);
    try {
        const later = (0,_next_occurrence_js__WEBPACK_IMPORTED_MODULE_0__.nextOccurrences)(job.schedule, job.timezone ?? 'UTC', after, 3 - waiting.length);
        return [...waiting, ...later.map((at) => at.toISOString())];
    }
    catch {
        // Written by plain SQL and readable by the database alone: its own next occurrence is all there is to tell.
        return waiting;
    }
}
/** Those of them that come after the time a list of jobs shows anyway, in words; empty for jobs that do not recur. */
function thenWords(job, now) {
    const later = comingOccurrences(job, now).filter((at) => job.status !== 'waiting' || at !== job.run_at);
    return later.length === 0 ? '' : `then ${later.map((at) => (0,_text_format_js__WEBPACK_IMPORTED_MODULE_1__/* .stamp */ .iE)(at, now)).join(', ')} UTC`;
}
/** How late an execution started after the occurrence that it stands for: `, 2 h late`. Empty where that is no news. */
function lateWords({ scheduled_for, started_at, attempt, failure_kind }) {
    if (!scheduled_for || !started_at || attempt > 1 || failure_kind === 'skipped')
        return '';
    const seconds = (Date.parse(started_at) - Date.parse(scheduled_for)) / 1000;
    return seconds >= 60 ? `, ${(0,_text_format_js__WEBPACK_IMPORTED_MODULE_1__/* .duration */ .p0)(seconds)} late` : '';
}
/** What becomes of missed occurrences, in words. */
function missedWords(job) {
    switch (job.missed) {
        case 'once':
            return 'run once';
        case 'skip':
            return `skipped when more than ${Math.round(job.missed_grace_seconds / 60)} min late`;
        case 'all':
            return 'each runs';
    }
}


/***/ }),

/***/ 2603:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   q: () => (/* binding */ scheduleInWords)
/* harmony export */ });
/* harmony import */ var cronstrue__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(2507);

/**
 * A schedule as people say it: `At 03:30, Monday through Friday (Europe/Berlin)`.
 * Of nicknames, cronstrue knows those in small letters alone.
 * @returns the expression itself where it cannot be put into words
 */
function scheduleInWords(schedule, timezone) {
    const zone = timezone ?? 'UTC';
    try {
        return `${cronstrue__WEBPACK_IMPORTED_MODULE_0__.toString(schedule.toLowerCase(), { use24HourTimeFormat: true })} (${zone})`;
    }
    catch {
        // cronstrue throws texts. A schedule that the database holds is valid, so this is for expressions it cannot say.
        return `${schedule} (${zone})`;
    }
}


/***/ })

};
