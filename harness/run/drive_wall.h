/* The wall driver: the same scenario over real sockets (DESIGN §2). Spawns the emulator's process,
 * opens the connections, agrees on T0 with it, plays the schedule, and brings everything down
 * whatever happens. Nothing is left running: the emulator ends with the channel, and is waited for.
 */
#ifndef LPC_RUN_DRIVE_WALL_H
#define LPC_RUN_DRIVE_WALL_H

#include <signal.h>
#include "emulator/rack.h"
#include "harness/base/digest.h"
#include "harness/load/load.h"
#include "harness/net/privilege.h"
#include "harness/run/book.h"
#include "harness/run/ledger.h"
#include "harness/run/scenario.h"
#include "workloads/traffic.h"

struct proof;

struct wall_lag {
	bool known;
	int64_t p50_ns, p99_ns, max_ns;
};

/* For the live line: once a second. */
struct wall_progress {
	int64_t now_ns;
	uint64_t done, in_flight, errors;
	int64_t p99_ttft_ns; /* -1 = too few */
	uint32_t n_active;   /* faults in force */
	const char *active;  /* the id of one of them, or NULL */
};

struct wall_options {
	struct score *score;
	struct book *book;
	const volatile sig_atomic_t *interrupt;
	struct proof *proof; /* how much is captured, and where; told what became of it */
	/* Every request once, in order of its outcome, and before it the gaps between its tokens
	 * (score_gaps); may be NULL. */
	void (*sample)(void *ctx, const struct sample *s);
	void (*gaps)(void *ctx, uint64_t id, int64_t gap_ns, int64_t n);
	void *sample_ctx;
	void (*progress)(void *ctx, const struct wall_progress *p); /* may be NULL */
	void *progress_ctx;
};

struct wall_result {
	struct ledger ledger;
	struct traffic_counts traffic;
	uint8_t traffic_digest[DIGEST_BYTES];
	uint64_t scheduled;
	struct load_result load;
	struct wall_lag sched, emission, loop;
	/* What of TTFT on the wire is nobody's: neither queue nor prefill (stalls included) nor the
	 * model's network. Of requests in whose life no fault was active. */
	struct wall_lag overhead;
	bool has_emulator;  /* false: the target is a URL */
	bool emulator_lost; /* its process ended before it reported */
	bool clean;         /* static state after the last revert, as the emulator says */
	enum path_scope path_worst;
	struct rack_counts rack; /* of the emulator, when it reported */
	struct privilege client, emulator;
	long client_peak_kib, emulator_peak_kib; /* resident */
	bool aborted, interrupted;
	const struct abort_rule *abort_rule;
	int64_t ended_ns;
};

enum status drive_wall(const struct scenario *s, const struct wall_options *options,
        struct wall_result *out, struct error *err) LPC_MUST_USE;
void wall_result_free(struct wall_result *r);

#endif
