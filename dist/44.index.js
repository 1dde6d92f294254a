export const id = 44;
export const ids = [44];
export const modules = {

/***/ 44:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   answerText: () => (/* binding */ answerText)
/* harmony export */ });
/* harmony import */ var cli_table3__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(5832);
/* harmony import */ var _schedule_coming_js__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(3658);
/* harmony import */ var _schedule_in_words_js__WEBPACK_IMPORTED_MODULE_2__ = __webpack_require__(734);
/* harmony import */ var _words_format_js__WEBPACK_IMPORTED_MODULE_5__ = __webpack_require__(354);
/* harmony import */ var _worker_verdict_js__WEBPACK_IMPORTED_MODULE_4__ = __webpack_require__(5923);
/* harmony import */ var _apply_words_js__WEBPACK_IMPORTED_MODULE_3__ = __webpack_require__(4858);






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
                `${(0,_words_format_js__WEBPACK_IMPORTED_MODULE_5__/* .plural */ .LS)(report.claimed, 'job')} claimed, ${report.succeeded} succeeded, ${report.failed} failed, ${report.retried} to be retried, ${left} remaining.`,
            ].join('\n');
        }
        case 'plan':
            return [
                answer.workers === 0 ? 'Nothing is due.' : `${(0,_words_format_js__WEBPACK_IMPORTED_MODULE_5__/* .plural */ .LS)(answer.workers, 'worker')} to start.`,
                table(['Queue', 'Due', 'Side by side'], answer.reply.queues.map(({ queue, due, side_by_side: n }) => [queue, String(due), String(n)])),
            ].join('\n');
        case 'dry-run':
            return `${(0,_words_format_js__WEBPACK_IMPORTED_MODULE_5__/* .plural */ .LS)(answer.peek.due, 'job')} due; nothing was claimed.\n${jobs(answer.peek.jobs, now)}`;
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
                : `${jobs(answer.reply.jobs, now)}${answer.reply.next ? '\nThere are more: raise limit.' : ''}`;
        case 'show': {
            const { job, executions } = answer.reply;
            if (!job)
                return 'There is no such job.';
            const history = table(['Execution', 'Attempt', 'Started', 'Took', 'Result or error'], executions.map((execution) => [
                execution.failure_kind ? `failed: ${execution.failure_kind}` : execution.status,
                String(execution.attempt),
                (0,_words_format_js__WEBPACK_IMPORTED_MODULE_5__/* .moment */ .n$)(execution.started_at, now),
                execution.duration_seconds === null ? '' : (0,_words_format_js__WEBPACK_IMPORTED_MODULE_5__/* .duration */ .p0)(execution.duration_seconds),
                (execution.error_message ?? JSON.stringify(execution.result)).slice(0, 200),
            ]));
            const next = (0,_schedule_coming_js__WEBPACK_IMPORTED_MODULE_1__/* .comingOccurrences */ .e)(job, now);
            return [
                jobs([job], now),
                ...(job.schedule === null
                    ? []
                    : [
                        `Schedule: ${job.schedule}: ${(0,_schedule_in_words_js__WEBPACK_IMPORTED_MODULE_2__/* .scheduleInWords */ .q)(job.schedule, job.timezone)}; missed occurrences: ${(0,_schedule_coming_js__WEBPACK_IMPORTED_MODULE_1__/* .missedWords */ .R)(job)}`,
                    ]),
                ...(next.length === 0 ? [] : [`Next: ${next.map((at) => (0,_words_format_js__WEBPACK_IMPORTED_MODULE_5__/* .moment */ .n$)(at, now)).join(', ')}`]),
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
        `Wake on work: ${(0,_words_format_js__WEBPACK_IMPORTED_MODULE_5__/* .plural */ .LS)(wake.calls_24h, 'call')} in 24 hours, ${wake.errors_24h} failed.`,
        ...wake.watched
            .filter(({ errors }) => errors > 0)
            .map(({ queue, repository, last_error: error }) => `  ${repository} (queue ${queue}) was not woken: ${error}`),
    ];
}
function jobs(rows, now) {
    return table(['Id', 'Job', 'Status', 'Type', 'Queue', 'Runs', 'Retries'], rows.map((job) => [
        job.job_id,
        job.name,
        job.blocked ? 'waiting for its key' : job.status,
        job.job_type,
        job.queue,
        (0,_words_format_js__WEBPACK_IMPORTED_MODULE_5__/* .moment */ .n$)(job.status === 'waiting' ? job.run_at : (job.finished_at ?? job.last_execution), now) +
            (job.schedule === null ? '' : `\n${(0,_schedule_in_words_js__WEBPACK_IMPORTED_MODULE_2__/* .scheduleInWords */ .q)(job.schedule, job.timezone)}`),
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


/***/ })

};
