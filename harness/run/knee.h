/* `lpuchaos knee`: the largest load that keeps every SLO, for the healthy rack and with each fault
 * of the file in force, and what to plan with. docs/KNEE.md says how to read it.
 *
 * A function of the scenario and its seed: threads change nothing but the time it takes. */
#ifndef LPC_RUN_KNEE_H
#define LPC_RUN_KNEE_H

#include <stdio.h>
#include "harness/run/knee_play.h"

#define KNEE_RHO_FIRST  0.02  /* below this no load is tried, … */
#define KNEE_RHO_LAST   8.0   /* … nor above that */
#define KNEE_RESOLUTION 0.005 /* of the search, relative */
enum { KNEE_POINTS_DEFAULT = 10, KNEE_POINTS_MAX = 200, KNEE_JOBS_MAX = 64 };

/* The knee of one case: `low` was proven to pass and `high` to fail. */
struct knee_answer {
	struct knee_case c;
	bool found;
	const char *why;  /* not found: in words */
	double low, high; /* factors on the file's load; 0 where there is none */
	double estimate;  /* between them: where the share over the limit is what is allowed */
	uint32_t binding; /* the SLO that fails first */
	bool by_refusals; /* it does so because requests are refused, not late */
	uint32_t n;
	struct knee_point *points; /* in the order of their loads */
};

/* Waits of a bucket by theory, ns: its own requests, at the frame that is compiled for it. */
struct knee_theory {
	bool below_one, known;                  /* rho < 1; M/D/k was computed */
	double p_wait, mean_ns, p50_ns, p99_ns; /* M/D/k */
	double allen_ns, kingman_ns;            /* mean waits of GI/G/k */
	double entry_ns;                        /* mean wait for the departure of a free slot */
	double prefill_ns, network_ns;
};

struct knee_target {
	double burst;     /* B */
	const char *why;  /* of B */
	double loss;      /* capacity left after the loss of one instance, of 1 */
	const char *pool; /* whose instance that is */
	bool spare;       /* a spare takes its place */
	uint32_t worst;   /* fault with the smallest knee that is above 0; KNEE_HEALTHY = none */
	double worst_ratio;
	bool loss_counts; /* false: nothing is left (loss = 0), no headroom helps */
	double factor;    /* of the file's load; 0 = no healthy knee */
};

struct knee_options {
	const char *const *files;
	uint32_t n_files;
	struct scenario_options scenario;
	const char *name; /* --scenario; NULL */
	const char *out_dir, *burst;
	int64_t jobs, points, requests; /* jobs 0: as many as there are processors */
	bool json;
};

struct knee {
	const struct scenario *s;
	struct arena arena;
	struct knee_play play;
	struct knee_load load;
	double rho;                  /* of the bottleneck, at the file's own load */
	struct knee_answer *answers; /* [0] healthy, [1 + i] with fault i */
	uint32_t n_answers;
	struct knee_point *grid; /* healthy, one run each; in the order of their loads */
	uint32_t n_grid;
	struct knee_target target;
	uint64_t requests;
	uint32_t runs;
};

/* ERR_USAGE where there is nothing to look for: no SLO, or no model to play; for a bad --burst. */
enum status knee_check(const struct scenario *s, const char *burst, struct error *err) LPC_MUST_USE;

struct knee_settings {
	uint32_t jobs, points;                  /* threads; loads of the curve */
	double requests;                        /* of a run */
	const char *burst;                      /* --burst; NULL = the default */
	const volatile sig_atomic_t *interrupt; /* NULL = never */
	bool progress;                          /* on stderr */
};

/* ERR_USAGE where the scenario has no knee to look for. Interrupted: ERR_NONE, and the caller sees
 * the flag. The knee is the caller's in any case. */
enum status knee_find(const struct scenario *s, const struct knee_settings *settings,
        struct knee *out, struct error *err) LPC_MUST_USE;
void knee_free(struct knee *k);

/* Of the bottleneck, at a factor on the file's load; of any bucket, at a rho of it. */
struct knee_theory knee_theory(const struct knee *k, double factor);
struct knee_theory knee_bucket_theory(
        const struct scenario *s, const struct knee_bucket *b, double rho);

/* The document (docs/KNEE.md), into an open writer; and the same for people. */
void knee_write_json(const struct knee *k, struct json_out *o);
void knee_write_text(const struct knee *k, FILE *f);

/* The command. Returns the exit code: 0 found, 4 there is none within the loads that were tried. */
int knee_run(const struct knee_options *options);

#endif
