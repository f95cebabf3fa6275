/* The loop.
 *
 *	hooks ─► prepared entries ─► one io_uring_enter: submit, run task work, wait
 *	                                   │
 *	  handlers ◄─ copied batch ◄─ CQ ──┘   again while the kernel says that task work is left
 *
 * Completions are copied out and the queue advanced before a handler runs. That keeps the CQ as
 *empty as can be while handlers take their time, and lets a handler prepare entries, even submit,
 *without an iterator over shared memory on the stack.
 *
 * What a wait returns is not believed. In liburing 2.3 the timed wait returns the number of entries
 * submitted, so a time-out or a signal is invisible once anything was submitted; the loop looks at
 *the queue and at the clock instead, and waits again for what is left until the absolute deadline.
 *
 * One enter runs at most 20 pieces of deferred task work however many are pending. So after each
 *reap the SQ's TASKRUN flag is looked at, and the kernel entered again, up to a budget: beyond it
 *timers get their chance.
 *
 * A CQ overflow loses nothing on kernels with NODROP (all we accept): entries wait inside the
 *kernel and are flushed by the next enter. It is counted because it costs multishot receives. What
 **is* fatal is the kernel's own count of lost completions, or EBADR: somewhere a connection waits
 *for an event that will not come, and no measurement made on such a ring means anything. */
#include "harness/net/ring_private.h"

#include <errno.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/net/clock.h"

enum { SQ_ENTRIES_DEFAULT = 1024, CQ_HEADROOM = 4, CQ_ENTRIES_MIN = 4096 };

#define NS_PER_S INT64_C(1000000000)

static enum status check_features(const struct ring *r, struct error *err)
{
	const uint32_t needed = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG |
	                        IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_FAST_POLL;

	if ((r->raw.features & needed) == needed)
		return ERR_NONE;
	return error_set(err, ERR_ENVIRONMENT,
	        "expected io_uring features 0x%x, found 0x%x: the kernel is too old; --clock "
	        "virtual needs none",
	        needed, r->raw.features & needed);
}

enum status ring_open(struct ring **out, const struct ring_config *config, struct error *err)
{
	uint32_t sq = config->sq_entries ? config->sq_entries : SQ_ENTRIES_DEFAULT;
	uint64_t cq = (uint64_t)config->in_flight_max * CQ_HEADROOM;
	struct ring *r = mem_alloc(1, sizeof(*r));
	enum status status;
	int rc;

	cq = cq < CQ_ENTRIES_MIN ? CQ_ENTRIES_MIN : cq;
	cq = cq > UINT32_MAX / 2 ? UINT32_MAX / 2 : cq;
	rc = ring_setup(&r->raw, sq, (uint32_t)cq, config->plain, &r->stats.setup_flags,
	        &r->stats.dropped_flags);
	if (rc < 0) {
		status = ring_refusal(-rc, err);
		goto out_free;
	}
	status = check_features(r, err);
	if (status != ERR_NONE)
		goto out_exit;
	/* Saves the lookup of the ring's descriptor on each enter; an old kernel does without. */
	(void)io_uring_register_ring_fd(&r->raw);
	(void)io_uring_ring_dontfork(&r->raw);
	clock_sharpen_timers();
	r->stats.sq_entries = r->raw.sq.ring_entries;
	r->stats.cq_entries = r->raw.cq.ring_entries;
	r->now_ns = clock_now_ns();
	*out = r;
	return ERR_NONE;
out_exit:
	io_uring_queue_exit(&r->raw);
out_free:
	mem_free(r);
	return status;
}

void ring_close(struct ring *r)
{
	if (!r)
		return;
	io_uring_queue_exit(&r->raw);
	mem_free(r);
}

uint32_t ring_add_ops(struct ring *r, uint32_t n,
        void (*fn)(void *owner, const struct ring_event *e), void *owner)
{
	uint32_t base = r->n_ops;

	CHECK(n > 0 && n <= RING_OPS_MAX - base);
	for (uint32_t i = 0; i < n; i++)
		r->ops[base + i] = (struct ring_op){.fn = fn, .owner = owner, .base = base};
	r->n_ops += n;
	return base;
}

void ring_add_hook(struct ring *r, int64_t (*fn)(void *owner, int64_t now_ns), void *owner)
{
	CHECK(r->n_hooks < RING_HOOKS_MAX);
	r->hooks[r->n_hooks++] = (struct ring_hook){.fn = fn, .owner = owner};
}

static void ignore(void *owner, const struct ring_event *e)
{
	(void)owner;
	(void)e;
}

void ring_remove(struct ring *r, const void *owner)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < r->n_hooks; i++)
		if (r->hooks[i].owner != owner)
			r->hooks[kept++] = r->hooks[i];
	r->n_hooks = kept;
	for (uint32_t i = 0; i < r->n_ops; i++)
		if (r->ops[i].owner == owner)
			r->ops[i] = (struct ring_op){.fn = ignore, .base = r->ops[i].base};
}

uint16_t ring_next_group(struct ring *r)
{
	return r->next_group++;
}

int64_t ring_now(const struct ring *r)
{
	return r->now_ns;
}

bool ring_is_poisoned(const struct ring *r)
{
	return r->poisoned;
}

const struct ring_stats *ring_stats(const struct ring *r)
{
	return &r->stats;
}

struct io_uring *ring_raw(struct ring *r)
{
	return &r->raw;
}

void ring_poison(struct ring *r, const char *what, int error)
{
	if (r->poisoned)
		return;
	r->poisoned = true;
	(void)error_set(&r->poison, ERR_ENVIRONMENT, "the io_uring failed in %s: %s", what,
	        strerror(error));
}

static bool is_passing(int rc) /* an answer that the next look at queue and clock deals with */
{
	return rc >= 0 || rc == -ETIME || rc == -EINTR || rc == -EAGAIN || rc == -EBUSY;
}

static int enter(struct ring *r, int64_t left_ns)
{
	struct __kernel_timespec ts = {.tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S};
	unsigned prepared = io_uring_sq_ready(&r->raw);
	struct io_uring_cqe *cqe;
	int rc;

	r->stats.enters++;
	if (left_ns == 0)
		rc = io_uring_submit_and_get_events(&r->raw);
	else
		rc = io_uring_submit_and_wait_timeout(
		        &r->raw, &cqe, 1, left_ns == CLOCK_NEVER ? NULL : &ts, NULL);
	r->stats.submitted += prepared - io_uring_sq_ready(&r->raw);
	return rc;
}

/* Submits, and returns when a completion is there or the deadline has come. */
static void wait_until(struct ring *r, int64_t deadline_ns)
{
	int64_t left_ns;
	int rc;

	do {
		left_ns =
		        io_uring_cq_ready(&r->raw) ? 0 : clock_left_ns(deadline_ns, clock_now_ns());
		rc = enter(r, left_ns);
		if (!is_passing(rc)) {
			ring_poison(r, "io_uring_enter", -rc);
			return;
		}
	} while (left_ns > 0 && rc != -EBUSY && !io_uring_cq_ready(&r->raw));
}

static uint32_t copy_out(struct ring *r)
{
	struct io_uring_cqe *cqe;
	uint32_t head, n = 0;

	io_uring_for_each_cqe(&r->raw, head, cqe)
	{
		if (n == RING_BATCH)
			break;
		r->batch[n++] = (struct ring_cqe){
		        .tag = cqe->user_data, .res = cqe->res, .flags = cqe->flags};
	}
	io_uring_cq_advance(&r->raw, n);
	return n;
}

static void dispatch(struct ring *r, const struct ring_cqe *c)
{
	uint32_t op = (uint32_t)(c->tag >> 56);
	struct ring_event e = {
	        .slot = (uint32_t)c->tag,
	        .generation = (uint32_t)(c->tag >> 32) & RING_GENERATION_MASK,
	        .res = c->res,
	        .flags = c->flags,
	        .t_ns = r->now_ns,
	};

	if (op >= r->n_ops) {
		r->stats.unknown_tags++;
		return;
	}
	e.op = op - r->ops[op].base;
	r->ops[op].fn(r->ops[op].owner, &e);
}

/* Handles what is in the queue, a batch at a time; returns how many that were. */
static uint32_t reap(struct ring *r, uint32_t budget)
{
	uint32_t total = 0, n;

	r->now_ns = clock_now_ns();
	do {
		n = copy_out(r);
		for (uint32_t i = 0; i < n; i++)
			dispatch(r, &r->batch[i]);
		total += n;
	} while (n == RING_BATCH && total < budget);
	return total;
}

static void check_losses(struct ring *r)
{
	if (io_uring_cq_has_overflow(&r->raw))
		r->stats.overflows++;
	if (LPC_UNLIKELY(*r->raw.cq.koverflow))
		ring_poison(r, "the completion queue (completions were lost)", EBADR);
}

static bool has_task_work(const struct ring *r)
{
	return (IO_URING_READ_ONCE(*r->raw.sq.kflags) &
	               (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static int64_t run_hooks(struct ring *r, int64_t deadline_ns)
{
	for (uint32_t i = 0; i < r->n_hooks; i++) {
		int64_t at_ns = r->hooks[i].fn(r->hooks[i].owner, r->now_ns);

		if (at_ns < deadline_ns)
			deadline_ns = at_ns;
	}
	return deadline_ns;
}

enum status ring_turn(struct ring *r, int64_t deadline_ns, struct error *err)
{
	uint32_t total, gained;

	if (!r->poisoned) {
		r->stats.turns++;
		r->now_ns = clock_now_ns();
		deadline_ns = run_hooks(r, deadline_ns);
		wait_until(r, deadline_ns);
	}
	if (r->poisoned)
		return error_set(err, r->poison.code, "%s", r->poison.text);
	check_losses(r);
	total = gained = reap(r, RING_TURN_BUDGET);
	/* As long as it gains something: the kernel may leave the flag set with nothing behind it,
	 * and then only a wait clears it. */
	while (gained && total < RING_TURN_BUDGET && has_task_work(r)) {
		int rc = io_uring_get_events(&r->raw);

		r->stats.enters++;
		if (!is_passing(rc)) {
			ring_poison(r, "io_uring_enter", -rc);
			break;
		}
		gained = reap(r, RING_TURN_BUDGET - total);
		total += gained;
	}
	r->stats.completions += total;
	if (total > r->stats.batch_max)
		r->stats.batch_max = total;
	return r->poisoned ? error_set(err, r->poison.code, "%s", r->poison.text) : ERR_NONE;
}
