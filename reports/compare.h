/* BASE against NEW: what got worse, by how much, and how sure that is (docs/COMPARE.md).
 *
 * Pairs of runs, and of campaigns over seeds, are added; then all questions are judged together, so
 * that the more of them there are, the more sure each must be: Holm's procedure keeps the chance
 * that anything at all is called worse while nothing is below 1 - confidence.
 *
 * References: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
 * of Statistics 6, 1979. Tarone, "A modified Bonferroni method for discrete data", Biometrics 46,
 * 1990: who can never be significant does not count. */
#ifndef LPC_REPORTS_COMPARE_H
#define LPC_REPORTS_COMPARE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/arena.h"
#include "harness/base/json.h"
#include "reports/compare_run.h"
#include "reports/compare_seeds.h"
#include "reports/text.h"

#define COMPARE_SCHEMA     "lpuchaos.compare/1"
#define COMPARE_CONFIDENCE 0.99

enum compare_state {
	COMPARE_SAME, /* nothing differs, or nothing that is more than chance */
	COMPARE_BETTER,
	COMPARE_WORSE,     /* by more than the tolerance */
	COMPARE_TOLERATED, /* surely worse, but not surely by more than the tolerance */
	COMPARE_UNDECIDED, /* too few requests, or too few events */
};

enum compare_basis {
	COMPARE_BY_VERDICT,     /* it held, and does not any more */
	COMPARE_BY_VALUE,       /* one number each, compared as it is */
	COMPARE_BY_PAIRS,       /* same traffic, by stretches of the schedule */
	COMPARE_BY_STRETCHES,   /* other traffic, likewise */
	COMPARE_BY_BATCHES,     /* the SLO's own batches */
	COMPARE_BY_VIF,         /* the vif that the runs state */
	COMPARE_BY_SEEDS,       /* bootstrap over the seeds of two campaigns */
	COMPARE_BY_SAME_SEEDS,  /* the same seeds: over the differences */
	COMPARE_BY_PROPORTIONS, /* how many seeds held */
};

struct compare_item {
	const char *name; /* unique within the pair: "slo chat-ttft", "interactive ttft_ms p99" */
	const char *unit; /* "ms", "%" (of shares), "" */
	const char *tier, *metric, *window; /* NULL: has none */
	double quantile;                    /* 0: none */
	enum compare_basis basis;
	bool decides; /* counts for the exit code */
	bool tested;  /* by `test` */
	struct compare_test test;
	bool has_base, has_new; /* else null: not reached, infinite, not known */
	double base, new;       /* in `unit` */
	uint64_t n_base, n_new;
	enum compare_state state;
	const char *note; /* why, in words; NULL */
	/* Where tested: */
	double p_worse, p_better; /* with and without regard to the tolerance: see compare.c */
	double confidence;        /* that it is worse (or better), family-wise; 0: not sure */
	double level;             /* of the interval, one-sided */
	double low, high;         /* of the difference, in unit; may be infinite */
	double seen_from;         /* the smallest change that would have been seen, in unit */
};

struct compare_pair {
	const char *scenario;
	const struct compare_run *base, *new; /* NULL: campaigns */
	const struct compare_campaign *base_seeds, *new_seeds;
	bool same_traffic, identical;
	const char *silent; /* why nothing can be said of this pair; NULL = it can */
	uint32_t n_items, capacity;
	struct compare_item *items;
	uint32_t n_notes;
	const char *notes[16];
};

struct compare_options {
	double tolerance;  /* share of BASE: 0.02 */
	double confidence; /* family-wise */
};

struct compare {
	struct compare_options options;
	const char *base, *new; /* as given */
	struct arena arena;
	uint32_t n_pairs, capacity;
	struct compare_pair *pairs;
	uint32_t n_base_only, n_new_only, base_only_capacity, new_only_capacity;
	const char **base_only, **new_only; /* runs without a partner */
	/* compare_judge: */
	uint32_t family; /* questions that were asked together */
	uint32_t n_worse, n_better, n_tolerated, n_undecided; /* of those that decide */
	uint32_t n_silent;                                    /* pairs */
	bool said_something;
};

void compare_init(struct compare *c, const struct compare_options *options);
void compare_free(struct compare *c);

/* Whether the two can be compared at all; else NULL-terminated words why not. */
const char *compare_refused(const struct compare_run *base, const struct compare_run *new);

/* Both sides are borrowed until compare_free. */
void compare_runs(struct compare *c, const struct compare_run *base, const struct compare_run *new);
void compare_campaigns(
        struct compare *c, const struct compare_campaign *base, const struct compare_campaign *new);
void compare_without_partner(struct compare *c, bool in_base, const char *name);

/* Judges all; afterwards nothing is added. */
void compare_judge(struct compare *c);

/* 1: something that decides is worse. 4: of some pair, or of all questions, nothing can be said.
 * Else 0. */
int compare_exit_code(const struct compare *c);

const char *compare_state_name(enum compare_state s);
const char *compare_basis_name(enum compare_basis b);

/* What an item found, in one sentence without an end. */
void compare_sentence(const struct compare_pair *p, const struct compare_item *i, struct text *out);

void compare_text(const struct compare *c, struct text *out);
void compare_markdown(const struct compare *c, struct text *out);
void compare_junit(const struct compare *c, struct text *out);
void compare_json(const struct compare *c, struct json_out *o);

#endif
