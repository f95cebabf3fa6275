/* What a suite claims: sentences of a design review, each with the scenarios that support it.
 *
 * A claim is a pair over the same seed and the same traffic: the *harm* (scenarios whose SLOs say
 * "want": "miss") and the *remedy* (scenarios that hold). It passes when all of them passed, fails
 * when one failed, and is inconclusive otherwise. After the suite has run, the claims are written
 * to OUT/<suite>.claims.json ("schema": "lpuchaos.claims/1") and printed, with the numbers and with
 * every assumption that the verdict leaned on and the range over which it still holds (sweep.h).
 *
 * Thread: the one that loaded the suite. */
#ifndef LPC_RUN_CLAIMS_H
#define LPC_RUN_CLAIMS_H

#include <signal.h>
#include "harness/run/scenario.h"
#include "harness/run/verdict.h"

enum { CLAIMS_MAX = 256, CLAIM_SCENARIOS_MAX = 64, CLAIM_SWEEPS_MAX = 16 };

/* A range given by the suite: for what the tables have no label for. */
struct claim_sweep {
	const char *path; /* as --set takes it, in every scenario of the claim that has it */
	struct jval from, to;
	const char *source;
};

struct claim {
	const char *id, *section, *text, *source;
	int label;           /* enum truth */
	uint32_t n_harm, n;  /* scenarios: harm first, then remedy */
	uint32_t *scenarios; /* indices of the list */
	uint32_t n_sweeps;
	struct claim_sweep *sweeps;
};

/* A suite beside its scenarios, list->items[first … first + n). Owns its document and arena. */
struct suite {
	const char *name;
	uint32_t first, n;
	bool virtual_clock; /* "clock": "virtual" — where the user names none */
	uint32_t n_wall;    /* "wall_part" */
	uint32_t *wall;     /* indices of the list */
	uint32_t n_claims;
	struct claim *claims;
	struct json *document;
	struct arena arena;
};

/* v: "claims", or JSON_NONE. Names are those that the scenarios have after the matrix. Checks that
 * each pair shares seed and traffic, arrival by arrival. */
enum status claims_parse(struct jval v, const struct scenario_list *list, struct suite *suite,
        struct error *err) LPC_MUST_USE;

/* v: a list of names of the suite's scenarios, as indices of the list. */
enum status claims_names(struct jval v, const struct scenario_list *list, struct suite *suite,
        uint32_t **out, uint32_t *n, struct error *err) LPC_MUST_USE;

void suite_free(struct suite *suite);

/* Sweeps, writes out_dir/<suite>.claims.json and prints the table on stderr. runs: by index of the
 * list, NULL where a scenario was not judged. */
enum status claims_conclude(const struct suite *suite, const struct scenario_list *list,
        const struct verdict_run *const *runs, const char *out_dir,
        const volatile sig_atomic_t *interrupt, struct error *err) LPC_MUST_USE;

#endif
