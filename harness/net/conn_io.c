/* Completions of a connection.
 *
 * Receiving is one multishot receive per connection over the group's buffer ring. Whatever ends it,
 *one rule brings it back: when a completion lacks F_MORE the receive is over, and if the connection
 *still wants input it is armed again (R1). The result says only what else to do:
 *
 *	res > 0      the kernel ended it for reasons of its own (an overflow): arm again
 *	0            FIN
 *	-ENOBUFS     the buffer ring was empty: park, and let the hook arm when buffers are free
 *(R4) -ECANCELED   our own cancel, for a pause; resumed meanwhile: arm again -EINTR       happens
 *to completions too (R21): arm again other        the connection has failed
 *
 * A receive buffer is taken, offered and given back in one function, so no path can keep one (R6).
 *
 * A pause cancels the receive, but what the kernel had already received still comes and is kept
 *behind what the handler left, in chunks of the output pool. The cancel may come too late and hit
 *nothing, or the receive that a quick resume has armed anew; its own completion therefore looks
 *again. */
#include "harness/net/conn_private.h"

#include <errno.h>
#include <liburing.h>
#include <sys/socket.h>

void conn_arm(struct conn *c)
{
	if (c->receiving || c->parked || c->paused || c->eof || c->state != CONN_OPEN)
		return;
	c->receiving = true;
	c->in_flight++;
	ring_prep_recv_multishot(
	        c->group->ring, conn_tag(c, CONN_RECV), c->fd, bufring_group(c->group->buffers));
}

void conn_cancel_receive(struct conn *c)
{
	if (!c->receiving || c->cancelling)
		return;
	c->cancelling = true;
	c->in_flight++;
	ring_prep_cancel(c->group->ring, conn_tag(c, CONN_CANCEL), conn_tag(c, CONN_RECV));
}

static void tell_eof(struct conn *c, int64_t t_ns)
{
	if (c->eof_told || c->state != CONN_OPEN)
		return;
	c->eof_told = true;
	c->group->handler->on_eof(c, t_ns);
}

static void keep(struct conn *c, const char *data, size_t n, int64_t t_ns)
{
	if (!conn_queue_append(c->group, &c->kept, data, n))
		conn_fail(c, ENOBUFS, t_ns);
}

static void offer(struct conn *c, const char *data, size_t n, int64_t t_ns)
{
	size_t taken;

	c->group->stats.bytes_in += n;
	if (c->paused || c->kept.head != POOL_NONE) {
		keep(c, data, n, t_ns);
		return;
	}
	taken = c->group->handler->on_data(c, data, n, t_ns);
	CHECK(taken <= n);
	if (taken == n || c->state != CONN_OPEN)
		return;
	c->paused = true;
	keep(c, data + taken, n - taken, t_ns);
	conn_cancel_receive(c);
}

void conn_offer_kept(struct conn *c, int64_t t_ns)
{
	struct conn_chunk *k;

	c->paused = false;
	while (c->state == CONN_OPEN && !c->paused && (k = conn_queue_head(c->group, &c->kept))) {
		uint32_t left = k->len - k->done;
		size_t taken = c->group->handler->on_data(c, k->data + k->done, left, t_ns);

		CHECK(taken <= left);
		(void)conn_queue_take(c->group, &c->kept, (uint32_t)taken);
		c->paused = taken < left;
	}
	if (c->state != CONN_OPEN)
		return;
	if (c->paused)
		conn_cancel_receive(c);
	else if (c->eof)
		tell_eof(c, t_ns);
	else
		conn_arm(c);
}

static void receive_ended(struct conn *c, int32_t res, int64_t t_ns)
{
	struct conn_group *g = c->group;

	switch (res) {
	case 0:
		c->eof = true;
		if (c->kept.head == POOL_NONE)
			tell_eof(c, t_ns);
		return;
	case -ENOBUFS:
		g->stats.starved++;
		c->parked = true;
		bufring_park(g->buffers, c->slot);
		return;
	default:
		if (res < 0 && res != -ECANCELED && res != -EINTR && res != -EAGAIN) {
			conn_fail(c, -res, t_ns);
			return;
		}
		g->stats.rearmed += !c->paused;
		conn_arm(c);
	}
}

static void on_receive(struct conn *c, const struct ring_event *e)
{
	struct conn_group *g = c->group;
	uint32_t bid;

	if (e->flags & IORING_CQE_F_BUFFER) {
		const char *data = bufring_take(g->buffers, e->flags, c->slot, &bid);

		if (e->res > 0 && c->state == CONN_OPEN)
			offer(c, data, (size_t)e->res, e->t_ns);
		bufring_give(g->buffers, bid, c->slot);
	}
	if (e->flags & IORING_CQE_F_MORE)
		return;
	c->receiving = false;
	c->in_flight--;
	if (c->state == CONN_OPEN)
		receive_ended(c, e->res, e->t_ns);
}

void conn_send_head(struct conn *c)
{
	struct conn_chunk *k = conn_queue_head(c->group, &c->out);

	if (c->sending_bytes || !k || c->state != CONN_OPEN)
		return;
	c->sending_bytes = k->len - k->done;
	c->in_flight++;
	c->group->stats.sends++;
	ring_prep_send(
	        c->group->ring, conn_tag(c, CONN_SEND), c->fd, k->data + k->done, c->sending_bytes);
}

void conn_finish_if_drained(struct conn *c)
{
	if (!c->finishing || c->finished || c->queued_bytes || c->state != CONN_OPEN)
		return;
	c->finished = true;
	(void)shutdown(c->fd, SHUT_WR); /* ENOTCONN: the peer was faster, its error is on the way */
}

static void on_send(struct conn *c, const struct ring_event *e)
{
	struct conn_group *g = c->group;
	uint32_t n = e->res > 0 ? (uint32_t)e->res : 0, writes;

	g->stats.short_sends += e->res >= 0 && n < c->sending_bytes;
	c->sending_bytes = 0;
	c->in_flight--;
	if (c->state != CONN_OPEN)
		return;
	if (e->res < 0 && e->res != -EINTR && e->res != -EAGAIN) {
		conn_fail(c, -e->res, e->t_ns);
		return;
	}
	writes = conn_queue_take(g, &c->out, n);
	g->stats.bytes_out += n;
	c->queued_bytes -= n;
	c->queued_writes -= writes;
	if (c->queued_bytes)
		conn_make_flush(c);
	if (writes)
		g->handler->on_sent(c, writes, e->t_ns);
	conn_finish_if_drained(c);
}

static void on_connect(struct conn *c, const struct ring_event *e)
{
	c->in_flight--;
	if (c->state != CONN_CONNECTING)
		return;
	if (e->res < 0) {
		conn_fail(c, -e->res, e->t_ns);
		return;
	}
	c->state = CONN_OPEN;
	c->group->stats.opened++;
	conn_arm(c);
	c->group->handler->on_open(c, e->t_ns);
}

static void on_cancel(struct conn *c)
{
	c->cancelling = false;
	c->in_flight--;
	if (c->state == CONN_OPEN && c->paused)
		conn_cancel_receive(c);
}

/* A completion of an older generation: nothing of it counts but the buffer it may have used up. */
static void on_stale(struct conn_group *g, const struct ring_event *e)
{
	uint32_t bid;

	g->stats.stale++;
	if (!(e->flags & IORING_CQE_F_BUFFER))
		return;
	(void)bufring_take(g->buffers, e->flags, e->slot, &bid);
	bufring_give(g->buffers, bid, e->slot);
}

void conn_on_event(void *group, const struct ring_event *e)
{
	struct conn_group *g = group;
	struct conn *c = conn_find(g, (uint64_t)e->generation << 32 | e->slot);

	if (LPC_UNLIKELY(!c)) {
		on_stale(g, e);
		return;
	}
	switch ((enum conn_op)e->op) {
	case CONN_RECV:
		on_receive(c, e);
		break;
	case CONN_SEND:
		on_send(c, e);
		break;
	case CONN_CONNECT:
		on_connect(c, e);
		break;
	case CONN_CANCEL:
		on_cancel(c);
		break;
	case CONN_OPS:
		UNREACHABLE("op outside the group's range");
	}
	if (c->state == CONN_CLOSING && conn_is_joined(c))
		conn_make_due(c, DUE_CLOSE);
}
