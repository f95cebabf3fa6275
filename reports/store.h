/* The run store, DIR/run.sqlite: what a run saw, request by request, as an SQLite database that
 * anybody can ask (docs/STORE.md has the schema and example queries).
 *
 * Writing is off the hot path: store_sample copies a row into a bounded queue, a thread of the
 * store's own (ordinary priority, no core of its own) writes batches, a transaction each. Whatever
 * was committed survives SIGKILL at any moment; the row of table `run` says partial = 1 until
 * store_close has written the judgement. When the queue is full, the virtual clock waits and the
 * wall clock drops the row and counts it (store_dropped): a measurement is never held up.
 *
 * The writer belongs to one thread. */
#ifndef LPC_REPORTS_STORE_H
#define LPC_REPORTS_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/error.h"
#include "reports/render.h"
#include "reports/sample.h"
#include "reports/score.h"

#define STORE_SCHEMA "lpuchaos.store/1"
#define STORE_FILE   "run.sqlite"

/* Which requests have a row: all, those that were not ok, or at most `most` of them, chosen by a
 * hash of the id, so that the same are kept whatever the order. Histograms and the timeline always
 * hold every request. */
enum store_keep { STORE_ALL, STORE_FAILED, STORE_SOME };

/* A parameter that the run's numbers rest on, with its truth label. */
struct store_parameter {
	const char *path, *value, *unit, *label, *source; /* unit, source: NULL = none */
};

/* Everything is borrowed until store_close. */
struct store_config {
	const char *dir; /* the result directory; an older store in it is replaced */
	const char *scenario;
	uint64_t seed;
	bool virtual_clock;
	const char *plan_digest; /* "sha256:…" */
	const char *const *tenants;
	const uint32_t *tenant_tier; /* by tenant, index into tiers */
	uint32_t n_tenants;
	const struct score_config *score; /* tiers, rules, warmup, duration */
	int64_t ends_ns;                  /* of run time, at the latest: with the drain */
	const struct score_names *names;
	enum store_keep keep;
	uint64_t most; /* STORE_SOME */
	const struct store_parameter *parameters;
	uint32_t n_parameters;
};

struct store;

/* The file appears whole, with its tables, its parameters and partial = 1, or not at all. */
enum status store_open(
        const struct store_config *config, struct store **out, struct error *err) LPC_MUST_USE;

/* Gaps between token events of the request about to be added, as score_gaps has them. */
void store_gaps(struct store *s, uint64_t id, int64_t gap_ns, int64_t n);
/* Every request once, when its outcome is known. Rows keep this order (requests.seq). */
void store_sample(struct store *s, const struct sample *x);

/* Rows for which the wall clock found no room. */
uint64_t store_dropped(const struct store *s);

/* A run that is repeated: nothing of the earlier attempt stays. The handle is to be closed in any
 * case. */
enum status store_restart(struct store *s, struct error *err) LPC_MUST_USE;

/* The last batch, then histograms, timeline, windows, faults and verdicts of a decided run, and
 * partial as the document says; with NULL the store is left as it is, marked partial. The handle
 * (NULL: nothing happens) is gone in any case. One file is left, no journal beside it.
 * ERR_ENVIRONMENT if not everything could be written. */
enum status store_close(
        struct store *s, const struct result_document *d, struct error *err) LPC_MUST_USE;

#endif
