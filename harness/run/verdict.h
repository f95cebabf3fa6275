/* One scenario from its start to its files: both clocks, attempts, companion, guard, document. */
#ifndef LPC_RUN_VERDICT_H
#define LPC_RUN_VERDICT_H

#include <signal.h>
#include "harness/run/agreement.h"
#include "harness/run/drive_wall.h"
#include "harness/run/evaluate.h"
#include "harness/run/execute.h"
#include "harness/run/guard.h"
#include "harness/run/proof.h"
#include "harness/run/run_store.h"
#include "reports/render.h"

enum { VERDICT_REPLAY_BYTES = 4096 };

/* Owns all that its document points to. */
struct verdict_run {
	struct evaluation companion; /* virtual clock: the run itself */
	struct wall_result wall;
	struct score *score; /* of the wall run */
	struct book book;
	struct score_fault *faults; /* of the wall run */
	struct result_agreement agreement;
	struct guard guard;
	struct result_drop drops[TRACE_DROPS];
	struct result_trace trace;
	struct result_cross_rack cross_rack;
	struct proof proof;
	struct run_store store;
	char plan_digest[DIGEST_TEXT_MAX], traffic_digest[DIGEST_TEXT_MAX],
	        result_digest[DIGEST_TEXT_MAX];
	char replay[VERDICT_REPLAY_BYTES], path[VERDICT_REPLAY_BYTES];
	struct result_document doc;
	int exit_code;
};

/* Runs, judges and writes. ERR_NONE with out->exit_code, or an error (nothing was judged). */
enum status verdict_run(const struct scenario *s, const struct run_options *options,
        const volatile sig_atomic_t *interrupt, struct verdict_run *out,
        struct error *err) LPC_MUST_USE;
void verdict_free(struct verdict_run *v); /* in any case */

/* A virtual run as verdict_run makes it, up to its document; of files only its capture and what is
 * made of that, in dir. */
enum status verdict_play(const struct scenario *s, const char *dir,
        const volatile sig_atomic_t *interrupt, struct verdict_run *out,
        struct error *err) LPC_MUST_USE;

/* The virtual companion of a wall run, and what crossing racks costs, into a run that has begun
 * with zeros. */
enum status verdict_companion(const struct scenario *s, const volatile sig_atomic_t *interrupt,
        struct verdict_run *v, struct error *err) LPC_MUST_USE;

/* The command that repeats this run. Returns buf. */
const char *verdict_replay(const struct scenario *s, const struct run_options *options,
        char buf[static VERDICT_REPLAY_BYTES]);

#endif
