/* Lengths first: the longest request that each bucket can get. Between two edges a longer prompt
 * takes longer, so of a law the edges are enough: its ends, and the largest prompt that every
 * bucket holds beside what is declared; the list of all its lengths comes on top where max_tokens
 * follows from the prompt. A request that one pool refuses may come to a later one, so every pool
 * on its way counts it. */
#include "harness/run/wait_bound.h"

#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/units.h"
#include "harness/run/plan.h"
#include "workloads/length_table.h"

struct lengths {
	struct wait_bound at[DEPLOYMENT_POOLS_MAX][POOL_BUCKETS_MAX];
	uint64_t tenants[DEPLOYMENT_POOLS_MAX]; /* that come to the pool, a bit each */
};

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* --- lengths ------------------------------------------------------------------------- */

/* What the model says at most. */
static int64_t longest_output(const struct tenant_spec *t)
{
	int64_t longest = 0;

	if (t->output.dist == LENGTH_CONSTANT)
		return t->output.value;
	if (t->output.dist != LENGTH_EMPIRICAL)
		return t->output.max;
	for (uint32_t i = 0; i < t->output.n; i++)
		longest = larger(longest, t->output.values[i]);
	return min_i64(longest, t->output.max);
}

/* One request, in every bucket that it may come to. `a` says what it will say; what it declares is
 * not shorter. */
static void add_request(const struct scenario *s, struct lengths *l, const struct arrival *a)
{
	struct arrival declared = *a;
	struct plan_place at, as_declared;
	bool more = true;

	declared.output_tokens = LENGTH_TOKENS_MAX;
	for (uint32_t first = 0; more && plan_place_from(s, a, first, &at); first = at.pool + 1) {
		struct wait_bound *b = &l->at[at.pool][at.bucket];

		if (!plan_place_from(s, &declared, first, &as_declared))
			return;
		b->prefill = larger(b->prefill, at.prefill);
		b->served = larger(b->served, at.prefill + at.decode);
		b->declared = larger(b->declared, as_declared.prefill + as_declared.decode);
		b->tiers |= UINT64_C(1) << s->traffic.tenants[a->tenant].tier_index;
		l->tenants[at.pool] |= UINT64_C(1) << a->tenant;
		more = s->deployment.pools[at.pool].overflow_next;
	}
}

static void add_law(const struct scenario *s, uint32_t tenant, struct lengths *l)
{
	const struct tenant_spec *t = &s->traffic.tenants[tenant];
	struct arrival a = {
	        .tenant = tenant, .output_tokens = longest_output(t), .max_tokens = t->max_tokens};
	struct length_table prompts;
	int64_t low, high;

	length_table_init(&prompts, &t->prompt);
	low = prompts.exact ? prompts.tokens[0] : 1;
	high = t->prompt.dist == LENGTH_CONSTANT ? t->prompt.value : t->prompt.max;
	if (prompts.exact)
		high = prompts.tokens[prompts.n - 1];
	for (uint32_t i = 0; i < prompts.n; i++) {
		a.prompt_tokens = prompts.tokens[i];
		add_request(s, l, &a);
	}
	a.prompt_tokens = low;
	add_request(s, l, &a);
	a.prompt_tokens = high;
	add_request(s, l, &a);
	for (uint32_t p = 0; p < s->deployment.n_pools; p++)
		for (uint32_t b = 0; b < s->deployment.pools[p].n_buckets; b++) {
			a.prompt_tokens = s->deployment.pools[p].buckets[b].max_seq - t->max_tokens;
			if (!prompts.exact && a.prompt_tokens >= low && a.prompt_tokens <= high)
				add_request(s, l, &a);
		}
	length_table_free(&prompts);
}

/* Entries that are recorded: their own rows. */
static enum status add_traces(const struct scenario *s, struct lengths *l, struct error *err)
{
	struct traffic *traffic;
	struct arrival a;
	bool more;

	if (traffic_open(&s->traffic, s->seed, s->duration_ns, &s->traces, &traffic, err))
		return err->code;
	while (traffic_next(traffic, &a, &more, err) == ERR_NONE && more)
		if (s->traffic.tenants[a.tenant].from_trace)
			add_request(s, l, &a);
	traffic_close(traffic);
	return err->code;
}

/* --- bounds -------------------------------------------------------------------------- */

/* The tiers of the first priority that the bucket sees. */
static uint64_t first_in_line(const struct scenario *s, const struct pool_spec *p, uint64_t tiers)
{
	for (uint32_t k = 0; k < p->n_priority; k++)
		for (uint32_t t = 0; t < s->traffic.n_tiers; t++)
			if ((tiers >> t & 1) && strcmp(p->priority[k], s->traffic.tiers[t]) == 0)
				return UINT64_C(1) << t;
	return tiers;
}

/* For services of at most c frames. */
static int64_t frames_of(
        const struct wait_bound *b, const struct admission_spec *a, enum wait_rule rule, int64_t c)
{
	int64_t rounds = ceil_div_i64(a->limit, b->servers);

	switch (rule) {
	case WAIT_QUEUE_CAP:
		return rounds * c + 1;
	case WAIT_REQUEST_COUNT:
		return larger(rounds - 1, 0) * c + 1;
	case WAIT_RATE:
		return ceil_div_i64(
		               (b->servers + b->tenants * a->tenant_burst - 1) * c, b->servers) +
		       1;
	case WAIT_NONE:
	case WAIT_TOKEN_BUDGET:
		break;
	}
	CHECK(false);
}

static int64_t wait_of(
        const struct wait_bound *b, const struct pool_spec *p, enum wait_rule rule, int64_t c)
{
	int64_t own = p->buckets[b->bucket].frame_ns;

	if (rule == WAIT_TOKEN_BUDGET)
		return ceil_div_i64(p->admission.limit_ns, own) * b->frame_ns + b->window_ns;
	return frames_of(b, &p->admission, rule, c) * b->frame_ns + b->window_ns;
}

/* The rates of all tenants together ask for no more than the slots give. */
static bool rates_bind(const struct wait_bound *b, const struct admission_spec *a)
{
	double work = (double)b->declared * (double)b->frame_ns / 1e9;

	return a->tenant_rate > 0 && b->tenants * a->tenant_rate * work <= b->servers;
}

static void bind(const struct pool_spec *p, struct wait_bound *b)
{
	static const enum wait_rule rules[] = {[ADMISSION_NONE] = WAIT_NONE,
	        [ADMISSION_TOKEN_BUDGET] = WAIT_TOKEN_BUDGET,
	        [ADMISSION_REQUEST_COUNT] = WAIT_REQUEST_COUNT,
	        [ADMISSION_QUEUE_CAP] = WAIT_QUEUE_CAP};

	b->rule = rules[p->admission.policy];
	b->wait_ns = b->served_wait_ns = b->ttft_ns = -1;
	if (rates_bind(b, &p->admission) &&
	        (b->rule == WAIT_NONE || wait_of(b, p, WAIT_RATE, b->declared) <
	                                         wait_of(b, p, b->rule, b->declared)))
		b->rule = WAIT_RATE;
	if (b->rule == WAIT_NONE) {
		b->why = p->admission.tenant_rate > 0
		                 ? "the tenants' rates together ask for more than the slots give"
		                 : "nobody is refused, so the queue has no longest length";
		b->covered = 0;
		return;
	}
	b->wait_ns = wait_of(b, p, b->rule, b->declared);
	b->served_wait_ns = wait_of(b, p, b->rule, b->served);
	b->ttft_ns = b->network_ns + b->wait_ns +
	             (b->rule == WAIT_TOKEN_BUDGET ? b->frame_ns : b->prefill_ns);
}

static void complete(const struct scenario *s, const struct lengths *l, uint32_t pool,
        uint32_t bucket, struct wait_bound *b)
{
	const struct pool_spec *p = &s->deployment.pools[pool];

	b->pool = pool;
	b->bucket = bucket;
	b->servers = p->buckets[bucket].slots * p->n_instances;
	for (uint32_t i = 0; i < p->n_buckets; i++)
		b->frame_ns = larger(b->frame_ns, p->buckets[i].frame_ns);
	b->window_ns = p->batch_window_ns;
	b->covered = first_in_line(s, p, b->tiers);
	b->tenants = (uint32_t)__builtin_popcountll(l->tenants[pool]);
	b->prefill_ns = b->prefill * b->frame_ns;
	b->network_ns = 2 * s->deployment.ethernet.ingress_delay_ns;
	bind(p, b);
}

enum status wait_bounds(const struct scenario *s, struct wait_bound out[static WAIT_BOUNDS_MAX],
        uint32_t *n, struct error *err)
{
	struct lengths *l = mem_alloc(1, sizeof(*l));
	bool traces = false;

	*n = 0;
	for (uint32_t t = 0; t < s->traffic.n_tenants; t++) {
		traces |= s->traffic.tenants[t].from_trace;
		if (!s->traffic.tenants[t].from_trace)
			add_law(s, t, l);
	}
	if (!traces || add_traces(s, l, err) == ERR_NONE)
		for (uint32_t p = 0; p < s->deployment.n_pools; p++)
			for (uint32_t b = 0; b < s->deployment.pools[p].n_buckets; b++) {
				if (!l->at[p][b].tiers)
					continue;
				out[*n] = l->at[p][b];
				complete(s, l, p, b, &out[(*n)++]);
			}
	mem_free(l);
	return traces ? err->code : ERR_NONE;
}

const char *wait_formula(enum wait_rule rule)
{
	static const char *const formulas[] = {[WAIT_NONE] = NULL,
	        [WAIT_QUEUE_CAP] = "(ceil(L / S) C + 1) F + W",
	        [WAIT_REQUEST_COUNT] = "(max(ceil(L / S) - 1, 0) C + 1) F + W",
	        [WAIT_TOKEN_BUDGET] = "ceil(T / f) F + W",
	        [WAIT_RATE] = "(ceil((S + N B - 1) C / S) + 1) F + W"};

	return formulas[rule];
}
