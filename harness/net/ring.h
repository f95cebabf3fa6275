/* One io_uring: set-up, tags, submission, the wait and the dispatch of completions.
 *
 * One thread = one ring = its connections. A ring is opened, used and closed by the same thread
 * (R16), and not carried over a fork (S14).
 *
 * A completion finds its handler by its tag, `op:8 | generation:24 | slot:32`. Op numbers are
 * handed out by ring_add_ops() so that several owners (a connection group, a listener, a control
 * channel) share a ring without knowing each other. Generations are the owner's: an event that
 * carries an old one is stale and must be ignored by the owner, apart from what it gives back (a
 * buffer, a file descriptor).
 *
 * A turn of the loop is ring_turn(): hooks run and prepare entries, everything prepared is
 * submitted with one system call, which also waits; then completions are copied out in batches, the
 * queue is advanced, and only then do handlers run, so a handler may prepare, cancel or close
 * anything.
 *
 * Failure of the ring itself (a lost completion, a submission the kernel refuses) *poisons* it:
 * nothing more is submitted, ring_turn() returns the error from then on, and the run is void. */
#ifndef LPC_NET_RING_H
#define LPC_NET_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/check.h"
#include "harness/base/error.h"

struct ring;
struct sockaddr;
struct io_uring;

enum {
	RING_OPS_MAX = 64, /* op numbers on one ring */
	RING_HOOKS_MAX = 16,
	RING_GENERATION_MASK = 0xffffff,
	RING_BATCH = 256, /* completions copied out at a time */
	RING_TURN_BUDGET =
	        8192, /* completions handled in one turn before timers get their chance */
};

struct ring_config {
	uint32_t sq_entries;    /* entries prepared between two submissions; 0 = 1024 */
	uint32_t in_flight_max; /* worst case of completions not reaped; the CQ gets 4x (clamped) */
	bool plain; /* ask for no set-up flags at all: the bottom of the ladder, for tests */
};

/* A completion as its owner sees it. flags are IORING_CQE_F_*. */
struct ring_event {
	uint32_t slot;
	uint32_t generation; /* 24 bits */
	int32_t res;
	uint32_t flags;
	uint32_t op;  /* relative to the base ring_add_ops() returned */
	int64_t t_ns; /* when the batch was reaped: clock_now_ns() after the wait */
};

struct ring_stats {
	uint64_t turns, enters, submitted, completions;
	uint64_t overflows;    /* turns that found the CQ-overflow flag set (nothing lost, R13) */
	uint64_t sq_full;      /* submissions forced by a full SQ (R11) */
	uint64_t unknown_tags; /* completions of no registered op */
	uint32_t batch_max;    /* most completions of one turn */
	uint32_t sq_entries, cq_entries;
	uint32_t setup_flags, dropped_flags; /* IORING_SETUP_*: got, and given up on the ladder */
};

/* Opens a ring. The set-up ladder asks for SINGLE_ISSUER | DEFER_TASKRUN | COOP_TASKRUN |
 * TASKRUN_FLAG | SUBMIT_ALL | CLAMP | CQSIZE and drops one flag at a time while the kernel says
 * EINVAL (R17); only flags of this liburing's header (R18). A refusal is ERR_ENVIRONMENT with its
 * likely cause (seccomp filter, sysctl kernel.io_uring_disabled, no io_uring in this kernel,
 * memlock limit) and the hint that
 * `--clock virtual` needs no ring. On success *out is owned by the caller: ring_close(). Also
 * sharpens the thread's timers (clock_sharpen_timers). */
enum status ring_open(
        struct ring **out, const struct ring_config *config, struct error *err) LPC_MUST_USE;

/* Frees the ring. Owners whose memory the kernel may still write to must have joined their entries
 * before (conn_group_close does). NULL is allowed. */
void ring_close(struct ring *r);

/* --- owners
 * ---------------------------------------------------------------------------------------- */

/* Registers n op numbers; their completions call fn(owner, event) with event->op in [0, n). Returns
 * the base for ring_tag(). For the ring's lifetime. */
uint32_t ring_add_ops(struct ring *r, uint32_t n,
        void (*fn)(void *owner, const struct ring_event *e), void *owner);

/* Registers a hook that runs at the start of every turn, before the submission, in the order of
 * registration. It returns the latest instant at which it wants to run again: CLOCK_NEVER, or a
 * past instant for "do not wait in this turn". */
void ring_add_hook(struct ring *r, int64_t (*fn)(void *owner, int64_t now_ns), void *owner);

/* Forgets an owner: its hooks do not run and its completions are ignored from now on. Outside
 * ring_turn(). Op numbers are not handed out again. */
void ring_remove(struct ring *r, const void *owner);

/* A fresh buffer group id for a bufring. */
uint16_t ring_next_group(struct ring *r);

static inline uint64_t ring_tag(uint32_t op, uint32_t generation, uint32_t slot)
{
	return (uint64_t)op << 56 | (uint64_t)(generation & RING_GENERATION_MASK) << 32 | slot;
}

/* --- the loop
 * --------------------------------------------------------------------------------------- */

/* One turn: hooks, submit, wait until at least one completion is there or deadline_ns
 * (CLOCK_MONOTONIC, CLOCK_NEVER = for ever) has come, handlers. Returns after the completions that
 * were there, at most RING_TURN_BUDGET; a signal does not end the wait (R21: use a signalfd and
 * ring_prep_poll). */
enum status ring_turn(struct ring *r, int64_t deadline_ns, struct error *err) LPC_MUST_USE;

/* The time of the last reaped batch, or of the start of the turn while hooks run: "one now per
 * turn". */
int64_t ring_now(const struct ring *r);

bool ring_is_poisoned(const struct ring *r);
const struct ring_stats *ring_stats(const struct ring *r);

/* --- entries
 * ---------------------------------------------------------------------------------------- */

/* Each takes an entry (submitting first when the SQ is full), prepares it and sets the tag, last
 * (R12). None can fail: on a poisoned ring the entry goes nowhere. Operands must stay where they
 * are until the next ring_turn() has submitted them (address) or until completion (buffers) (S4).
 */
void ring_prep_recv_multishot(struct ring *r, uint64_t tag, int fd, uint16_t group);
void ring_prep_send(
        struct ring *r, uint64_t tag, int fd, const void *data, size_t n); /* NOSIGNAL */
void ring_prep_accept_multishot(
        struct ring *r, uint64_t tag, int fd); /* SOCK_CLOEXEC, no address */
void ring_prep_connect(
        struct ring *r, uint64_t tag, int fd, const struct sockaddr *a, uint32_t len);
void ring_prep_cancel(
        struct ring *r, uint64_t tag, uint64_t target); /* the one entry tagged target */
void ring_prep_poll(
        struct ring *r, uint64_t tag, int fd, uint32_t events); /* multishot, POLL* bits */
void ring_prep_nop(struct ring *r, uint64_t tag, int32_t res);  /* completes with res (R24) */

/* Fault injection (R24): the nth (1 = next) entry of this IORING_OP_* prepared from now on becomes
 * a NOP that completes with res under the real entry's tag. One at a time; nth = 0 disarms. */
void ring_inject(struct ring *r, uint8_t opcode, uint32_t nth, int32_t res);

/* For bufring.c and for tests of the kernel itself. */
struct io_uring *ring_raw(struct ring *r);

/* --- doctor
 * ----------------------------------------------------------------------------------------- */

struct ring_check {
	const char *name; /* "io_uring", "flag DEFER_TASKRUN", "op RECV", "multishot recv", … ;
	                     static */
	bool ok, required;
	char detail[160]; /* why not, or "" */
};

enum { RING_CHECKS_MAX = 32 };

/* What this machine's io_uring can do, tried rather than concluded from a version (R22): fills out
 * and returns how many. Needs no open ring. */
size_t ring_probe(struct ring_check out[static RING_CHECKS_MAX]);

#endif
