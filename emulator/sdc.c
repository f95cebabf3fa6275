/* Silent data corruption. A chip that computes wrongly now and then leaves no trace in the machine:
 * a token comes out as another one. Which ones is a pure function of (fault, request, index of the
 * token): neither the order of events nor the clock has a say, and one may work it out beside the
 * run. A fault draws once a token, however many of its chips an instance uses.
 *
 *        first                                     a slot's tokens, a frame apart
 *   -------|---------|---------|---------|-----> ticks
 *                             ^ a hit is looked at one tick before its token
 *
 * The next hit of every slot lies in the instance's heap `hits`, found by drawing ahead when the
 * request enters (or the fault begins). At that tick
 *
 *   without health.checksum   the request notes that its next token is wrong; it goes out as it is,
 *                             and the client, who can recompute it, finds the request corrupt
 *   with it                   the frame is flagged and replayed, which puts the token off by
 *                             exactly one frame: it comes right. As always the suspicion
 *                             counts, and the last one of the window evicts the node.
 *
 * What a fault touches is therefore said in ticks: a token is at risk if the tick before it lies
 * within the fault. Where no such fault is active there is nothing in the heap and nothing is paid.
 */
#include "emulator/rack_state.h"
#include "harness/base/mutant.h"
#include "harness/base/prng.h"

#include <stdio.h>

enum { BILLION = 1000000000 };

void sdc_free(struct rack *r)
{
	mem_free(r->sdc.units);
}

/* --- which token is wrong
 * ------------------------------------------------------------------------ */

/* The first unit of each fault that the instance uses, from *i on; NULL at the end. */
static const struct sdc_unit *next_unit(
        const struct rack *r, const struct instance *in, uint32_t *i)
{
	const struct sdc *s = &r->sdc;

	while (*i < s->n) {
		const struct sdc_unit *unit = &s->units[(*i)++];

		if (!uses_node(in, unit->node))
			continue;
		while (*i < s->n && s->units[*i].fault == unit->fault)
			++*i;
		return unit;
	}
	return NULL;
}

static bool is_wrong(const struct sdc_unit *unit, uint64_t id, int64_t index)
{
	return prng_ratio(prng_at(unit->key, id, (uint64_t)index), unit->ppb, BILLION);
}

/* Whose fault a wrong token is: the first in the scenario's order. */
static const struct sdc_unit *culprit(
        const struct rack *r, const struct instance *in, uint64_t id, int64_t index)
{
	const struct sdc_unit *unit;
	uint32_t i = 0;

	while ((unit = next_unit(r, in, &i)))
		if (is_wrong(unit, id, index))
			return unit;
	return NULL;
}

/* Draws ahead: the slot's next token at risk at tick `from` or later that will be wrong. */
static void look_ahead(struct rack *r, struct instance *in, uint32_t slot, int64_t from)
{
	const struct slot *s = &in->slots[slot];
	const struct live *l = live_at(r, s->live);
	int64_t f0 = (int64_t)in->f0, n = (s->end - s->first) / f0 + 1, begin = 0, hit = n;
	const struct sdc_unit *unit;
	uint32_t i = 0;

	if (from > s->first - 1)
		begin = (from - (s->first - 1) + f0 - 1) / f0;
	while ((unit = next_unit(r, in, &i)))
		for (int64_t k = begin; k < hit; k++)
			if (is_wrong(unit, l->req.id, l->delivered + k))
				hit = k;
	if (hit < n) {
		uint64_t handle = (uint64_t)s->generation << 32 | slot;
		bool ok = heap_push(&in->hits, s->first + hit * f0 - 1, l->req.id, handle);

		CHECK(ok);
	}
}

void sdc_entered(struct rack *r, struct instance *in, uint32_t slot)
{
	if (r->sdc.n)
		look_ahead(r, in, slot, 0);
}

void sdc_remapped(struct rack *r, int64_t now, struct instance *in)
{
	int64_t from = progress_next_tick(instance_clock(in), now);

	if (!r->sdc.n && !in->hits.n)
		return;
	heap_clear(&in->hits);
	for (uint32_t j = 0; j < in->n_slots; j++)
		if (in->slots[j].live != LIVE_NONE)
			look_ahead(r, in, j, from);
	instance_schedule(in);
}

/* --- a wrong token is about to come out
 * ---------------------------------------------------------- */

void sdc_step(struct rack *r, int64_t now, struct instance *in, int64_t tick)
{
	const struct sdc_unit *flagged = NULL;

	while (in->hits.n && in->hits.e[0].key <= tick) {
		struct heap_entry hit = heap_pop(&in->hits);
		const struct sdc_unit *unit;
		uint32_t slot;
		struct slot *s = instance_slot(in, hit.value, &slot);
		struct live *l;
		int64_t index;

		if (!s)
			continue;
		l = live_at(r, s->live);
		index = l->delivered + (hit.key + 1 - s->first) / (int64_t)in->f0;
		unit = culprit(r, in, l->req.id, index);
		look_ahead(r, in, slot, hit.key + 1);
		if (MUTANT(SDC_UNNOTICED))
			continue;
		if (r->d->health.checksum && !unit->unseen) {
			flagged = flagged ? flagged : unit;
			continue;
		}
		rack_phase(r, unit->fault, PHASE_EFFECT, now);
		l->corrupt++;
		l->corrupt_last = index;
	}
	if (flagged)
		health_frame_failed(r, now, in, flagged->fault, flagged->node, flagged->node);
}

/* --- the verb
 * ------------------------------------------------------------------------------------ */

static uint64_t key_of(const struct rack *r, uint32_t fault)
{
	char purpose[128], key[RACK_FAULT_KEY];

	(void)snprintf(purpose, sizeof(purpose), "sdc/%s", rack_fault_key(r, fault, key));
	return prng_purpose(r->config.seed, purpose);
}

static void begin(struct rack *r, uint32_t fault, uint32_t component, uint32_t ppb)
{
	struct sdc *s = &r->sdc;
	uint32_t at = s->n;

	s->units = mem_room(s->units, s->n, &s->capacity, sizeof(*s->units));
	for (s->n++; at > 0 && s->units[at - 1].fault > fault; at--)
		s->units[at] = s->units[at - 1];
	s->units[at] = (struct sdc_unit){.fault = fault,
	        .component = component,
	        .node = r->d->topology.components[component].node,
	        .ppb = ppb,
	        .key = key_of(r, fault)};
}

static void end(struct sdc *s, uint32_t fault, uint32_t component)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->units[i].fault != fault || s->units[i].component != component)
			s->units[kept++] = s->units[i];
	s->n = kept;
}

void sdc_set(struct rack *r, int64_t now, uint32_t fault, uint32_t component, uint32_t ppb)
{
	CHECK(ppb <= BILLION);
	if (ppb)
		begin(r, fault, component, ppb);
	else
		end(&r->sdc, fault, component);
	for (uint32_t i = 0; i < r->n_instances; i++)
		if (uses_node(&r->instances[i], r->d->topology.components[component].node))
			sdc_remapped(r, now, &r->instances[i]);
}

void sdc_all_wrong(struct rack *r, int64_t now, uint32_t fault, uint32_t component)
{
	sdc_set(r, now, fault, component, BILLION);
	for (uint32_t i = 0; i < r->sdc.n; i++)
		if (r->sdc.units[i].fault == fault && r->sdc.units[i].component == component)
			r->sdc.units[i].unseen = true;
}

void sdc_fold(const struct rack *r, struct lanes *lanes)
{
	lanes_add(lanes, r->sdc.n);
	for (uint32_t i = 0; i < r->sdc.n; i++)
		lanes_add(lanes, (uint64_t)r->sdc.units[i].component << 32 | r->sdc.units[i].ppb);
}
