/* What a pack says about a result: read from result.json or campaign.json, and from nothing else.
 * Part of lpc_pack. */
#ifndef LPC_REPORTS_PACK_RESULT_H
#define LPC_REPORTS_PACK_RESULT_H

#include "harness/base/json.h"
#include "reports/pack_tree.h"
#include "reports/score.h"

struct pack_result {
	const struct pack_entry *entry; /* borrowed, as the tree */
	char folder[PACK_PATH_MAX + 1]; /* in the pack; "" = its root */
	bool campaign;
	struct json *doc;
	enum verdict verdict;
};

/* Fills *found with the results of a pack, in order of their paths, and *n with their number;
 * mem_free. ERR_USAGE if there is none. */
enum status pack_results_find(const struct pack_tree *t, const struct pack_entry ***found,
        uint32_t *n, struct error *err) LPC_MUST_USE;

/* ERR_USAGE with file and position: it is no result of ours. */
enum status pack_result_read(
        const struct pack_entry *e, struct pack_result *out, struct error *err) LPC_MUST_USE;
void pack_result_free(struct pack_result *r);

/* The statement of STATEMENT_TEST_RESULT about it, into an empty o. Names of tests begin with
 * folder and '/', where there is one. */
void pack_result_statement(
        const struct pack_result *r, const struct pack_tree *t, struct json_out *o);

/* The facts as an element of an open array: what the statement has no room for. */
void pack_result_facts(const struct pack_result *r, struct json_out *o);

#endif
