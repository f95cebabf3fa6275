/* The driver's side of the express (emulator/express.h): when to board, blocks of arrivals in,
 * blocks of completions out, and the clients of those who get off.
 *
 * Boarding costs a look at everybody who is under way, so it is tried again after BOARD_AGAIN more
 * arrivals at first, and after twice as many each time that a ride ended in trouble soon. */
#include "harness/run/drive_state.h"

#include <string.h>

#include "harness/base/arena.h"
#include "harness/run/plan.h"

enum {
	BLOCK = 256,
	OUT_BLOCK = 512,
	BOARD_AGAIN = 64,
	BOARD_AGAIN_MAX = 1 << 16,
	SHORT_RIDE = 256
};

struct ride {
	struct arrival ahead[BLOCK]; /* drawn, not yet sent; from `at` on */
	uint32_t at, n;
	struct rider in[2 * BLOCK]; /* first those who boarded on their way in */
	uint32_t n_in, n_waiting;
	int64_t oversize_at; /* an arrival with more tokens than a rider can count */
	struct rider out[OUT_BLOCK];
	struct served served[OUT_BLOCK];
	uint32_t n_out;
	int64_t timeout_ns[TRAFFIC_TENANTS_MAX];
	uint64_t again; /* requests until it is tried again */
	struct run *run;
};

struct ride *ride_new(struct run *r)
{
	struct ride *ride = mem_alloc(1, sizeof(*ride));

	ride->run = r;
	ride->again = BOARD_AGAIN;
	for (uint32_t t = 0; t < r->s->traffic.n_tenants; t++)
		ride->timeout_ns[t] = r->s->traffic.tenants[t].timeout_ns;
	return ride;
}

void ride_free(struct ride *ride)
{
	mem_free(ride);
}

bool ride_next(struct ride *ride, struct arrival *out)
{
	if (!ride || ride->at == ride->n)
		return false;
	*out = ride->ahead[ride->at++];
	return true;
}

/* --- clients
 * --------------------------------------------------------------------------------------- */

static bool fit(void *ctx, uint32_t user, int64_t t_submit)
{
	struct ride *ride = ctx;
	const struct client *c = client_at(ride->run, user);

	return c->attempts == 1 && c->watch == POOL_NONE && c->t_sched == t_submit;
}

static uint64_t board(void *ctx, uint32_t user)
{
	struct ride *ride = ctx;
	uint64_t order = client_at(ride->run, user)->order;

	clients_retire(ride->run, user);
	return order;
}

static void waiting(void *ctx, const struct rider *rider)
{
	struct ride *ride = ctx;

	CHECK(ride->n_in < BLOCK);
	ride->in[ride->n_in++] = *rider;
	ride->n_waiting++;
}

static uint32_t alight(void *ctx, const struct rider *rider, uint64_t handle)
{
	struct ride *ride = ctx;
	struct arrival a = {.at_ns = rider->t_submit,
	        .request_id = rider->id,
	        .tenant = rider->tenant,
	        .prompt_tokens = rider->prompt_tokens,
	        .output_tokens = rider->output_tokens,
	        .max_tokens = rider->max_tokens};
	uint32_t index = clients_add(ride->run, &a, rider->order);
	struct client *c = client_at(ride->run, index);

	c->attempts = 1;
	c->handle = handle;
	return index;
}

/* --- arrivals in
 * ----------------------------------------------------------------------------------- */

static void nobody(void *ctx, uint32_t fault, int64_t at_ns)
{
	(void)ctx, (void)fault, (void)at_ns;
	UNREACHABLE("no fault bends lengths while somebody rides");
}

/* Those drawn become riders-to-be, behind those who wait. */
static void prepare(struct ride *ride)
{
	struct run *r = ride->run;

	ride->oversize_at = NS_NEVER;
	for (uint32_t i = ride->at + (ride->n_in - ride->n_waiting); i < ride->n; i++) {
		struct arrival a = ride->ahead[i];

		demand_shape(r->demand, &a, nobody, NULL);
		if (a.prompt_tokens > INT32_MAX || a.max_tokens > INT32_MAX) {
			ride->oversize_at = a.at_ns;
			return;
		}
		ride->in[ride->n_in++] = (struct rider){.id = a.request_id,
		        .order = r->out->scheduled + (i - ride->at) + 1,
		        .t_submit = a.at_ns,
		        .tenant = a.tenant,
		        .tier = r->s->traffic.tenants[a.tenant].tier_index,
		        .prompt_tokens = (uint32_t)a.prompt_tokens,
		        .output_tokens = (uint32_t)a.output_tokens,
		        .max_tokens = (uint32_t)a.max_tokens};
	}
}

/* The first n of those prepared have been sent: they are planned requests that were scheduled. */
static void sent(struct ride *ride, uint32_t n)
{
	struct run *r = ride->run;

	for (uint32_t i = 0; i < n; i++)
		plan_fold(&r->traffic_lanes, r->s, &ride->ahead[ride->at + i]);
	ride->at += n;
	r->out->scheduled += n;
}

/* More arrivals, where all have been handed in. */
static enum status refill(struct ride *ride, struct error *err)
{
	struct run *r = ride->run;
	enum status st;

	ride->at = ride->n_in = ride->n_waiting = 0;
	st = traffic_take(r->traffic, NS_NEVER, ride->ahead, BLOCK, &ride->n, err);
	prepare(ride);
	return st;
}

/* --- completions out
 * ------------------------------------------------------------------------------- */

static void to_served(const struct rider *a, int64_t delay, struct served *out)
{
	*out = (struct served){.id = a->id,
	        .order = a->order,
	        .t_sched = a->t_submit,
	        .t_dispatch = a->t_dispatch,
	        .t_entry = a->t_entry,
	        .t_first = a->t_first,
	        .t_last = a->t_last,
	        .ingress_ns = delay,
	        .frame_ns = a->frame_ns,
	        .prompt_tokens = a->prompt_tokens,
	        .output_tokens = a->output_tokens,
	        .tenant = a->tenant,
	        .tier = a->tier};
}

/* Those who have reached their clients by now. */
static void deliver(struct ride *ride)
{
	struct run *r = ride->run;
	int64_t delay = r->s->deployment.ethernet.ingress_delay_ns, now = express_now(r->rack);
	uint32_t n = 0;

	while (n < ride->n_out && ride->out[n].t_last + delay <= now) {
		express_delivered(r->rack, &ride->out[n]);
		to_served(&ride->out[n], delay, &ride->served[n]);
		n++;
	}
	clients_served(r, ride->served, n);
	memmove(ride->out, ride->out + n, (ride->n_out - n) * sizeof(*ride->out));
	ride->n_out -= n;
}

/* --- the ride
 * -------------------------------------------------------------------------------------- */

/* Only the rack, the plan and the clock may have anything to say. */
static bool may_ride(const struct run *r)
{
	return !r->o->events_only && !r->signals && !r->o->explain_id && r->more && !r->retries.n &&
	       !r->acts.n && !r->watches.live && demand_is_quiet(r->demand) &&
	       demand_next_at(r->demand) == NS_NEVER;
}

/* The arrival that the loop holds is the first again. */
static void take_over(struct ride *ride)
{
	struct run *r = ride->run;

	if (ride->at > 0) {
		ride->ahead[--ride->at] = r->next;
	} else {
		CHECK(ride->n < BLOCK);
		memmove(ride->ahead + 1, ride->ahead, ride->n * sizeof(*ride->ahead));
		ride->ahead[0] = r->next;
		ride->n++;
	}
	prepare(ride);
}

static enum status go_on(struct ride *ride, int64_t until, enum express_end *end, struct error *err)
{
	struct run *r = ride->run;
	bool more = true;

	do {
		struct express_block b = {.in = ride->in,
		        .n_in = ride->n_in,
		        .more = more,
		        .out = ride->out,
		        .room = OUT_BLOCK,
		        .n_out = ride->n_out,
		        .until = min_i64(until, ride->oversize_at)};
		uint32_t planned;

		*end = express_run(r->rack, &b);
		r->out->events += b.instants;
		ride->n_out = b.n_out;
		planned = b.used > ride->n_waiting ? b.used - ride->n_waiting : 0;
		ride->n_waiting -= b.used - planned;
		sent(ride, planned);
		ride->n_in -= b.used;
		if (ride->n_in)
			memmove(ride->in, ride->in + b.used, ride->n_in * sizeof(*ride->in));
		deliver(ride);
		if (*end == EXPRESS_MORE && ride->oversize_at != NS_NEVER)
			*end = EXPRESS_TROUBLE;
		if (*end == EXPRESS_MORE) {
			enum status st = refill(ride, err);

			if (st)
				return st;
			more = ride->n == BLOCK;
		}
	} while ((*end == EXPRESS_MORE || *end == EXPRESS_FULL) &&
	         !(r->o->interrupt && *r->o->interrupt));
	return ERR_NONE;
}

/* Whoever is under way gets off; whoever has not been sent is the loop's again. */
static enum status get_off(
        struct ride *ride, const struct express_stop_over *stop, struct error *err)
{
	struct run *r = ride->run;
	int64_t now = express_now(r->rack);
	uint32_t n = ride->n_waiting; /* they have been sent, be it at this very instant */

	while (n < ride->n_in && ride->in[n].t_submit < now)
		n++;
	if (now > r->now)
		r->now = now;
	express_leave(r->rack, stop, ride->in, n, ride->out, ride->n_out);
	sent(ride, n - ride->n_waiting);
	ride->n_in = ride->n_waiting = ride->n_out = 0;
	return clients_pull(r, err);
}

enum status ride_try(struct ride *ride, struct error *err)
{
	struct run *r = ride->run;
	const struct express_stop_over stop = {.ctx = ride,
	        .timeout_ns = ride->timeout_ns,
	        .n_tenants = r->s->traffic.n_tenants,
	        .fit = fit,
	        .board = board,
	        .waiting = waiting,
	        .alight = alight};
	uint64_t from = r->out->scheduled;
	enum express_end end;
	enum status st, off;
	int64_t until;

	r->ride_at = from + ride->again;
	if (!may_ride(r) || !express_ready(r->rack, &until) ||
	        !express_enter(r->rack, &stop, ride->out, OUT_BLOCK / 2, &ride->n_out))
		return ERR_NONE;
	clients_flush(r);
	take_over(ride);
	until = min_i64(until, min_i64(r->fault_at, r->stop_at));
	st = go_on(ride, until, &end, err);
	off = get_off(ride, &stop, err);
	if (r->out->scheduled - from >= SHORT_RIDE)
		ride->again = BOARD_AGAIN;
	else if (end == EXPRESS_TROUBLE && ride->again < BOARD_AGAIN_MAX)
		ride->again *= 2;
	r->ride_at = r->out->scheduled + ride->again;
	return st ? st : off;
}
