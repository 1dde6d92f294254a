export const id = 774;
export const ids = [774];
export const modules = {

/***/ 9774:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

__webpack_require__.r(__webpack_exports__);
/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   createPaperStore: () => (/* binding */ createPaperStore)
/* harmony export */ });
/* harmony import */ var zod__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(749);
/* harmony import */ var zod__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(7428);

/** As many as the SQL function takes. */
const BATCH_SIZE = 500;
const count = zod__WEBPACK_IMPORTED_MODULE_0__/* .number */ .aig().int().nonnegative();
const upsertReply = zod__WEBPACK_IMPORTED_MODULE_0__/* .object */ .Ikc({
    v: zod__WEBPACK_IMPORTED_MODULE_0__/* .literal */ .euz(1),
    inserted: count,
    updated: count,
    unchanged: count,
    inserted_ids: zod__WEBPACK_IMPORTED_MODULE_0__/* .array */ .YOg(zod__WEBPACK_IMPORTED_MODULE_0__/* .string */ .YjP()),
});
const statsReply = zod__WEBPACK_IMPORTED_MODULE_0__/* .object */ .Ikc({ v: zod__WEBPACK_IMPORTED_MODULE_0__/* .literal */ .euz(1), total_papers: count });
const queryReply = zod__WEBPACK_IMPORTED_MODULE_0__/* .object */ .Ikc({ v: zod__WEBPACK_IMPORTED_MODULE_0__/* .literal */ .euz(1), completed_seconds_ago: zod__WEBPACK_IMPORTED_MODULE_0__/* .number */ .aig().nullable() });
/**
 * A `PaperStore` over the SQL functions of `0002_papers.sql`. Every call may be sent again after a lost reply. Throws
 * what `rpc` throws, and an error that names the function when a reply has another shape.
 */
function createPaperStore(rpc) {
    return {
        async upsert(papers) {
            const total = { inserted: 0, updated: 0, unchanged: 0, insertedIds: [] };
            for (let start = 0; start < papers.length; start += BATCH_SIZE) {
                const batch = papers.slice(start, start + BATCH_SIZE).map(toRow);
                const reply = await call(rpc, upsertReply, 'cloud_jobs_upsert_papers', { papers_param: batch });
                total.inserted += reply.inserted;
                total.updated += reply.updated;
                total.unchanged += reply.unchanged;
                total.insertedIds.push(...reply.inserted_ids);
            }
            return total;
        },
        async count() {
            return (await call(rpc, statsReply, 'cloud_jobs_paper_stats', {})).total_papers;
        },
        async secondsSinceComplete(queryKey) {
            const reply = await call(rpc, queryReply, 'cloud_jobs_paper_query', { query_key_param: queryKey });
            return reply.completed_seconds_ago;
        },
        async markComplete(queryKey, startedSecondsAgo) {
            await call(rpc, queryReply, 'cloud_jobs_paper_query', {
                query_key_param: queryKey,
                started_seconds_ago_param: Math.max(0, startedSecondsAgo),
            });
        },
    };
}
async function call(rpc, schema, fn, args) {
    const reply = await rpc(fn, args);
    const parsed = schema.safeParse(reply);
    if (parsed.success)
        return parsed.data;
    throw new Error(`${fn} answered in a shape that this version does not know; run sql/install.sql of this version: ${zod__WEBPACK_IMPORTED_MODULE_1__/* .prettifyError */ .S1(parsed.error)}`, { cause: parsed.error });
}
function toRow(paper) {
    return {
        source: paper.source,
        source_id: storable(paper.sourceId),
        arxiv_id: storable(paper.arxivId),
        version: paper.version,
        doi: storable(paper.doi),
        title: storable(paper.title),
        // The column `authors` joins names with |, so no name may hold one.
        author_list: paper.authors.map((name) => storable(name.replaceAll('|', ' '))),
        abstract: storable(paper.abstract),
        category_list: paper.categories.map((name) => storable(name.replaceAll('|', ' '))),
        primary_category: storable(paper.primaryCategory),
        published: paper.published,
        updated: paper.updated,
        url: storable(paper.url),
        pdf_url: storable(paper.pdfUrl),
        comment: storable(paper.comment),
        journal_ref: storable(paper.journalRef),
    };
}
/** Postgres takes neither NUL nor half surrogates in jsonb, and one such character would refuse the whole batch. */
function storable(text) {
    return typeof text === 'string' ? text.toWellFormed().replaceAll('\u0000', '') : text;
}


/***/ })

};
