/* The run store of a run (reports/store.h), as a scenario and the command line want it. */
#ifndef LPC_RUN_RUN_STORE_H
#define LPC_RUN_RUN_STORE_H

#include "harness/run/scenario.h"
#include "reports/store.h"

/* --samples: "all", "failed", or the most rows. */
struct run_samples {
	enum store_keep keep;
	uint64_t most;
};
enum status run_samples_parse(
        const char *text, struct run_samples *out, struct error *err) LPC_MUST_USE;

struct run_store {
	struct store *store; /* NULL: there is none */
	struct arena arena;
	struct score_config score;
	const char *tenants[TRAFFIC_TENANTS_MAX];
	uint32_t tenant_tier[TRAFFIC_TENANTS_MAX];
};

/* dir, plan_digest and s are borrowed until run_store_close, which is to be called in any case, and
 * does as store_close. */
enum status run_store_open(struct run_store *r, const struct scenario *s, bool virtual_clock,
        const char *dir, const char *plan_digest, const struct run_samples *samples,
        struct error *err) LPC_MUST_USE;
enum status run_store_close(
        struct run_store *r, const struct result_document *d, struct error *err) LPC_MUST_USE;

/* Taps of the drivers; ctx is the run_store. */
void run_store_sample(void *ctx, const struct sample *x);
void run_store_gaps(void *ctx, uint64_t id, int64_t gap_ns, int64_t n);

#endif
