/* All places of a topology are in one hash table, and an end is looked up as each of the things
 * that it could be known by, the most precise first. A prefix is found by asking for every length
 * that the topology uses, longest first: real ones use a handful. That is tens of nanoseconds, and
 * it is done once a flow (audit_cache.c). */
#include "reports/audit_places.h"
#include <string.h>

enum { LENGTHS_MAX = 129 };

struct place_slot {
	struct place place;
	int rack; /* −1: free */
	struct jval where;
};

struct audit_places {
	struct place_slot *slots;
	uint32_t mask, n, n_max;
	bool kinds[PLACE_KINDS];
	/* prefix lengths in use, longest first; of IPv4, IPv6 and MAC */
	uint8_t n_lengths[PLACE_KINDS], lengths[PLACE_KINDS][LENGTHS_MAX];
};

static uint64_t hash(const struct place *p)
{
	uint64_t w[3] = {0, 0, 0}, h = 0x9e3779b97f4a7c15u;

	memcpy(w, p, sizeof(*p));
	for (unsigned i = 0; i < ARRAY_LEN(w); i++) {
		__uint128_t m = (__uint128_t)(h ^ w[i]) * 0xa0761d6478bd642fu;

		h = (uint64_t)m ^ (uint64_t)(m >> 64) ^ w[i] << 7;
	}
	return h ^ h >> 32;
}

struct audit_places *audit_places_create(struct arena *arena, uint32_t n)
{
	struct audit_places *p = arena_must(arena, sizeof(*p));
	uint32_t slots = 16;

	CHECK(n <= AUDIT_ADDRESSES_MAX);
	while (slots < 2 * n)
		slots *= 2;
	p->slots = ARENA_ARRAY(arena, struct place_slot, slots);
	p->mask = slots - 1;
	p->n_max = n;
	for (uint32_t i = 0; i < slots; i++)
		p->slots[i].rack = AUDIT_OUTSIDE;
	return p;
}

static struct place_slot *slot_of(const struct audit_places *p, const struct place *place)
{
	uint32_t i = (uint32_t)hash(place) & p->mask;

	while (p->slots[i].rack >= 0 && memcmp(&p->slots[i].place, place, sizeof(*place)) != 0)
		i = (i + 1) & p->mask;
	return &p->slots[i];
}

static void use_length(struct audit_places *p, unsigned kind, uint8_t bits)
{
	uint8_t *list = p->lengths[kind];
	unsigned n = p->n_lengths[kind], i = 0;

	while (i < n && list[i] > bits)
		i++;
	if (i < n && list[i] == bits)
		return;
	memmove(list + i + 1, list + i, n - i);
	list[i] = bits;
	p->n_lengths[kind]++;
}

int audit_places_add(struct audit_places *p, const struct place *place, int rack, struct jval where,
        struct jval *first)
{
	struct place_slot *slot = slot_of(p, place);

	if (slot->rack >= 0) {
		*first = slot->where;
		return slot->rack;
	}
	CHECK(rack >= 0 && p->n < p->n_max && place->kind < PLACE_KINDS);
	*slot = (struct place_slot){.place = *place, .rack = rack, .where = where};
	p->n++;
	p->kinds[place->kind] = true;
	if (place->kind == PLACE_IPV4 || place->kind == PLACE_IPV6 || place->kind == PLACE_MAC)
		use_length(p, place->kind, place->bits);
	return AUDIT_OUTSIDE;
}

int audit_places_find(const struct audit_places *p, const struct place *place)
{
	return slot_of(p, place)->rack;
}

bool audit_places_have(const struct audit_places *p, enum place_kind kind)
{
	return p->kinds[kind];
}

/* --- one end of a packet ------------------------------------------------------------- */

/* The most precise first: the chip, its node, its rack. */
static int by_component(const struct audit_places *p, struct wire_end end)
{
	struct place place = {.kind = PLACE_COMPONENT};
	int rack = AUDIT_OUTSIDE;

	for (unsigned level = 0; level < 3 && rack < 0; level++) {
		if (level == 1)
			end.chip = WIRE_NONE;
		if (level == 2)
			end.node = WIRE_NONE;
		memcpy(place.value, &end.rack, 2);
		memcpy(place.value + 2, &end.node, 2);
		memcpy(place.value + 4, &end.chip, 2);
		rack = audit_places_find(p, &place);
	}
	return rack;
}

static int by_socket(const struct audit_places *p, const struct audit_frame *f, unsigned end)
{
	struct place place = {.kind = PLACE_SOCKET,
	        .bits = f->net == AUDIT_NET_IPV4 ? 32 : 128,
	        .port = f->port[end]};

	memcpy(place.value, f->address[end].bytes, 16);
	return audit_places_find(p, &place);
}

static int by_port(const struct audit_places *p, const struct audit_frame *f, unsigned end)
{
	struct place place = {.kind = PLACE_PORT, .port = f->port[end], .protocol = f->protocol};
	int rack = audit_places_find(p, &place);

	place.protocol = 0;
	return rack >= 0 ? rack : audit_places_find(p, &place);
}

/* Longest prefix. `value` has `all` bits, from byte `from` of a place's value on. */
static int by_prefix(const struct audit_places *p, enum place_kind kind, const uint8_t *value,
        unsigned from, unsigned all)
{
	struct place place = {.kind = (uint8_t)kind};
	unsigned have = all;

	memcpy(place.value + from, value, all / 8);
	for (unsigned i = 0; i < p->n_lengths[kind]; i++) {
		unsigned bits = p->lengths[kind][i];
		int rack;

		for (; have > bits; have--) {
			uint8_t *byte = &place.value[from + (have - 1) / 8];

			*byte = (uint8_t)(*byte & ~(0x80 >> (have - 1) % 8));
		}
		place.bits = (uint8_t)bits;
		rack = audit_places_find(p, &place);
		if (rack >= 0)
			return rack;
	}
	return AUDIT_OUTSIDE;
}

static bool is_group(const struct audit_frame *f, unsigned end)
{
	const uint8_t *b = f->address[end].bytes;

	if (f->net == AUDIT_NET_IPV4)
		return (b[12] >= 224 && b[12] < 240) || (b[12] & b[13] & b[14] & b[15]) == 255;
	if (f->net == AUDIT_NET_IPV6)
		return b[0] == 0xff;
	return f->macs_known[end] && f->mac[end][0] & 1;
}

int audit_rack_of(const struct audit_topology *t, const struct audit_frame *f, unsigned end)
{
	const struct audit_places *p = t->places;
	bool ip = f->net == AUDIT_NET_IPV4 || f->net == AUDIT_NET_IPV6;
	int rack = AUDIT_OUTSIDE;

	CHECK(end < 2);
	if (f->ours_valid && p->kinds[PLACE_COMPONENT])
		rack = by_component(p, end ? f->ours.to : f->ours.from);
	if (rack >= 0 || is_group(f, end))
		return rack;
	if (ip && f->ports_known && p->kinds[PLACE_SOCKET])
		rack = by_socket(p, f, end);
	if (rack < 0 && f->net == AUDIT_NET_IPV4)
		rack = by_prefix(p, PLACE_IPV4, f->address[end].bytes + 12, 12, 32);
	if (rack < 0 && f->net == AUDIT_NET_IPV6)
		rack = by_prefix(p, PLACE_IPV6, f->address[end].bytes, 0, 128);
	if (rack < 0 && f->ports_known && p->kinds[PLACE_PORT])
		rack = by_port(p, f, end);
	if (rack < 0 && f->macs_known[end])
		rack = by_prefix(p, PLACE_MAC, f->mac[end], 0, 48);
	return rack;
}
