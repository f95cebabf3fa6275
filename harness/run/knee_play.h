/* One load on the virtual clock, played until its SLOs are decided: what a search for the knee asks
 * for, again and again.
 *
 * A load is a factor on every rate of the scenario's traffic (traces: on their speed). The requests
 * are the same at every load, the same lengths in the same order, only closer together: the seeds
 * are the same, and a run is as much shorter as its load is higher. So two loads differ by their
 * load alone (common random numbers).
 *
 * What else is played is the scenario with these differences: every SLO is judged over the whole
 * measured time, as a promise to keep ("want": "miss" is put aside); no expectations and no abort
 * rules; warm-up, duration and drain as long as a verdict needs; and one fault at most. */
#ifndef LPC_RUN_KNEE_PLAY_H
#define LPC_RUN_KNEE_PLAY_H

#include <signal.h>
#include "harness/run/knee_load.h"
#include "harness/run/scenario.h"
#include "reports/score.h"

enum {
	KNEE_REQUESTS = 25000, /* of a run, unless told otherwise; traces and ramps apart */
	KNEE_REPLICAS = 32,    /* FORMATS §1 */
	KNEE_STRETCH = 20,     /* a run is at most so many times as long for its times' sake */
};
#define KNEE_POINT_REQUESTS 6e6 /* of all runs of one load; more where runs are wanted longer */
#define KNEE_HEALTHY        UINT32_MAX

/* Shared by all cases; read only. */
struct knee_play {
	const struct scenario *s;
	const struct knee_load *load;
	const struct slo_rule *slo; /* n_slo of them, as they are judged */
	uint32_t n_slo;
	double requests; /* of a run */
	bool fixed;      /* traces or ramps: not lengthened, only played faster or slower */
	const volatile sig_atomic_t *interrupt;
};

/* The rack without any fault, or with one. */
struct knee_case {
	const struct knee_play *play;
	uint32_t fault; /* index in the scenario, or KNEE_HEALTHY */
	bool held; /* in force from t = 0 to the end; false: by its own recurrence from t = 0 */
	int64_t settle_ns; /* until failover was over, as seen at a low load; 0 = there was none */
	uint32_t jobs;     /* threads for one load */
};

struct knee_latency {
	int64_t p50_ns, p99_ns; /* -1 = too few */
	double mean_ns;
};

struct knee_point {
	double factor;
	enum verdict verdict;      /* of all SLOs; aborted: interrupted */
	struct slo_result *slo;    /* by rule; without blame; refused: of all runs */
	struct score_tally *tally; /* by rule: of all runs */
	uint32_t binding;          /* the SLO nearest to, or farthest beyond, what it allows */
	double excess;             /* of that one: ln(share over the limit / share allowed) */
	uint32_t runs;
	uint64_t requests; /* of all runs, warm-up included */
	/* Of the first run: */
	int64_t warmup_ns, duration_ns;
	struct knee_latency ttft, queue; /* ok requests of all tiers; queue: with entry wait */
	double goodput_rps, good_fraction, refused_fraction;
	uint8_t digest[DIGEST_BYTES];
};

/* Index of the SLO rules as a knee judges them, into the arena. */
const struct slo_rule *knee_slo(const struct scenario *s, struct arena *arena);

/* Fills the case: `held` and settle_ns, by a short run. */
enum status knee_case_init(struct knee_case *c, const struct knee_play *play, uint32_t fault,
        struct error *err) LPC_MUST_USE;

/* Plays the load; with `decide` further runs are added while an SLO is undecided. The point is the
 * caller's: knee_point_free. */
enum status knee_point_play(const struct knee_case *c, double factor, bool decide,
        struct knee_point *out, struct error *err) LPC_MUST_USE;
void knee_point_free(struct knee_point *p);

/* fn(ctx, i) for every i below n, on up to `jobs` threads. */
void knee_each(uint32_t jobs, uint32_t n, void (*fn)(void *ctx, uint32_t i), void *ctx);

#endif
