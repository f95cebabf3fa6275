/* The control channel between `run` and the emulator's process (DESIGN §2): an inherited seqpacket
 * pair, one message a packet. Times are ns of run time but for T0, an instant of CLOCK_MONOTONIC.
 *
 *   run → emulator   MIRROR · PLAN (the scenario's bundle, in pieces) · T0 · FAULT · STOP
 *   emulator → run   READY · SIGNAL (each 10 ms) · LEDGER · STALLED ·
 *                    then, at the end: REPLAYED · LAG · DIGEST · or ERROR, and no READY
 *
 * End of file in either direction means that the other side is gone: the emulator reverts, stops
 * and exits. Both ends are the same binary: plain structures in host order. */
#ifndef LPC_RUN_CONTROL_H
#define LPC_RUN_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include "emulator/deployment.h"
#include "emulator/mirror.h"
#include "emulator/rack.h"
#include "harness/base/error.h"
#include "harness/run/stalls.h"

enum { CONTROL_PIECE_MAX = 32 << 10, CONTROL_CONNECTIONS_MAX = 12000, CONTROL_PATH_MAX = 4096 };

enum control_type {
	CONTROL_MIRROR,   /* if at all, ahead of the plan */
	CONTROL_PLAN,     /* piece of the bundle */
	CONTROL_PLAN_END, /* the bundle is complete */
	CONTROL_T0,
	CONTROL_FAULT,
	CONTROL_STOP,
	CONTROL_READY,
	CONTROL_ERROR,
	CONTROL_SIGNAL,
	CONTROL_LEDGER,
	CONTROL_STALLED, /* of a request, ahead of the end of its answer */
	CONTROL_REPLAYED,
	CONTROL_LAG,
	CONTROL_DIGEST,
};

/* What the emulator captures, and where (capture_plan.h). */
struct control_mirror {
	uint32_t every, frames;
	int64_t period_ns;
	char path[CONTROL_PATH_MAX];
};

struct control_message {
	enum control_type type;
	uint32_t n; /* bytes of `piece` that count */
	union {
		struct control_mirror mirror;
		int64_t t0_ns;
		struct {
			uint32_t id;
			bool inject;
			int64_t at_ns;
		} fault;
		struct {
			uint16_t port;
			int nice, cpu;
		} ready;
		struct {
			enum status code;
			char text[ERROR_TEXT_MAX];
		} error;
		struct {
			int64_t at_ns;
			struct rack_signals rack;
			int64_t pool_queue_ns[DEPLOYMENT_POOLS_MAX];
		} signal;
		struct {
			uint32_t fault, phase;
			int64_t at_ns;
		} ledger;
		struct stalled stalled;
		struct {
			uint32_t fault;
			uint64_t requests;
		} replayed;
		struct {
			uint64_t n;
			int64_t p50_ns, p99_ns, max_ns;
		} lag;
		struct {
			bool clean;              /* the static state is a never-faulted rack's */
			uint32_t path;           /* enum path_scope: the worst of the run */
			struct rack_counts rack; /* requests count, read by their clients or not */
			uint64_t slow_readers, tokens;
			struct mirror_counts mirrored;
			bool mirror_failed; /* not all of it could be written */
		} digest;
		char piece[CONTROL_PIECE_MAX];
	};
};

/* A connected pair, both ends close-on-exec. */
enum status control_pair(int fds[static 2], struct error *err) LPC_MUST_USE;

/* Sends one message, waiting for room. False: the other side is gone. */
bool control_send(int fd, const struct control_message *m) LPC_MUST_USE;

enum control_got { CONTROL_GOT, CONTROL_AGAIN, CONTROL_EOF };

/* Receives one message; waits until deadline_ns (CLOCK_MONOTONIC), 0 = does not wait. */
enum control_got control_receive(int fd, struct control_message *m, int64_t deadline_ns);

/* How many connections each side of a wall run may hold: CONTROL_CONNECTIONS_MAX, or fewer where
 * the descriptor limit is lower. */
uint32_t control_connections_max(void);

/* The bundle, in pieces. */
bool control_send_plan(int fd, const char *bundle, size_t n) LPC_MUST_USE;

#endif
