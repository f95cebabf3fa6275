/* Admission control (DESIGN §5 "Pool"): what is refused gets 429 with a retry-after and is counted;
 * nothing is dropped silently. Policies see what a client declares (P and max_tokens), never what
 * the model will say. Decisions are integer arithmetic in ns and frames. */
#include "emulator/rack_state.h"

/* GCRA (ITU-T I.371, virtual scheduling): a tenant may run `burst` requests ahead of its rate. */
static bool gate_admits(struct serving_pool *p, int64_t now, uint32_t tenant, int64_t *wait_ns)
{
	const struct admission_spec *a = &p->spec->admission;
	struct tenant_gate *g = &p->gates[tenant];
	int64_t step = (int64_t)(1e9 / a->tenant_rate + 0.5);
	int64_t slack = (a->tenant_burst > 0 ? a->tenant_burst - 1 : 0) * step;
	int64_t tat = g->tat > now ? g->tat : now;

	*wait_ns = tat - slack - now;
	return *wait_ns <= 0;
}

static void gate_take(struct serving_pool *p, int64_t now, uint32_t tenant)
{
	struct tenant_gate *g = &p->gates[tenant];

	g->tat = (g->tat > now ? g->tat : now) +
	         (int64_t)(1e9 / p->spec->admission.tenant_rate + 0.5);
}

/* ceil(D / S) frames of wait, plus the request's own prefill, against the limit. */
static bool budget_admits(const struct rack *r, const struct serving_pool *p, const struct live *l,
        uint32_t bucket, int64_t *over_ns)
{
	const struct bucket_spec *b = &p->spec->buckets[bucket];
	int64_t slots = 0, wait, prefill;

	for (uint32_t i = 0; i < p->n_instances; i++)
		if (instance_takes(&r->instances[p->first_instance + i]))
			slots += b->slots;
	*over_ns = NS_PER_S;
	if (!slots)
		return false;
	wait = ceil_div_i64(p->queues[bucket].declared, slots) * b->frame_ns;
	prefill = ceil_div_i64(l->req.prompt_tokens, b->ppf) * b->frame_ns;
	*over_ns = wait + prefill - p->spec->admission.limit_ns;
	return *over_ns <= 0;
}

static uint64_t in_pool(const struct serving_pool *p)
{
	uint64_t n = 0;

	for (uint32_t b = 0; b < p->spec->n_buckets; b++)
		n += p->queues[b].queued + p->queues[b].running;
	return n;
}

bool admission_admits(struct rack *r, struct serving_pool *p, int64_t now, const struct live *l,
        uint32_t bucket, enum rack_refusal *why, int64_t *retry_after_s)
{
	const struct admission_spec *a = &p->spec->admission;
	int64_t wait_ns = NS_PER_S;
	bool ok = true;

	*retry_after_s = 1;
	*why = REFUSED_SHED;
	if (p->spec->degraded_below && p->live_instances < p->spec->degraded_below &&
	        (p->shed_mask >> l->req.tier & 1))
		return false;
	*why = REFUSED_RATE;
	if (a->tenant_rate > 0 && !gate_admits(p, now, l->req.tenant, &wait_ns)) {
		*retry_after_s = ceil_div_i64(wait_ns, NS_PER_S);
		return false;
	}
	*why = REFUSED_ADMISSION;
	switch (a->policy) {
	case ADMISSION_NONE:
		break;
	case ADMISSION_TOKEN_BUDGET:
		ok = budget_admits(r, p, l, bucket, &wait_ns);
		break;
	case ADMISSION_REQUEST_COUNT:
		ok = in_pool(p) < (uint64_t)a->limit;
		break;
	case ADMISSION_QUEUE_CAP:
		ok = p->queues[bucket].queued < (uint64_t)a->limit;
		break;
	}
	if (!ok && wait_ns > 0)
		*retry_after_s = ceil_div_i64(wait_ns, NS_PER_S);
	if (ok && a->tenant_rate > 0)
		gate_take(p, now, l->req.tenant);
	return ok;
}
