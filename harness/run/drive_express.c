/* The driver's side of the express (emulator/express.h): when to board, blocks of arrivals in,
 * blocks of completions out, and the clients of those who get off.
 *
 * Boarding costs a look at everybody who is under way, so it is tried again only after half as many
 * arrivals, and after twice as many each time that a ride ended in trouble soon. */
#include "harness/run/drive_state.h"

#include <string.h>

#include "harness/base/arena.h"
#include "harness/run/plan.h"

enum {
	BLOCK = 256,
	CHUNK = 128,
	OUT_BLOCK = 512,
	BOARD_AGAIN = 8,
	BOARD_AGAIN_MAX = 1 << 16,
	SHORT_RIDE = 256
};

struct ride {
	struct arrival ahead[BLOCK]; /* drawn; sent up to `at`, riders-to-be up to `ready` */
	uint32_t at, ready, n;
	bool drawn_out; /* nothing is drawn after them */
	struct rider
	        in[2 * BLOCK]; /* from in_at on: those who boarded on their way in, then others */
	uint32_t in_at, n_in, n_waiting;
	int64_t oversize_at; /* an arrival with more tokens than a rider can count */
	struct rider out[OUT_BLOCK];
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
	struct arrival a = {.at_ns = rider->t_sched,
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

/* A first effect is an event of its own: whoever waits for it must see it in its turn. */
static bool had_effect(void *ctx, uint32_t fault)
{
	const struct run *r = ctx;

	return r->out->ledger.e[fault].at[PHASE_EFFECT] >= 0 &&
	       !(r->s->faults.faults[fault].awaited >> PHASE_EFFECT & 1);
}

static void hit_again(void *ctx, uint32_t fault, int64_t at_ns)
{
	(void)at_ns;
	CHECK(had_effect(ctx, fault));
}

/* Some of those drawn become riders-to-be, behind those who wait. */
static void prepare(struct ride *ride)
{
	struct run *r = ride->run;

	if (ride->in_at == ride->n_in)
		ride->in_at = ride->n_in = 0;
	ride->oversize_at = NS_NEVER;
	for (uint32_t i = 0; i < CHUNK && ride->ready < ride->n; i++) {
		const struct arrival *a = &ride->ahead[ride->ready];
		struct arrival bent;
		struct rider *to;

		if (LPC_UNLIKELY(demand_bends(r->demand, a))) {
			bent = *a;
			demand_bend(r->demand, &bent, hit_again, r);
			a = &bent;
		}
		if (a->prompt_tokens > INT32_MAX || a->max_tokens > INT32_MAX) {
			ride->oversize_at = a->at_ns;
			return;
		}
		to = &ride->in[ride->n_in++]; /* the rest of it is nobody's business yet */
		to->id = a->request_id;
		to->order = r->out->scheduled + (ride->ready - ride->at) + 1;
		to->t_sched = a->at_ns;
		to->tenant = a->tenant;
		to->tier = r->s->traffic.tenants[a->tenant].tier_index;
		to->prompt_tokens = (uint32_t)a->prompt_tokens;
		to->output_tokens = (uint32_t)a->output_tokens;
		to->max_tokens = (uint32_t)a->max_tokens;
		ride->ready++;
	}
}

/* The first n of those prepared have been sent: they are planned requests that were scheduled. */
static void sent(struct ride *ride, uint32_t n)
{
	struct run *r = ride->run;

	plan_fold_all(&r->traffic_lanes, r->s, &ride->ahead[ride->at], n);
	for (uint32_t i = 0; demand_looks(r->demand) && i < n; i++)
		demand_see(r->demand, &ride->ahead[ride->at + i]);
	ride->at += n;
	r->out->scheduled += n;
}

/* More of them, where all have been handed in. */
static enum status refill(struct ride *ride, struct error *err)
{
	if (ride->ready == ride->n) {
		ride->at = ride->ready = 0;
		if (traffic_take(ride->run->traffic, NS_NEVER, ride->ahead, BLOCK, &ride->n, err))
			return err->code;
		ride->drawn_out = ride->n < BLOCK;
	}
	prepare(ride);
	return ERR_NONE;
}

/* --- completions out
 * ------------------------------------------------------------------------------- */

/* Those who have reached their clients by now. */
static void deliver(struct ride *ride)
{
	struct run *r = ride->run;
	uint32_t n = express_delivered(r->rack, ride->out, ride->n_out);

	clients_served(r, ride->out, n);
	memmove(ride->out, ride->out + n, (ride->n_out - n) * sizeof(*ride->out));
	ride->n_out -= n;
}

/* --- the ride
 * -------------------------------------------------------------------------------------- */

/* Only the rack, the plan and the clock may have anything to say. */
static bool may_ride(struct run *r)
{
	return !r->o->events_only && !r->signals && !r->o->explain_id && r->more && !r->retries.n &&
	       !r->acts.n && !r->watches.live && demand_shapes_only(r->demand, had_effect, r) &&
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
	ride->ready = ride->at;
	prepare(ride);
}

static enum status go_on(struct ride *ride, int64_t until, enum express_end *end, struct error *err)
{
	struct run *r = ride->run;

	do {
		struct express_block b = {.in = ride->in + ride->in_at,
		        .n_in = ride->n_in - ride->in_at,
		        .more = ride->ready < ride->n || !ride->drawn_out,
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
		ride->in_at += b.used;
		deliver(ride);
		if (*end == EXPRESS_MORE && ride->oversize_at != NS_NEVER)
			*end = EXPRESS_TROUBLE;
		if (*end == EXPRESS_MORE) {
			enum status st = refill(ride, err);

			if (st)
				return st;
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

	while (ride->in_at + n < ride->n_in && ride->in[ride->in_at + n].t_sched < now)
		n++;
	if (now > r->now)
		r->now = now;
	express_leave(r->rack, stop, ride->in + ride->in_at, n, ride->out, ride->n_out);
	sent(ride, n - ride->n_waiting);
	ride->in_at = ride->n_in = ride->n_waiting = ride->n_out = 0;
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

	r->ride_at = from + ride->again + r->in_flight / 2;
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
	r->ride_at = r->out->scheduled + ride->again + r->in_flight / 2;
	return st ? st : off;
}
