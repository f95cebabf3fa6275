/* What a scenario amounts to before anything starts: its canonical form, the digests, and the
 * figures that `lpuchaos plan` prints. */
#ifndef LPC_RUN_PLAN_H
#define LPC_RUN_PLAN_H

#include "harness/run/scenario.h"

/* Writes s->plan_json (in s's arena) and s->plan_digest, its SHA-256: one line of JSON, keys
 * sorted, defaults expanded, times in ns, traces by content digest, the seed in; neither paths nor
 * clock nor anything about output (DESIGN §9). */
void plan_canonical(struct scenario *s);

/* Folds one base arrival (as traffic_next gives it, before any shape fault) into the traffic
 * digest: at_ns, tenant, prompt, output, resolved max_tokens, id. Closed by lanes_final. */
enum { PLAN_FOLD_WORDS = 6 };

static inline void plan_fold_words(
        const struct scenario *s, const struct arrival *a, uint64_t word[static PLAN_FOLD_WORDS])
{
	word[0] = (uint64_t)a->at_ns;
	word[1] = a->tenant;
	word[2] = (uint64_t)a->prompt_tokens;
	word[3] = (uint64_t)a->output_tokens;
	word[4] = (uint64_t)scenario_max_tokens(s, a);
	word[5] = a->request_id;
}

static inline void plan_fold(struct lanes *l, const struct scenario *s, const struct arrival *a)
{
	uint64_t word[PLAN_FOLD_WORDS];

	plan_fold_words(s, a, word);
	lanes_add_words(l, word, PLAN_FOLD_WORDS);
}

/* Several in a row, for less. */
void plan_fold_all(struct lanes *l, const struct scenario *s, const struct arrival *a, uint32_t n);

/* Which bucket would hold a request, and for how many frames, judged by what the deployment says,
 * with every queue empty. */
struct plan_place {
	uint32_t pool, bucket;
	int64_t prefill, decode; /* frames */
};

/* False: no pool accepts it or no bucket holds it. */
bool plan_place(const struct scenario *s, const struct arrival *a, struct plan_place *out);
/* As if the pools before `first` were not there: where it goes on to from one that is full. */
bool plan_place_from(
        const struct scenario *s, const struct arrival *a, uint32_t first, struct plan_place *out);

struct plan_bucket {
	uint64_t requests;
	unsigned __int128 frames; /* that those requests hold a slot for */
	double rho;               /* frames · frame / (duration · slots · instances) */
};

struct plan_traffic {
	uint8_t digest[DIGEST_BYTES];
	struct traffic_counts counts;
	struct plan_bucket buckets[DEPLOYMENT_POOLS_MAX][POOL_BUCKETS_MAX];
	uint64_t unplaced; /* requests that no pool accepts or no bucket holds */
};

/* One pass over the whole base traffic; where a request goes: plan_place. */
enum status plan_traffic(
        const struct scenario *s, struct plan_traffic *out, struct error *err) LPC_MUST_USE;

/* `plan --json`: one object. */
struct capture_plan;
void plan_write(const struct scenario *s, const struct plan_traffic *t,
        const struct capture_plan *capture, struct json_out *o);

#endif
