/* The random fault plan of one cell of a swarm: swarm testing (Groce et al., "Swarm Testing", ISSTA
 * 2012). A coin is thrown for each kind, so that most cells lack half of the kinds and what one
 * kind would hide shows where it is absent; those that are on get weights that differ by powers of
 * two, so that cells differ in what they are mostly about.
 *
 *      0 ── baseline ── faults_ns ──── faults ──── heal_ns ── horizon ── proof ── duration
 *                          10 %                      60 %               >= 20 %
 *
 * Percentages are of what is behind the warm-up. Every fault begins and ends between faults_ns and
 * heal_ns; what is promised to be whole again is judged behind the horizon, which is the scenario's
 * recovery.horizon, but at most half of what is left behind heal_ns. */
#ifndef LPC_RUN_SWARM_PLAN_H
#define LPC_RUN_SWARM_PLAN_H

#include "harness/run/scenario.h"

enum { SWARM_FAULTS_MAX = 16, SWARM_WEIGHTS = 8 /* 1, 2, 4, … 128 */ };

struct swarm_timeline {
	int64_t faults_ns, heal_ns, horizon_ns;
};

void swarm_timeline_of(const struct scenario *s, struct swarm_timeline *out);

/* The seed of cell `index`: 53 bits, so that every reader of JSON keeps it. */
uint64_t swarm_seed(const struct scenario *s, uint64_t index);

/* Whether faults of the kind can be drawn for the scenario: it is for this clock, and something
 * there answers to it. */
bool swarm_can_draw(const struct scenario *s, const struct fault_kind *kind);

struct swarm_plan {
	uint64_t seed;
	uint32_t *weights; /* by kind of the catalogue; 0 = off in this cell */
	uint32_t n_on;
	uint32_t drawn, refused;   /* faults; the parser's refusals are drawn again */
	struct json *changes;      /* seed, faults, slo and expect, of scenario_write */
	struct scenario *scenario; /* with them; borrows from the base */
};

/* A function of (scenario, index) alone. The scenario's own faults, expectations and abort rules
 * are left out, its SLOs are judged on the window `after`. */
void swarm_plan_draw(const struct scenario *base, const struct swarm_timeline *timeline,
        uint64_t index, struct swarm_plan *out);
void swarm_plan_free(struct swarm_plan *p);

/* The same cell without any fault. */
struct scenario *swarm_plan_twin(const struct scenario *base, const struct swarm_plan *p);

/* Whether a wrong token is nobody's fault: the plan has a kind that corrupts what nothing guards.
 */
bool swarm_plan_may_corrupt(const struct scenario *cell);

#endif
