/* What a packet is depends, nearly always, on a few bytes of its headers alone, and those are its
 * flow key (audit_frame.h). What was found out for a key once is kept: filters that looked at
 * nothing else need not run again. Keys are compared whole: a hash alone could be made to collide.
 *
 *   set = hash % CACHE_SETS:  tag tag tag tag | recent     entries: key, finding, counts
 *
 * Four ways, and the one thrown out is one that was not met since all others were (a bit each). An
 * entry counts its packets itself and is emptied into the matrix when it goes: a hit costs a
 * comparison and two additions. */
#include "reports/audit_private.h"

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

static void met(struct cache *c, size_t set, unsigned way)
{
	c->recent[set] |= (uint8_t)(1u << way);
	if (c->recent[set] == (1u << CACHE_WAYS) - 1)
		c->recent[set] = (uint8_t)(1u << way);
}

struct cache_entry *cache_find(struct cache *c, const struct audit_flow_key *k, uint64_t hash)
{
	size_t set = hash % CACHE_SETS;
	uint32_t tag = tag_of(hash), *tags = c->tags + set * CACHE_WAYS;

	for (unsigned way = 0; way < CACHE_WAYS; way++) {
		struct cache_entry *e = &c->entries[set * CACHE_WAYS + way];

		if (tags[way] == tag && audit_flow_equal(&e->key, k)) {
			met(c, set, way);
			return e;
		}
	}
	return NULL;
}

struct cache_entry *cache_take(struct cache *c, uint64_t hash)
{
	size_t set = hash % CACHE_SETS;
	uint32_t *tags = c->tags + set * CACHE_WAYS;
	unsigned way = 0;

	while (way < CACHE_WAYS && tags[way])
		way++;
	if (way == CACHE_WAYS)
		way = (unsigned)__builtin_ctz(~(unsigned)c->recent[set]);
	CHECK(way < CACHE_WAYS);
	tags[way] = tag_of(hash);
	met(c, set, way);
	return &c->entries[set * CACHE_WAYS + way];
}
