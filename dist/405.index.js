export const id = 405;
export const ids = [405];
export const modules = {

/***/ 9786:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

__webpack_require__.r(__webpack_exports__);
/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   CustomHandlerError: () => (/* binding */ CustomHandlerError),
/* harmony export */   hasCode: () => (/* binding */ hasCode)
/* harmony export */ });
/**
 * A custom job that cannot be started. `final` tells the two kinds apart: a name that can never be right is
 * discarded, while a file that is missing today may be there after the next deploy, so it is retried.
 */
class CustomHandlerError extends Error {
    name = 'CustomHandlerError';
    final;
    constructor(message, options) {
        super(message, options.cause === undefined ? undefined : { cause: options.cause });
        this.final = options.final;
    }
    /** The outcome that says the same to the worker. */
    toOutcome() {
        return this.final
            ? { outcome: 'discard', reason: this.message }
            : { outcome: 'failure', kind: 'error', message: this.message };
    }
}
/** True for an error of the file system (or of a spawn) with one of these codes. */
function hasCode(error, ...codes) {
    return (error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code));
}


/***/ })

};
