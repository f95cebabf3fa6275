/* Every draw is a function of (seed, fault, request id): which faults there are beside, and in
 * which order the drivers ask, changes nothing. */
#include "harness/run/demand.h"

#include <stdio.h>
#include <string.h>

#include "faults/client.h"
#include "faults/load.h"
#include "faults/shape.h"
#include "harness/base/arena.h"
#include "workloads/reshape.h"
#include "workloads/surge.h"

struct shape {
	bool active;
	int64_t since;
	const struct shape_params *params;
	uint64_t key;
};

struct manner {
	const struct client_habit *params; /* NULL = inactive */
	uint64_t key;
};

/* Where the sequences of a traffic entry end up that make its neighbours wait: the slowest bucket
 * of the pools that take it, whatever their sizes, and what the next smaller bucket holds (0 =
 * there is none). */
struct slow_bucket {
	int64_t max_seq, below;
};

/* What one fault adds to one traffic entry. */
struct stream {
	uint32_t fault, tenant;
	int64_t at; /* NS_NEVER while it adds nothing */
	uint64_t occurrences;
	struct surge surge;
};

struct demand {
	const struct scenario *s;
	uint64_t seed;
	uint32_t n_streams, next;         /* next: the stream that is due first; n_streams = none */
	struct stream *streams;           /* by fault, then entry */
	bool looks;                       /* some of them at the rows of a trace */
	uint64_t *added;                  /* by fault: requests so far */
	uint32_t n_shapes;                /* active ones */
	struct shape *shapes;             /* by fault */
	uint32_t n_storms;                /* active ones */
	const struct load_storm **storms; /* by fault; NULL = inactive */
	uint32_t n_manners;               /* active ones */
	struct manner *manners;           /* by fault */
	struct slow_bucket slow[TRAFFIC_TENANTS_MAX];
};

/* --- set-up
 * ---------------------------------------------------------------------------------------- */

static bool listed(const char *name, const char *const *list, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return n == 0;
}

static bool takes(const struct pool_spec *pool, const struct tenant_spec *tenant)
{
	return listed(tenant->tier, pool->tiers, pool->n_tiers) &&
	       listed(tenant->name, pool->tenants, pool->n_tenants);
}

/* The same answer for one mixed pool and for pools of their own with the same buckets. */
static struct slow_bucket slow_bucket_of(
        const struct deployment *d, const struct tenant_spec *tenant)
{
	struct slow_bucket slow = {0};
	int64_t frame_ns = 0;

	for (uint32_t p = 0; p < d->n_pools; p++) {
		const struct pool_spec *pool = &d->pools[p];

		for (uint32_t b = 0; takes(pool, tenant) && b < pool->n_buckets; b++) {
			const struct bucket_spec *bucket = &pool->buckets[b];

			if (bucket->frame_ns < frame_ns ||
			        (bucket->frame_ns == frame_ns && bucket->max_seq <= slow.max_seq))
				continue;
			frame_ns = bucket->frame_ns;
			slow.max_seq = bucket->max_seq;
		}
	}
	for (uint32_t p = 0; p < d->n_pools; p++)
		for (uint32_t b = 0; takes(&d->pools[p], tenant) && b < d->pools[p].n_buckets;
		        b++) {
			int64_t max_seq = d->pools[p].buckets[b].max_seq;

			if (max_seq < slow.max_seq && max_seq > slow.below)
				slow.below = max_seq;
		}
	return slow;
}

static uint64_t purpose_key(uint64_t seed, const char *family, const char *id)
{
	char purpose[128];

	(void)snprintf(purpose, sizeof(purpose), "%s/%s", family, id);
	return prng_purpose(seed, purpose);
}

/* A place for each fault of the load's side and traffic entry: nothing moves once a surge has
 * begun. */
static void make_streams(struct demand *d)
{
	const struct fault_plan *plan = &d->s->faults;
	uint32_t n = 0;

	for (uint32_t i = 0; i < plan->n; i++)
		n += plan->faults[i].kind->side == FAULT_CLIENT ? plan->faults[i].n_targets : 0;
	d->streams = mem_alloc(n + 1, sizeof(*d->streams));
	d->added = mem_alloc(plan->n + 1, sizeof(*d->added));
	for (uint32_t i = 0; i < plan->n; i++) {
		const struct fault_spec *f = &plan->faults[i];

		for (uint32_t t = 0; f->kind->side == FAULT_CLIENT && t < f->n_targets; t++) {
			struct stream *x = &d->streams[d->n_streams++];

			x->fault = i;
			x->tenant = f->targets[t];
			x->at = NS_NEVER;
			d->looks |= d->s->traffic.tenants[x->tenant].from_trace;
			surge_init(&x->surge, &d->s->traffic.tenants[x->tenant], d->seed, f->id);
		}
	}
	d->next = d->n_streams;
}

struct demand *demand_new(const struct scenario *s, uint64_t seed)
{
	struct demand *d = mem_alloc(1, sizeof(*d));

	d->s = s;
	d->seed = seed;
	d->shapes = mem_alloc(s->faults.n + 1, sizeof(*d->shapes));
	d->manners = mem_alloc(s->faults.n + 1, sizeof(*d->manners));
	d->storms = mem_alloc(s->faults.n + 1, sizeof(*d->storms));
	for (uint32_t i = 0; i < s->faults.n; i++) {
		d->shapes[i].key = shape_key(seed, s->faults.faults[i].id);
		d->manners[i].key = purpose_key(seed, "client", s->faults.faults[i].id);
	}
	for (uint32_t t = 0; t < s->traffic.n_tenants; t++)
		d->slow[t] = slow_bucket_of(&s->deployment, &s->traffic.tenants[t]);
	make_streams(d);
	return d;
}

void demand_free(struct demand *d)
{
	if (!d)
		return;
	mem_free(d->shapes);
	mem_free(d->streams);
	mem_free(d->manners);
	mem_free(d->storms);
	mem_free(d->added);
	mem_free(d);
}

bool demand_is_quiet(const struct demand *d)
{
	return d->n_shapes == 0 && d->n_manners == 0 && d->n_storms == 0 && d->next == d->n_streams;
}

/* --- lengths
 * --------------------------------------------------------------------------------------- */

static void reshape(void *ctx, int64_t now, uint32_t fault, const void *params)
{
	struct demand *d = ctx;
	struct shape *s = &d->shapes[fault];

	if (s->active != (params != NULL))
		d->n_shapes += params ? 1 : -1u;
	s->active = params != NULL;
	s->params = params;
	s->since = now;
}

static bool targets(const struct demand *d, uint32_t fault, uint32_t tenant)
{
	const struct fault_spec *f = &d->s->faults.faults[fault];

	for (uint32_t i = 0; i < f->n_targets; i++)
		if (f->targets[i] == tenant)
			return true;
	return false;
}

/* One token more than the next smaller bucket holds: it stretches frames and does little else.
 * Where there is but one bucket, all that it holds; without a deployment, a number. */
static int64_t neighbour_tokens(
        const struct demand *d, const struct shape_params *p, uint32_t tenant)
{
	const struct slow_bucket *slow = &d->slow[tenant];

	if (p->tokens)
		return p->tokens;
	if (!slow->max_seq)
		return SHAPE_NEIGHBOUR_TOKENS;
	return slow->below ? slow->below + 1 : slow->max_seq;
}

static bool bend(const struct demand *d, const struct shape *s, struct arrival *a)
{
	const struct shape_params *p = s->params;
	const struct tenant_spec *tenant = &d->s->traffic.tenants[a->tenant];
	struct shape_variants shapes;

	switch (p->kind) {
	case SHAPE_OUTLIER:
		return reshape_outlier_apply(&(struct reshape_outlier){.key = s->key,
		                                     .share_ppb = shape_ppb(p->share),
		                                     .prompt = p->prompt_law,
		                                     .output = p->output_law},
		        a);
	case SHAPE_CREEP:
		return reshape_creep_apply(
		        &(struct reshape_creep){.output = p->of == SHAPE_OUTPUT,
		                .tokens_per_min_nano = (uint64_t)(p->rate * 1e9 + 0.5),
		                .ceiling = p->ceiling},
		        a->at_ns - s->since, a);
	case SHAPE_SPRAWL:
		shapes = shape_variants(p);
		return reshape_variant_apply(
		        &(struct reshape_variant){.key = s->key,
		                .variant = shape_variant(s->key, a->request_id, &shapes),
		                .prompt = tenant->from_trace ? NULL : &tenant->prompt},
		        a);
	case SHAPE_NEIGHBOUR:
		return reshape_long_apply(&(struct reshape_long){.key = s->key,
		                                  .share_ppb = shape_ppb(p->share),
		                                  .tokens = neighbour_tokens(d, p, a->tenant)},
		        a);
	}
	UNREACHABLE("shape");
}

/* --- further arrivals
 * ------------------------------------------------------------------------------ */

static void find_next(struct demand *d)
{
	d->next = d->n_streams;
	for (uint32_t i = 0; i < d->n_streams; i++)
		if (d->streams[i].at != NS_NEVER &&
		        (d->next == d->n_streams || d->streams[i].at < d->streams[d->next].at))
			d->next = i;
}

static void surge(void *ctx, int64_t now, uint32_t fault, const struct load_surge *p)
{
	struct demand *d = ctx;
	int64_t duration_ns = d->s->duration_ns;

	for (uint32_t i = 0; i < d->n_streams; i++) {
		struct stream *x = &d->streams[i];

		if (x->fault != fault)
			continue;
		x->at = NS_NEVER;
		if (!p || now >= duration_ns)
			continue;
		surge_begin(&x->surge, now, p->factor, p->ramp_ns, duration_ns, d->seed,
		        d->s->faults.faults[fault].id, x->occurrences++);
		x->at = surge_next(&x->surge);
	}
	find_next(d);
}

int64_t demand_next_at(const struct demand *d)
{
	return d->next < d->n_streams ? d->streams[d->next].at : NS_NEVER;
}

void demand_take(struct demand *d, struct arrival *out)
{
	struct stream *x = &d->streams[d->next];

	CHECK(d->next < d->n_streams && d->added[x->fault] < (UINT64_C(1) << TRAFFIC_ID_BITS) - 1);
	surge_fill(&x->surge, x->at, x->tenant, out);
	out->request_id = traffic_extra_id(x->fault, ++d->added[x->fault]);
	x->at = surge_next(&x->surge);
	find_next(d);
}

static bool is_extra(const struct arrival *a)
{
	return a->request_id >> TRAFFIC_ID_BITS != 0;
}

/* --- a request
 * ----------------------------------------------------------------------------------- */

void demand_see(struct demand *d, const struct arrival *a)
{
	for (uint32_t i = 0; d->looks && i < d->n_streams; i++)
		if (d->streams[i].tenant == a->tenant && !is_extra(a))
			surge_see(&d->streams[i].surge, a);
}

bool demand_looks(const struct demand *d)
{
	return d->looks;
}

bool demand_bends(const struct demand *d, const struct arrival *a)
{
	return d->n_shapes || a->max_tokens <= 0 || a->output_tokens > a->max_tokens;
}

void demand_bend(const struct demand *d, struct arrival *a,
        void (*hit)(void *ctx, uint32_t fault, int64_t at_ns), void *ctx)
{
	for (uint32_t i = 0; d->n_shapes && i < d->s->faults.n; i++) {
		const struct shape *s = &d->shapes[i];

		if (s->active && targets(d, i, a->tenant) && bend(d, s, a))
			hit(ctx, i, a->at_ns);
	}
	a->max_tokens = scenario_max_tokens(d->s, a);
	if (a->output_tokens > a->max_tokens)
		a->output_tokens = a->max_tokens;
}

void demand_shape(struct demand *d, struct arrival *a,
        void (*hit)(void *ctx, uint32_t fault, int64_t at_ns), void *ctx)
{
	demand_see(d, a);
	if (is_extra(a))
		hit(ctx, (uint32_t)(a->request_id >> TRAFFIC_ID_BITS) - 1, a->at_ns);
	demand_bend(d, a, hit, ctx);
}

bool demand_shapes_only(const struct demand *d, bool (*known)(void *ctx, uint32_t fault), void *ctx)
{
	if (d->n_manners || d->n_storms || d->next != d->n_streams)
		return false;
	for (uint32_t i = 0; d->n_shapes && i < d->s->faults.n; i++)
		if (d->shapes[i].active && !known(ctx, i))
			return false;
	return true;
}

/* --- clients
 * ----------------------------------------------------------------------------------- */

static void habit(void *ctx, int64_t now, uint32_t fault, const struct client_habit *p)
{
	struct demand *d = ctx;
	struct manner *m = &d->manners[fault];

	(void)now;
	if ((m->params != NULL) != (p != NULL))
		d->n_manners += p ? 1 : -1u;
	m->params = p;
}

/* What a foreign server will say is not known: its answers may always go on. */
static int64_t if_more_come(const struct demand *d, int64_t tokens, const struct arrival *a)
{
	return d->s->target.url || tokens < a->output_tokens ? tokens : 0;
}

static bool has_habit(const struct habit *h)
{
	return h->leave_tokens || h->leave_ns || h->pause_tokens;
}

bool demand_habit(const struct demand *d, const struct arrival *a, struct habit *out)
{
	for (uint32_t i = 0; d->n_manners && i < d->s->faults.n; i++) {
		const struct client_habit *p = d->manners[i].params;

		if (!p || !targets(d, i, a->tenant) ||
		        !prng_ratio(prng_at(d->manners[i].key, a->request_id, 0),
		                shape_ppb(p->share), 1000000000))
			continue;
		*out = (struct habit){.fault = i,
		        .leave_tokens = if_more_come(d, p->leave_tokens, a),
		        .leave_ns = p->leave_ns,
		        .pause_tokens = if_more_come(d, p->pause_tokens, a),
		        .pause_ns = p->pause_ns,
		        .buffered = p->buffered};
		return has_habit(out);
	}
	return false;
}

static void storm(void *ctx, int64_t now, uint32_t fault, const struct load_storm *p)
{
	struct demand *d = ctx;

	(void)now;
	if ((d->storms[fault] != NULL) != (p != NULL))
		d->n_storms += p ? 1 : -1u;
	d->storms[fault] = p;
}

const struct load_storm *demand_storm(const struct demand *d, uint32_t tenant, uint32_t *fault)
{
	for (uint32_t i = 0; d->n_storms && i < d->s->faults.n; i++) {
		if (!d->storms[i] || !targets(d, i, tenant))
			continue;
		*fault = i;
		return d->storms[i];
	}
	return NULL;
}

struct fault_sink demand_sink(struct demand *d)
{
	return (struct fault_sink){
	        .ctx = d, .reshape = reshape, .surge = surge, .storm = storm, .habit = habit};
}
