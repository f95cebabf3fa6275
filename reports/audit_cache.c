/* What a packet is depends, nearly always, on a few bytes of its headers alone, and those are its
 * flow key (audit_frame.h). What was found out for a key once is kept: filters that looked at
 * nothing else need not run again. Keys are compared whole: a hash alone could be made to collide.
 *
 *   set = hash % n_sets:  four places: tag, entry     entries: key, finding, counts
 *
 * Four ways, and the one thrown out is one that was not met since all others were (a bit each). An
 * entry counts its packets itself and is emptied into the matrix when it goes: a hit costs a
 * comparison and two additions.
 *
 * What a hit costs besides is waiting for memory, so the entries of few flows lie together: they
 * are handed out one after the other, and only the places, 8 bytes each, are strewn by the hash.
 * Strewn entries were found to spend half of an audit's time on pages that the processor had
 * forgotten the addresses of. */
#include "harness/base/arena.h"
#include "reports/audit_private.h"

#define CACHE_RECENT (1u << 31)

enum { LINE_BYTES = 64 };
_Static_assert(sizeof(struct cache_entry) == 2 * LINE_BYTES, "an entry is two lines");

void cache_init(struct cache *c, uint32_t entries)
{
	uintptr_t at;

	c->n_sets = 1;
	while (c->n_sets * CACHE_WAYS < entries)
		c->n_sets *= 2;
	c->memory = mem_alloc((size_t)c->n_sets * CACHE_WAYS * sizeof(*c->entries) + LINE_BYTES, 1);
	at = ((uintptr_t)c->memory + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
	c->entries = (struct cache_entry *)at;
	c->places = mem_alloc((size_t)c->n_sets * CACHE_WAYS, sizeof(*c->places));
	c->n = 0;
}

void cache_free(struct cache *c)
{
	mem_free(c->memory);
	mem_free(c->places);
}

static struct cache_place *set_of(const struct cache *c, uint64_t hash)
{
	return c->places + (hash & (c->n_sets - 1)) * CACHE_WAYS;
}

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

static struct cache_entry *entry_of(const struct cache *c, const struct cache_place *p)
{
	return &c->entries[(p->entry & ~CACHE_RECENT) - 1];
}

/* Marks a place; when all of the set are, it alone stays so. */
static void met(struct cache_place *set, struct cache_place *p)
{
	uint32_t all = CACHE_RECENT;

	if (p->entry & CACHE_RECENT)
		return;
	p->entry |= CACHE_RECENT;
	for (unsigned way = 0; way < CACHE_WAYS; way++)
		all &= set[way].entry;
	if (!all)
		return;
	for (unsigned way = 0; way < CACHE_WAYS; way++)
		if (&set[way] != p)
			set[way].entry &= ~CACHE_RECENT;
}

void cache_expect(const struct cache *c, uint64_t hash)
{
	__builtin_prefetch(set_of(c, hash), 1);
}

static void expect_lines(const struct cache_entry *e)
{
	__builtin_prefetch(e, 1);
	__builtin_prefetch((const char *)e + LINE_BYTES, 1);
}

const struct cache_entry *cache_expect_entry(const struct cache *c, uint64_t hash)
{
	const struct cache_place *set = set_of(c, hash), *out = NULL;
	uint32_t tag = tag_of(hash);

	for (unsigned way = 0; way < CACHE_WAYS; way++) {
		if (set[way].tag == tag && set[way].entry) {
			expect_lines(entry_of(c, &set[way]));
			return entry_of(c, &set[way]);
		}
		if (!out && !(set[way].entry & CACHE_RECENT))
			out = &set[way];
	}
	if (out && out->entry) /* what is likely to be thrown out */
		expect_lines(entry_of(c, out));
	return NULL;
}

struct cache_entry *cache_find(struct cache *c, const struct audit_flow_key *k, uint64_t hash)
{
	struct cache_place *set = set_of(c, hash);
	uint32_t tag = tag_of(hash);

	for (struct cache_place *p = set; p < set + CACHE_WAYS; p++)
		if (p->tag == tag && p->entry && audit_flow_equal(&entry_of(c, p)->key, k)) {
			met(set, p);
			return entry_of(c, p);
		}
	return NULL;
}

struct cache_entry *cache_take(struct cache *c, uint64_t hash)
{
	struct cache_place *set = set_of(c, hash), *p = set;

	while (p < set + CACHE_WAYS && p->entry)
		p++;
	if (p < set + CACHE_WAYS)
		p->entry = ++c->n;
	else
		for (p = set; p->entry & CACHE_RECENT; p++)
			;
	CHECK(p < set + CACHE_WAYS && c->n <= c->n_sets * CACHE_WAYS);
	p->tag = tag_of(hash);
	met(set, p);
	return entry_of(c, p);
}
