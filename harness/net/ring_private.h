/* What the ring_*.c files share; nobody else includes it. */
#ifndef LPC_NET_RING_PRIVATE_H
#define LPC_NET_RING_PRIVATE_H

#include <liburing.h>
#include "harness/net/ring.h"

/* Newer than liburing 2.3's header, reviewed: it only makes a NOP return its own `len`. */
#define RING_NOP_INJECT_RESULT (1U << 0)

struct ring_op {
	void (*fn)(void *owner, const struct ring_event *e);
	void *owner;
	uint32_t base;
};

struct ring_hook {
	int64_t (*fn)(void *owner, int64_t now_ns);
	void *owner;
};

struct ring_cqe { /* copied out before the queue is advanced */
	uint64_t tag;
	int32_t res;
	uint32_t flags;
};

struct ring_injection {
	uint32_t nth; /* 0 = off; 1 = the next */
	uint8_t opcode;
	int32_t res;
};

struct ring {
	struct io_uring raw;
	int64_t now_ns;
	uint32_t n_ops, n_hooks;
	uint16_t next_group;
	bool poisoned;
	struct ring_injection injection;
	struct ring_stats stats;
	struct ring_op ops[RING_OPS_MAX];
	struct ring_hook hooks[RING_HOOKS_MAX];
	struct ring_cqe batch[RING_BATCH];
	struct io_uring_sqe nowhere; /* what the prep helpers fill in on a poisoned ring */
	struct error poison;
};

/* Stops the ring for good; the first cause stays. */
void ring_poison(struct ring *r, const char *what, int error);

/* The ladder alone: 0 or -errno; *got and *dropped are IORING_SETUP_* sets. */
int ring_setup(struct io_uring *raw, uint32_t sq_entries, uint32_t cq_entries, bool plain,
        uint32_t *got, uint32_t *dropped);

/* Why a set-up was refused, in words, with the hint about the virtual clock. */
enum status ring_refusal(int error, struct error *err);

#endif
