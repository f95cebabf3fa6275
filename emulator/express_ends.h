/* When riders end: calendars of instances with phased entry, and a heap for all other ends.
 *
 * The end of slot j can only be at the j-th departure of a frame, so a bit per slot and frame is a
 * calendar that is in order by itself, and a bit per frame finds the next in it.
 *
 *      frame      41        42        43    …      a ring of CALENDAR_FRAMES
 *      any?        0         1         1
 *      slots   ........  ...1....  1......1  …     ends at 42 f0 + 3 f0/n, 43 f0, 43 f0 + 7 f0/n
 *
 * Functions of every event, hence inline. */
#ifndef LPC_EMULATOR_EXPRESS_ENDS_H
#define LPC_EMULATOR_EXPRESS_ENDS_H

#include "emulator/express_state.h"

/* --- ends: the heap
 * -------------------------------------------------------------------------------- */

static inline bool sooner(const struct end *a, const struct end *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static inline void ends_push(struct express *x, struct end e)
{
	uint32_t i = x->n_ends++;

	while (i > 0) {
		uint32_t parent = (i - 1) / 4;

		if (!sooner(&e, &x->ends[parent]))
			break;
		x->ends[i] = x->ends[parent];
		i = parent;
	}
	x->ends[i] = e;
}

static inline void ends_pop(struct express *x)
{
	struct end *e = x->ends, last = e[--x->n_ends];
	uint32_t i = 0, n = x->n_ends;

	for (;;) {
		uint32_t first = 4 * i + 1, least = first, limit = first + 4 < n ? first + 4 : n;

		if (first >= n)
			break;
		for (uint32_t c = first + 1; c < limit; c++)
			least = sooner(&e[c], &e[least]) ? c : least;
		if (!sooner(&e[least], &last))
			break;
		e[i] = e[least];
		i = least;
	}
	e[i] = last;
}

/* --- ends: the calendars
 * --------------------------------------------------------------------------- */

static inline int64_t calendar_at(const struct carriage *c, int64_t frame, uint32_t slot)
{
	return frame * c->f0 + c->departure[slot] + c->shift;
}

/* The first end at or after the frame. */
static inline void calendar_look(struct carriage *c, int64_t frame)
{
	uint32_t from = (uint32_t)frame & (CALENDAR_FRAMES - 1), word = from / 64, w = 0;
	const uint64_t *slots;
	uint64_t any;

	c->next_at = NS_NEVER;
	if (!c->n)
		return;
	any = c->any[word] & UINT64_MAX << from % 64;
	while (!any) {
		word = (word + 1) & (CALENDAR_FRAMES / 64 - 1);
		any = c->any[word];
	}
	c->next_frame = frame + ((word * 64 + (uint32_t)__builtin_ctzll(any) - from) &
	                                (CALENDAR_FRAMES - 1));
	slots = &c->slots[(size_t)((uint32_t)c->next_frame & (CALENDAR_FRAMES - 1)) * c->words];
	while (!slots[w])
		w++;
	c->next_slot = w * 64 + (uint32_t)__builtin_ctzll(slots[w]);
	c->next_at = calendar_at(c, c->next_frame, c->next_slot);
}

static inline void calendar_add(struct carriage *c, int64_t frame, uint32_t slot, int64_t at)
{
	uint32_t i = (uint32_t)frame & (CALENDAR_FRAMES - 1);

	c->slots[(size_t)i * c->words + slot / 64] |= UINT64_C(1) << slot % 64;
	c->any[i / 64] |= UINT64_C(1) << i % 64;
	c->n++;
	if (at >= c->next_at)
		return;
	c->next_at = at;
	c->next_frame = frame;
	c->next_slot = slot;
}

/* The next one is over; it is the lowest bit of its frame. */
static inline void calendar_drop(struct carriage *c)
{
	uint32_t i = (uint32_t)c->next_frame & (CALENDAR_FRAMES - 1);
	uint64_t *slots = &c->slots[(size_t)i * c->words];

	c->n--;
	if (LPC_LIKELY(c->words == 1)) {
		*slots &= *slots - 1;
		if (*slots) {
			c->next_slot = (uint32_t)__builtin_ctzll(*slots);
			c->next_at = calendar_at(c, c->next_frame, c->next_slot);
			return;
		}
		c->any[i / 64] &= ~(UINT64_C(1) << i % 64);
	} else {
		uint64_t left = 0;

		slots[c->next_slot / 64] &= slots[c->next_slot / 64] - 1;
		for (uint32_t w = 0; w < c->words; w++)
			left |= slots[w];
		if (!left)
			c->any[i / 64] &= ~(UINT64_C(1) << i % 64);
	}
	calendar_look(c, c->next_frame);
}

/* `frame`: of its end; of no interest where there is no calendar. */
static inline void end_at(
        struct express *x, struct carriage *c, uint32_t slot, int64_t frame, const struct rider *a)
{
	if (LPC_LIKELY(c->slots && frame - c->frame < CALENDAR_FRAMES))
		calendar_add(c, frame, slot, a->t_last);
	else
		ends_push(x, (struct end){a->t_last, a->id << SLOT_BITS | (c->first_place + slot)});
}

/* The first of all ends, and whose: NULL, if it is in the heap. */
static inline int64_t first_end(const struct express *x, struct carriage **of)
{
	struct carriage *c = x->carriages;
	int64_t at = c->next_at;

	*of = c;
	for (uint32_t i = 1; i < x->n_carriages; i++)
		if (c[i].next_at < at) {
			at = c[i].next_at;
			*of = &c[i];
		}
	if (LPC_LIKELY(!x->n_ends) || x->ends[0].at > at)
		return at;
	*of = NULL;
	return x->ends[0].at;
}

#endif
