/* The mode `contingency` of campaigns: state shared by playing (contingency.c) and by what is said
 * at the end (contingency_report.c). */
#ifndef LPC_RUN_CONTINGENCY_H
#define LPC_RUN_CONTINGENCY_H

#include "harness/run/book.h"
#include "harness/run/contingency_cells.h"
#include "harness/run/contingency_scenario.h"

/* What a line says that tables and ranking are made of. Reals: -1 = not known. */
struct contingency_found {
	uint64_t index, stands_for, requests, late, lost, refused;
	enum verdict verdict;
	bool valid, together; /* together: n-1-1, and the first was not over */
	double goodput_rps, goodput_lost_rps, extra_ms;
	double p99_ms;   /* of TTFT, of the tier where it is longest */
	double ttf_ms;   /* of the loss where it is longest */
	bool never_back; /* a node was given up, and service did not come back */
};

struct campaign_state {
	const struct scenario *base;
	struct contingency_cells cells;
	struct contingency_shape losses, twin_shape;
	int64_t at_ns[CONTINGENCY_LOSSES_MAX];
	bool demanded;
	struct book twin; /* of the run in which nothing is lost */
	double twin_goodput_rps;
	uint64_t twin_requests;
	uint8_t twin_digest[DIGEST_BYTES];
	int64_t frame_ns;
	struct contingency_found *found; /* of the lines folded so far */
	uint64_t n_found, found_capacity;
};

/* contingency_report.c */
enum status contingency_fold(
        struct campaign_state *state, struct jval line, struct error *err) LPC_MUST_USE;
enum verdict contingency_finish(struct campaign_state *state, struct json_out *out, FILE *text);
const char *contingency_name(enum contingency kind); /* "n-1" … */

#endif
