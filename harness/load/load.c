/* The run: what is due at which instant, and the loop that wakes for it.
 *
 * The loop never spins and keeps no timers. A hook runs at the start of every turn; it plays what
 * has come due, in order of planned instants (arrivals and next attempts, then deadlines, then the
 * tick of the grid), and returns the earliest instant that is still ahead. The ring sleeps until
 * then or until something completes, whichever is first. How late it woke for an instant it had
 * asked for is the loop lag, which is published: it is the part of every timestamp that is ours.
 *
 * Being late changes nothing of the plan: what is overdue is played at once, one after the other,
 * each with its own planned instant. */
#include "harness/load/load_private.h"

#include <liburing.h>
#include <poll.h>
#include "harness/base/prng.h"
#include "harness/base/units.h"
#include "harness/net/clock.h"

enum { FDS_BESIDE = 64 /* descriptors that are no connections of ours */ };
static const int64_t connect_patience_ns = 10 * NS_PER_S;

/* --- what is due
 * -------------------------------------------------------------------------------------- */

static int64_t next_arrival(const struct load *l)
{
	int64_t at_ns = l->config.source.peek(l->config.source.ctx);

	return at_ns < l->config.duration_ns ? at_ns : NS_NEVER;
}

/* Plays the earliest thing that is due at now_ns; false when nothing is, with the next instant in
 * *at_ns. The order at one instant is that of DESIGN §4: faults, arrivals, client
 * actions, signals. */
static int64_t next_timed(const struct load *l)
{
	const struct load_timed *t = &l->config.timed;

	return t->next_at ? t->next_at(t->ctx) : NS_NEVER;
}

static bool play_one(struct load *l, int64_t now_ns, int64_t *at_ns)
{
	const struct heap_entry *rest = heap_top(&l->resting);
	int64_t arrival = next_arrival(l), again = rest ? rest->key : NS_NEVER;
	const struct heap_entry *act = heap_top(&l->acting);
	int64_t acting = act ? act->key : NS_NEVER;
	int64_t timed = next_timed(l), tick = l->next_tick_ns, deadline;
	uint32_t index = POOL_NONE;

	deadline = flight_deadline(l, &index);
	*at_ns = arrival < again ? arrival : again;
	*at_ns = timed < *at_ns ? timed : *at_ns;
	*at_ns = deadline < *at_ns ? deadline : *at_ns;
	*at_ns = acting < *at_ns ? acting : *at_ns;
	*at_ns = tick < *at_ns ? tick : *at_ns;
	if (*at_ns > now_ns || l->stopping)
		return false;
	if (timed == *at_ns) {
		l->config.timed.step(l->config.timed.ctx, timed);
	} else if (arrival == *at_ns) {
		struct load_request r;

		l->config.source.next(l->config.source.ctx, &r);
		CHECK(r.at_ns == arrival && r.tenant < l->config.n_tenants && r.prompt_tokens > 0);
		flight_launch(l, &r);
	} else if (again == *at_ns) {
		flight_relaunch(l, heap_pop(&l->resting).value);
	} else if (deadline == *at_ns) {
		flight_time_out(l, index, now_ns);
	} else if (acting == *at_ns) {
		flight_act(l, heap_pop(&l->acting).value, now_ns);
	} else {
		l->config.listener.tick(l->config.listener.ctx, tick, now_ns);
		l->next_tick_ns += LOAD_TICK_NS;
	}
	return true;
}

/* Asked only when all that was due at now_ns has been played. */
static bool is_over(const struct load *l, int64_t now_ns)
{
	if (l->stopping || now_ns >= l->config.duration_ns + l->config.drain_ns)
		return true;
	return now_ns >= l->config.duration_ns && l->result->totals.in_flight == 0;
}

static int64_t load_hook(void *owner, int64_t clock_ns)
{
	struct load *l = owner;
	int64_t now_ns = clock_ns - l->t0_ns, end_ns;

	if (!l->running)
		return CLOCK_NEVER;
	if (now_ns >= l->wake_ns)
		histogram_add(&l->result->loop_lag, now_ns - l->wake_ns);
	while (play_one(l, now_ns, &l->wake_ns))
		;
	l->over = is_over(l, now_ns);
	if (l->over)
		return clock_ns;
	if (l->n_waiting)
		client_want(
		        l->client, l->n_waiting < UINT32_MAX ? (uint32_t)l->n_waiting : UINT32_MAX);
	end_ns = now_ns < l->config.duration_ns ? l->config.duration_ns
	                                        : l->config.duration_ns + l->config.drain_ns;
	if (end_ns < l->wake_ns)
		l->wake_ns = end_ns;
	return l->t0_ns + l->wake_ns;
}

/* --- watched descriptors
 * ------------------------------------------------------------------------------ */

static void watch_arm(struct load *l, uint32_t i)
{
	ring_prep_poll(l->ring, ring_tag(l->watch_op, 0, i), l->watches[i].fd, POLLIN);
}

static void watch_event(void *owner, const struct ring_event *e)
{
	struct load *l = owner;
	const struct watch *w = &l->watches[e->slot];

	if (e->res < 0)
		return;
	w->fn(w->ctx, w->fd);
	if (!(e->flags & IORING_CQE_F_MORE) && !(e->res & POLLHUP))
		watch_arm(l, e->slot);
}

void load_watch(struct load *l, int fd, void (*fn)(void *ctx, int fd), void *ctx)
{
	CHECK(l->n_watches < LOAD_WATCH_MAX);
	l->watches[l->n_watches] = (struct watch){.fd = fd, .fn = fn, .ctx = ctx};
	watch_arm(l, l->n_watches++);
}

/* --- life
 * --------------------------------------------------------------------------------------------- */

static enum status open_io(struct load *l, struct error *err)
{
	const struct load_config *config = &l->config;
	const struct client_config client = {.peer = config->peer,
	        .limit = config->connections_max,
	        .rcvbuf_bytes = config->rcvbuf_bytes};
	const struct ring_config ring = {
	        .in_flight_max = client_in_flight_max(config->connections_max) + LOAD_WATCH_MAX,
	};
	enum status rc = sock_raise_fd_limit(config->connections_max + FDS_BESIDE, err);

	if (!rc)
		rc = ring_open(&l->ring, &ring, err);
	if (rc)
		return rc;
	/* Before the client's own hook, which sends what this one has written. */
	ring_add_hook(l->ring, load_hook, l);
	l->watch_op = ring_add_ops(l->ring, 1, watch_event, l);
	return client_open(&l->client, l->ring, &client, &flight_client_handler, l, err);
}

enum status load_open(struct load **out, const struct load_config *config, struct error *err)
{
	struct load *l = mem_alloc(1, sizeof(*l));
	enum status rc;

	CHECK(config->n_tenants > 0 && config->connections <= config->connections_max);
	CHECK(config->duration_ns > 0 && config->drain_ns >= 0);
	l->config = *config;
	l->jitter = prng_purpose(config->seed, "back-off");
	arena_init(&l->arena, 0);
	pool_init(&l->flights, sizeof(struct flight), FLIGHTS_MAX);
	pool_init(&l->carries, EVENT_BYTES_MAX, config->connections_max);
	fifo_init(&l->waiting, 0);
	heap_init(&l->resting, FLIGHTS_MAX);
	heap_init(&l->acting, 0);
	l->live = ARENA_ARRAY(&l->arena, struct flight_list, config->n_tenants);
	for (uint32_t i = 0; i < config->n_tenants; i++)
		l->live[i].first = l->live[i].last = POOL_NONE;
	rc = request_prepare(&l->maker, config, &l->arena, err);
	if (!rc)
		rc = open_io(l, err);
	if (rc) {
		load_close(l);
		return rc;
	}
	*out = l;
	return ERR_NONE;
}

void load_close(struct load *l)
{
	if (!l)
		return;
	client_close(l->client);
	ring_close(l->ring);
	for (uint32_t i = 0; i < l->flights.capacity; i++)
		gaps_free(&((struct flight *)pool_at(&l->flights, i))->gaps);
	heap_free(&l->resting);
	heap_free(&l->acting);
	fifo_free(&l->waiting);
	pool_free(&l->carries);
	pool_free(&l->flights);
	arena_free(&l->arena);
	mem_free(l);
}

enum status load_connect(struct load *l, struct error *err)
{
	int64_t give_up_ns = clock_now_ns() + connect_patience_ns;
	struct client_counts n = client_counts(l->client);
	enum status rc = ERR_NONE;

	while (!rc && !l->stopping && n.connects + n.failures < l->config.connections &&
	        clock_now_ns() < give_up_ns) {
		uint64_t missing = l->config.connections - n.connects - n.failures;

		client_want(l->client, (uint32_t)missing);
		rc = ring_turn(l->ring, give_up_ns, err);
		n = client_counts(l->client);
	}
	return rc;
}

static void collect(struct load *l)
{
	const struct ring_stats *ring = ring_stats(l->ring);
	struct client_counts n = client_counts(l->client);
	struct load_result *r = l->result;

	r->totals.waiting = l->n_waiting;
	r->cq_overflows = ring->overflows;
	r->batch_max = ring->batch_max;
	r->starved = n.starved;
	r->connects = n.connects;
	r->connect_failures = n.failures;
	r->connections_peak = n.peak;
	r->stopped = l->stopping;
}

enum status load_run(struct load *l, int64_t t0_ns, struct load_result *out, struct error *err)
{
	enum status rc = ERR_NONE;
	int64_t now_ns;

	*out = (struct load_result){0};
	histogram_init(&out->send_lag);
	histogram_init(&out->loop_lag);
	l->result = out;
	l->t0_ns = t0_ns;
	l->wake_ns = NS_NEVER;
	l->running = true;
	do {
		rc = ring_turn(l->ring, CLOCK_NEVER, err);
		now_ns = ring_now(l->ring) - t0_ns;
	} while (!rc && !l->over);
	flight_finish_all(l, now_ns);
	collect(l);
	out->ended_ns = now_ns;
	l->running = false;
	l->result = NULL;
	return rc;
}

void load_result_free(struct load_result *r)
{
	histogram_free(&r->send_lag);
	histogram_free(&r->loop_lag);
}

void load_stop(struct load *l)
{
	l->stopping = true;
}

void load_live(const struct load *l, struct load_live *out)
{
	*out = l->result ? l->result->totals : (struct load_live){0};
	out->waiting = l->n_waiting;
}
