/* Shapes that no artifact was compiled for (fault shape.sprawl). Which requests are of which shape
 * is a function of their ids, the same here and where they are made (faults/variant.h), so that a
 * request need not carry it.
 *
 *   first request of a shape ─► compile farm: waits, runs ─► loaded: served like any other
 *
 * A compiled shape is served in the bucket that holds it by its length: what it lacked was an
 * artifact, not room. Everything here goes with the fault. */
#include <string.h>

#include "emulator/rack_state.h"
#include "faults/variant.h"

/* In a job's tag, beside the fault above and the shape below; release.c has pools there. */
#define VARIANT_TAG (UINT32_C(1) << 30)

enum variant_state { VARIANT_UNKNOWN, VARIANT_COMPILING, VARIANT_LOADED };

/* One active fault. */
struct variant_set {
	uint32_t fault;
	uint64_t key, tenants; /* tenants: by index */
	struct shape_variants shapes;
	uint32_t loaded;
	uint8_t state[SHAPE_VARIANTS_MAX + 1]; /* by variant, from 1 on */
};

void variants_free(struct rack *r)
{
	mem_free(r->variants.sets);
}

static uint64_t tag_of(uint32_t fault, uint32_t variant)
{
	return (uint64_t)fault << 32 | VARIANT_TAG | variant;
}

static struct variant_set *set_of(struct rack *r, uint32_t fault)
{
	for (uint32_t i = 0; i < r->variants.n; i++)
		if (r->variants.sets[i].fault == fault)
			return &r->variants.sets[i];
	return NULL;
}

/* --- the fault comes and goes
 * ---------------------------------------------------------------------- */

static void begin(struct rack *r, uint32_t fault, const uint32_t *tenants, uint32_t n,
        const struct shape_variants *p)
{
	struct variants *v = &r->variants;
	struct variant_set *s;

	CHECK(r->config.fault_ids);
	v->sets = mem_room(v->sets, v->n, &v->capacity, sizeof(*v->sets));
	s = &v->sets[v->n++];
	memset(s, 0, sizeof(*s));
	s->fault = fault;
	s->key = shape_key(r->config.seed, r->config.fault_ids[fault]);
	s->shapes = *p;
	if (!p->compile_ns)
		s->shapes.compile_ns = r->d->compile_farm.compile_ns;
	for (uint32_t i = 0; i < n; i++)
		s->tenants |= UINT64_C(1) << tenants[i];
}

static void end(struct rack *r, int64_t now, struct variant_set *s)
{
	struct variants *v = &r->variants;

	for (uint32_t i = 1; i <= s->shapes.n; i++)
		if (s->state[i] == VARIANT_COMPILING)
			farm_cancel(&r->release.farm, now, tag_of(s->fault, i));
	*s = v->sets[--v->n];
}

void variants_set(struct rack *r, int64_t now, uint32_t fault, const uint32_t *tenants, uint32_t n,
        const struct shape_variants *p)
{
	struct variant_set *s = set_of(r, fault);

	if (p)
		begin(r, fault, tenants, n, p);
	else if (s)
		end(r, now, s);
}

bool variants_owns(uint64_t tag)
{
	return ((uint32_t)tag >> 30) == VARIANT_TAG >> 30; /* no pool at all has all bits set */
}

void variants_compiled(struct rack *r, uint64_t tag)
{
	struct variant_set *s = set_of(r, (uint32_t)(tag >> 32));

	CHECK(s);
	s->state[(uint32_t)tag & ~VARIANT_TAG] = VARIANT_LOADED;
	s->loaded++;
}

/* --- requests
 * -------------------------------------------------------------------------------------- */

/* Seconds until the job is done; one that waits does not know, and asks again after a compile. */
static int64_t retry_after_s(const struct farm *f, uint64_t tag, int64_t now)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->jobs[i].tag == tag && i < f->n_running && f->jobs[i].done_at > now)
			return ceil_div_i64(f->jobs[i].done_at - now, NS_PER_S);
		else if (f->jobs[i].tag == tag)
			return ceil_div_i64(f->jobs[i].takes_ns, NS_PER_S);
	return 1;
}

/* The shape that the request has by this fault; 0 = none that it lacks an artifact for. */
static uint32_t missing(const struct variant_set *s, const struct rack_request *q)
{
	uint32_t v;

	if (!(s->tenants >> q->tenant & 1))
		return 0;
	v = shape_variant(s->key, q->id, &s->shapes);
	return v && s->state[v] != VARIANT_LOADED ? v : 0;
}

static void compile(struct rack *r, int64_t now, struct variant_set *s, uint32_t v)
{
	struct farm *f = &r->release.farm;

	s->state[v] = VARIANT_COMPILING;
	farm_add(f, now, tag_of(s->fault, v), s->shapes.compile_ns);
	r->parts_awake = true;
	if (farm_next_at(f) < r->next_at)
		r->next_at = farm_next_at(f);
}

bool variants_turn_away(struct rack *r, int64_t now, const struct serving_pool *p,
        const struct rack_request *q, int64_t *retry_s)
{
	struct variants *all = &r->variants;

	if (p->spec->oversize == OVERSIZE_TRUNCATE)
		return false;
	for (uint32_t i = 0; i < all->n; i++) {
		struct variant_set *s = &all->sets[i];
		uint32_t v = missing(s, q);

		if (!v)
			continue;
		if (s->state[v] == VARIANT_UNKNOWN)
			compile(r, now, s, v);
		rack_phase(r, s->fault, PHASE_EFFECT, now);
		*retry_s = retry_after_s(&r->release.farm, tag_of(s->fault, v), now);
		return true;
	}
	return false;
}

uint32_t variants_loaded(const struct rack *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->variants.n; i++)
		n += r->variants.sets[i].loaded;
	return n;
}
