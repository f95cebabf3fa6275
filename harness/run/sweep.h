/* The assumptions that a claim leans on, and the range over which its verdict still holds.
 *
 * Candidates are every parameter labelled assumption of the claim's deployments and of the faults
 * in its scenarios, and what the claim itself names. Each is moved, alone, on the virtual clock, to
 * both ends of an interval: from a tenth to ten times its value (or as far as its table allows), or
 * as the claim says. A parameter that moves no result digest at either end is not leaned on and not
 * listed. For the others the range is found by bisection between the value and the end that no
 * longer holds (SWEEP_STEPS steps on a geometric scale): every bound reported was itself run and
 * held. A verdict holds when in every scenario of the claim each SLO's observed percentile lies on
 * the wanted side of its limit and each expectation passes (evaluate_probe).
 *
 * To save runs, the numbers of a deployment are first moved together, in ever smaller groups where
 * that moves a result: one that would move it only while none of the others does is missed.
 *
 * Deterministic: virtual runs, counts instead of times as bounds. */
#ifndef LPC_RUN_SWEEP_H
#define LPC_RUN_SWEEP_H

#include "harness/run/claims.h"
#include "harness/run/number.h"

enum { SWEEP_STEPS = 5, SWEEP_ASSUMPTIONS_MAX = 128, SWEEP_TEXT = NUMBER_TEXT, SWEEP_PATH = 192 };
/* Requests simulated for one claim at most; what is left then has no range and says so. */
#define SWEEP_REQUESTS UINT64_C(20000000)

struct assumption {
	char path[SWEEP_PATH];
	const char *unit, *source; /* NULL = none */
	uint64_t in;               /* set of the claim's scenarios, by place */
	char value[SWEEP_TEXT], from[SWEEP_TEXT], to[SWEEP_TEXT]; /* JSON; from, to: searched */
	char low[SWEEP_TEXT], high[SWEEP_TEXT];                   /* JSON; "" = not found */
	bool low_is_edge, high_is_edge; /* the verdict held to the end of the search */
	char holds[4 * SWEEP_TEXT];     /* of a choice: the names for which it holds, JSON list */
	const char *note;               /* why there is no range */
};

struct sweep {
	uint32_t n;
	struct assumption *items;
	uint64_t runs, requests;
	bool base_holds; /* the claim's scenarios pass by themselves */
	struct arena arena;
};

enum status sweep_claim(const struct claim *c, const struct scenario_list *list,
        const volatile sig_atomic_t *interrupt, struct sweep *out, struct error *err) LPC_MUST_USE;
void sweep_free(struct sweep *s);

#endif
