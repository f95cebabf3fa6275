/* The merge of all tenants into one stream of arrivals.
 *
 *   tenant 0: arrival process, prompt law, output law ──► head ─┐
 *   tenant 1: trace reader                            ──► head ─┼─► heap by (at_ns, tenant) ─► id
 * 1, 2, 3 … …                                                           ┘
 *
 * Each tenant looks one arrival ahead and owns all of its randomness, so a tenant added or removed
 * changes ids but not one instant or length of the others. Ids are given on the way out. Memory is
 * one head and a block of draws a tenant, however long the run. */
#include "workloads/traffic.h"
#include "harness/base/heap.h"
#include "harness/base/units.h"

#include <stdio.h>
#include <string.h>

enum { AHEAD = ARRIVAL_BLOCK, FEW = 8 };

struct head {
	struct arrival a;
	bool clipped_prompt, clipped_output;
};

/* What the laws say comes next: lengths before their caps. */
struct ahead {
	uint32_t used, n;
	int64_t at_ns[AHEAD], prompt[AHEAD], output[AHEAD];
};

struct tenant {
	const struct tenant_spec *spec;
	struct arrival_state arrival;
	struct length_state prompt, output;
	struct ahead ahead;
	struct trace_reader *trace; /* NULL where laws make the traffic */
	struct head head;
	bool has_head;
};

struct traffic {
	uint32_t n;
	uint64_t last_id;
	struct heap order; /* of heads: key at_ns, sub and value tenant */
	struct traffic_counts counts;
	struct tenant tenants[];
};

static struct prng tenant_stream(uint64_t seed, const char *purpose, const char *name)
{
	char full[128];

	snprintf(full, sizeof(full), "%s/%s", purpose, name);
	return prng_stream(seed, full);
}

static enum status start_tenant(struct tenant *t, const struct tenant_spec *spec, uint64_t seed,
        int64_t duration_ns, const struct trace_opener *opener, struct error *err)
{
	t->spec = spec;
	if (spec->from_trace)
		return trace_open(&spec->trace, opener, tenant_stream(seed, "smear", spec->name),
		        duration_ns, &t->trace, err);
	arrival_start(&t->arrival, &spec->arrival, tenant_stream(seed, "arrival", spec->name),
	        duration_ns);
	length_start(&t->prompt, &spec->prompt, tenant_stream(seed, "prompt", spec->name));
	length_start(&t->output, &spec->output, tenant_stream(seed, "output", spec->name));
	return ERR_NONE;
}

/* The client stops reading at max_tokens. */
static void cap_answer(struct tenant *t)
{
	struct head *h = &t->head;

	if (t->spec->max_tokens && h->a.output_tokens > t->spec->max_tokens) {
		h->a.output_tokens = t->spec->max_tokens;
		h->clipped_output = true;
	}
}

static enum status pull_trace(struct tenant *t, struct error *err)
{
	struct head *h = &t->head;
	struct trace_row row;

	if (trace_next(t->trace, &row, &t->has_head, err) != ERR_NONE || !t->has_head)
		return err->code;
	h->a.at_ns = row.at_ns;
	h->a.prompt_tokens = row.prompt_tokens;
	h->a.output_tokens = row.output_tokens;
	h->clipped_prompt = h->clipped_output = false;
	cap_answer(t);
	return ERR_NONE;
}

/* The commonest process. The instants are a chain in which each waits for the one before, and the
 * lengths are what the processor does meanwhile: hence one loop. */
static void look_ahead_poisson(struct tenant *t)
{
	const struct length_spec *prompt = &t->spec->prompt, *output = &t->spec->output;
	struct arrival_state *arrival = &t->arrival;
	struct prng to_prompt = t->prompt.stream, to_output = t->output.stream;
	struct ahead *out = &t->ahead;
	uint32_t n = 0;

	arrival_refill(arrival);
	for (; n < AHEAD; n++) {
		uint64_t u;

		if (!arrival_advance(arrival, arrival->gap[n] * arrival->mean_ns) ||
		        arrival->at_ns >= arrival->duration_ns)
			break;
		out->at_ns[n] = arrival->at_ns;
		u = prng_next(&to_prompt);
		out->prompt[n] = length_draw(prompt, u);
		u = prng_next(&to_output);
		out->output[n] = length_draw(output, u);
	}
	if (n < AHEAD)
		arrival->at_ns = NS_NEVER;
	arrival->used = AHEAD;
	t->prompt.stream = to_prompt;
	t->output.stream = to_output;
	out->n = n;
}

static void look_ahead(struct tenant *t)
{
	struct ahead *out = &t->ahead;

	out->used = out->n = 0;
	if (t->arrival.at_ns == NS_NEVER)
		return;
	if (t->spec->arrival.process == ARRIVAL_POISSON) {
		look_ahead_poisson(t);
		return;
	}
	for (; out->n < AHEAD; out->n++) {
		out->at_ns[out->n] = arrival_next(&t->arrival);
		if (out->at_ns[out->n] == NS_NEVER)
			break;
		out->prompt[out->n] = length_next(&t->prompt);
		out->output[out->n] = length_next(&t->output);
	}
}

static void pull_laws(struct tenant *t)
{
	struct ahead *ahead = &t->ahead;
	struct head *h = &t->head;
	uint32_t i;

	if (LPC_UNLIKELY(ahead->used == ahead->n))
		look_ahead(t);
	i = ahead->used;
	t->has_head = i < ahead->n;
	if (!t->has_head)
		return;
	ahead->used++;
	h->a.at_ns = ahead->at_ns[i];
	h->a.prompt_tokens = length_cap(ahead->prompt[i], t->spec->prompt.max, &h->clipped_prompt);
	h->a.output_tokens = length_cap(ahead->output[i], t->spec->output.max, &h->clipped_output);
	cap_answer(t);
}

/* Looks ahead to the tenant's next arrival, if it has one. */
static enum status pull(struct tenant *t, struct error *err)
{
	if (t->trace)
		return pull_trace(t, err);
	pull_laws(t);
	return ERR_NONE;
}

enum status traffic_open(const struct traffic_spec *spec, uint64_t seed, int64_t duration_ns,
        const struct trace_opener *opener, struct traffic **out, struct error *err)
{
	struct traffic *t =
	        mem_alloc(1, sizeof(*t) + (size_t)spec->n_tenants * sizeof(t->tenants[0]));

	t->n = spec->n_tenants;
	heap_init(&t->order, TRAFFIC_TENANTS_MAX);
	for (uint32_t i = 0; i < t->n; i++) {
		struct tenant *tenant = &t->tenants[i];

		if (start_tenant(tenant, &spec->tenants[i], seed, duration_ns, opener, err) !=
		                ERR_NONE ||
		        pull(tenant, err) != ERR_NONE) {
			traffic_close(t);
			return err->code;
		}
		tenant->head.a.tenant = i;
		tenant->head.a.max_tokens = tenant->spec->max_tokens;
		if (tenant->has_head)
			CHECK(heap_push(&t->order, tenant->head.a.at_ns, i, i));
	}
	*out = t;
	return ERR_NONE;
}

void traffic_close(struct traffic *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->n; i++)
		trace_close(t->tenants[i].trace);
	heap_free(&t->order);
	mem_free(t);
}

static void hand_out(struct traffic *t, const struct tenant *tenant, struct arrival *out)
{
	*out = tenant->head.a;
	out->request_id = ++t->last_id;
	t->counts.emitted++;
	t->counts.emitted_by_tenant[out->tenant]++;
	t->counts.clipped_prompt += tenant->head.clipped_prompt;
	t->counts.clipped_output += tenant->head.clipped_output;
}

enum status traffic_next(struct traffic *t, struct arrival *out, bool *more, struct error *err)
{
	const struct heap_entry *top = heap_top(&t->order);
	struct tenant *tenant;

	*more = top != NULL;
	if (!top)
		return ERR_NONE;
	tenant = &t->tenants[top->value];
	hand_out(t, tenant, out);
	if (pull(tenant, err) != ERR_NONE)
		return err->code;
	if (tenant->has_head)
		heap_replace_top(&t->order, tenant->head.a.at_ns, out->tenant, out->tenant);
	else
		(void)heap_pop(&t->order);
	return ERR_NONE;
}

int64_t traffic_peek(const struct traffic *t)
{
	const struct heap_entry *top = heap_top(&t->order);

	return top ? top->key : NS_NEVER;
}

/* Hands out what is looked ahead to, as traffic_next would by way of the head. */
static uint32_t take_ahead(struct traffic *t, int64_t before_ns, struct arrival *out, uint32_t max)
{
	struct tenant *tenant = &t->tenants[0];
	const struct tenant_spec *spec = tenant->spec;
	const struct ahead *ahead = &tenant->ahead;
	int64_t cap = spec->output.max;
	uint64_t clipped_prompt = 0, clipped_output = 0;
	uint32_t n = 0;

	if (spec->max_tokens && spec->max_tokens < cap)
		cap = spec->max_tokens;
	for (uint32_t i = ahead->used; n < max && i < ahead->n && ahead->at_ns[i] < before_ns;
	        i++, n++) {
		int64_t prompt = ahead->prompt[i], output = ahead->output[i];
		bool long_prompt, long_output;

		prompt = length_cap(prompt, spec->prompt.max, &long_prompt);
		output = length_cap(output, cap, &long_output);
		clipped_prompt += long_prompt;
		clipped_output += long_output;
		out[n] = (struct arrival){.at_ns = ahead->at_ns[i],
		        .request_id = t->last_id + n + 1,
		        .prompt_tokens = prompt,
		        .output_tokens = output,
		        .max_tokens = spec->max_tokens};
	}
	tenant->ahead.used += n;
	t->last_id += n;
	t->counts.clipped_prompt += clipped_prompt;
	t->counts.clipped_output += clipped_output;
	return n;
}

/* One tenant whose laws make the traffic, and nobody to merge it with. */
static uint32_t take_alone(struct traffic *t, int64_t before_ns, struct arrival *out, uint32_t max)
{
	struct tenant *tenant = &t->tenants[0];
	uint32_t n = 0, more;

	if (!max || !tenant->has_head || tenant->head.a.at_ns >= before_ns)
		return 0;
	out[n] = tenant->head.a;
	out[n++].request_id = ++t->last_id;
	t->counts.clipped_prompt += tenant->head.clipped_prompt;
	t->counts.clipped_output += tenant->head.clipped_output;
	do {
		if (tenant->ahead.used == tenant->ahead.n)
			look_ahead(tenant);
		more = take_ahead(t, before_ns, out + n, max - n);
		n += more;
	} while (more);
	pull_laws(tenant);
	t->counts.emitted += n;
	t->counts.emitted_by_tenant[0] += n;
	if (tenant->has_head)
		heap_replace_top(&t->order, tenant->head.a.at_ns, 0, 0);
	else
		(void)heap_pop(&t->order);
	return n;
}

static bool are_few(const struct traffic *t)
{
	bool laws = t->n <= FEW;

	for (uint32_t i = 0; laws && i < t->n; i++)
		laws = !t->tenants[i].trace;
	return laws;
}

/* A tenant's next arrival, as pull_laws and hand_out would make it by way of the head. */
static void hand_out_ahead(struct traffic *t, struct tenant *tenant, struct arrival *out)
{
	const struct tenant_spec *spec = tenant->spec;
	const struct ahead *ahead = &tenant->ahead;
	uint32_t i = tenant->ahead.used++;
	int64_t prompt = ahead->prompt[i], output = ahead->output[i], cap = spec->output.max;
	bool long_prompt, long_output;

	if (spec->max_tokens && spec->max_tokens < cap)
		cap = spec->max_tokens;
	out->at_ns = ahead->at_ns[i];
	out->request_id = ++t->last_id;
	out->tenant = tenant->head.a.tenant;
	out->prompt_tokens = length_cap(prompt, spec->prompt.max, &long_prompt);
	out->output_tokens = length_cap(output, cap, &long_output);
	out->max_tokens = spec->max_tokens;
	t->counts.emitted_by_tenant[out->tenant]++;
	t->counts.clipped_prompt += long_prompt;
	t->counts.clipped_output += long_output;
}

static int64_t ahead_at(struct tenant *t)
{
	if (LPC_UNLIKELY(t->ahead.used == t->ahead.n))
		look_ahead(t);
	return t->ahead.used < t->ahead.n ? t->ahead.at_ns[t->ahead.used] : NS_NEVER;
}

/* A few tenants whose laws make the traffic: which is first is sooner seen than kept in order. The
 * heads go back to where they were looked ahead to, and are taken from there at the end.
 */
static uint32_t take_few(struct traffic *t, int64_t before_ns, struct arrival *out, uint32_t max)
{
	int64_t at[FEW];
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		t->tenants[i].ahead.used -= t->tenants[i].has_head;
		at[i] = ahead_at(&t->tenants[i]);
	}
	while (n < max) {
		uint32_t first = 0;

		for (uint32_t i = 1; i < t->n; i++)
			first = at[i] < at[first] ? i : first;
		if (at[first] >= before_ns)
			break;
		hand_out_ahead(t, &t->tenants[first], &out[n++]);
		at[first] = ahead_at(&t->tenants[first]);
	}
	t->counts.emitted += n;
	heap_clear(&t->order);
	for (uint32_t i = 0; i < t->n; i++) {
		pull_laws(&t->tenants[i]);
		if (t->tenants[i].has_head)
			CHECK(heap_push(&t->order, at[i], i, i));
	}
	return n;
}

enum status traffic_take(struct traffic *t, int64_t before_ns, struct arrival *out, uint32_t max,
        uint32_t *n, struct error *err)
{
	bool more = true;

	*n = 0;
	if (t->n == 1 && !t->tenants[0].trace) {
		*n = take_alone(t, before_ns, out, max);
		return ERR_NONE;
	}
	if (t->n && are_few(t)) {
		*n = take_few(t, before_ns, out, max);
		return ERR_NONE;
	}
	while (*n < max && traffic_peek(t) < before_ns) {
		if (traffic_next(t, &out[*n], &more, err) != ERR_NONE)
			return err->code;
		++*n;
	}
	return ERR_NONE;
}

struct traffic_counts traffic_counts(const struct traffic *t)
{
	struct traffic_counts counts = t->counts;

	for (uint32_t i = 0; i < t->n; i++) {
		const struct tenant *tenant = &t->tenants[i];
		struct trace_counts one;

		if (!tenant->trace)
			continue;
		one = trace_counts(tenant->trace);
		one.rows_read -= tenant->has_head; /* looked at, not yet handed out */
		one.emitted -= tenant->has_head;
		trace_counts_add(&counts.trace, &one);
	}
	return counts;
}
