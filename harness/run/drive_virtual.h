/* The virtual driver: the whole run without a socket, from event to event (DESIGN §2). A function
 * of the scenario, its seed and the options below, bit-identical everywhere. Several may run at
 * once on threads of their own: a scenario is read only. */
#ifndef LPC_RUN_DRIVE_VIRTUAL_H
#define LPC_RUN_DRIVE_VIRTUAL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include "emulator/rack.h"
#include "harness/base/digest.h"
#include "harness/run/book.h"
#include "harness/run/ledger.h"
#include "harness/run/scenario.h"
#include "reports/score.h"
#include "workloads/traffic.h"

/* Raised when what the model computes changes for a reason: digests of older versions do not
 * compare. */
enum { MODEL_VERSION = 3 };

#define VIRTUAL_ALL_FAULTS UINT32_MAX

/* For tests: something is done to the rack behind its back, at the first event not before at_ns.
 * With events_only, or with nothing that rides at that time. */
struct virtual_tamper {
	int64_t at_ns;
	void (*tamper)(void *ctx, struct rack *rack);
	void *ctx;
};

struct virtual_options {
	uint64_t seed;                     /* of the traffic and the run-time draws */
	uint32_t without;                  /* leave this fault out (twin), or VIRTUAL_ALL_FAULTS */
	const struct fault_script *script; /* faults happen as in the run that left it; NULL */
	struct score *score;               /* fed and left undecided; NULL = not wanted */
	struct book *book;                 /* likewise */
	bool digest;                       /* fold the result digest */
	bool free_crossings;               /* hops from rack to rack take no time (rack.h) */
	bool events_only; /* without the express: the same result, event by event, for tests */
	const volatile sig_atomic_t
	        *interrupt; /* non-zero = stop, keep what there is; may be NULL */
	/* Every request once, in order of its outcome, and before it the gaps between its tokens
	 * (score_gaps); may be NULL. */
	void (*sample)(void *ctx, const struct sample *s);
	void (*gaps)(void *ctx, uint64_t id, int64_t gap_ns, int64_t n);
	void *sample_ctx;
	/* What a mirror port would show (rack_listener.moved); the result is the same. */
	uint32_t mirror_every;    /* 0 = no mirror */
	uint32_t mirror_frames;   /* struct rack_config */
	int64_t mirror_period_ns; /* likewise */
	void (*moved)(void *ctx, const struct wire_message *m);
	void *moved_ctx;
	const struct virtual_tamper *tamper; /* NULL = none */
	/* For `explain`: the life of one request. */
	uint64_t explain_id; /* 0 = none */
	void (*explain)(void *ctx, int64_t at_ns, enum rack_step_kind step, int64_t a, int64_t b);
	void (*explain_done)(void *ctx, const struct sample *s, const struct rack_completion *done);
	void *explain_ctx;
};

struct virtual_result {
	struct ledger ledger;
	struct fault_script script; /* what happened, where only the run could tell */
	uint8_t result_digest[DIGEST_BYTES], traffic_digest[DIGEST_BYTES];
	struct traffic_counts traffic;
	struct rack_counts rack;
	enum path_scope path_worst;
	uint64_t scheduled, events;
	int64_t ended_ns;
	bool aborted, interrupted;
	const struct abort_rule *abort_rule; /* that stopped it */
};

/* ERR_USAGE only for a trace that cannot be read. The result is the caller's: virtual_result_free.
 */
enum status drive_virtual(const struct scenario *s, const struct virtual_options *options,
        struct virtual_result *out, struct error *err) LPC_MUST_USE;
void virtual_result_free(struct virtual_result *r);

/* The scorer's configuration for a scenario; `census` as the clock and the traffic say. */
struct score_config scenario_score_config(const struct scenario *s, bool virtual_clock);

/* A rack configuration: tenants' names (into the caller's array, which must outlive the rack),
 * faults counted; the listener is the caller's. */
struct rack_config scenario_rack_config(
        const struct scenario *s, uint64_t seed, const char *names[static TRAFFIC_TENANTS_MAX]);

#endif
