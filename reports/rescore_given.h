/* score.json as what a score is made with. For rescore.c. */
#ifndef LPC_REPORTS_RESCORE_GIVEN_H
#define LPC_REPORTS_RESCORE_GIVEN_H

#include "harness/base/arena.h"
#include "harness/base/json.h"
#include "reports/score_restore.h"

/* In the arena; texts live as long as the documents. */
struct rescore_given {
	struct score_names names;
	struct score_rules rules;
	struct score_config config; /* its rules are the above */
	struct score_facts facts;
	struct score_fault *faults; /* names.n_faults */
	bool marks_known;
	struct score_mark *marks;
	uint32_t n_marks;
	uint64_t dropped;
};

/* score: of score.json, which has passed form_check; scenario: of bundle.json. ERR_USAGE: they name
 * what is not there, or numbers are beyond what any run has. */
enum status rescore_given_read(struct jval score, struct jval scenario, struct arena *arena,
        struct rescore_given *out, struct error *err) LPC_MUST_USE;

#endif
