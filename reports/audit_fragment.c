/* Datagrams in pieces. Only the first fragment has ports, so the others are what it is: same class,
 * same ends, same flow. They may also come before it; then they wait.
 *
 *   table: sets of 8 datagrams, by (addresses, identification, of IPv4 also protocol)
 *     known     the first fragment was seen: its finding is there for those that follow
 *     waiting   it was not: packets and bytes are summed; number and instant of each are in the
 * pool as long as that has room, so that a violation can be shown with its frame number
 *
 * A waiting datagram whose first fragment comes is settled at once. One that is thrown out, grows
 * too old, or is left at the end, has fragments of unknown class: a doubt. A datagram that is known
 * may be thrown out without one; fragments that come later begin to wait. Receivers give up on a
 * datagram after 60 s at the latest (RFC 8200, section 4.5), and identifications are used again: so
 * nothing is remembered for longer. */
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/units.h"
#include "reports/audit_private.h"

enum { WAYS = 8 };
#define LIFE_NS   (60 * NS_PER_S)
#define POOL_NONE UINT32_MAX

struct datagram_key {
	struct audit_address address[2];
	uint32_t id;
	uint8_t net, protocol, unused[2];
};
_Static_assert(sizeof(struct datagram_key) == 40, "keys are compared byte by byte");

struct datagram {
	struct datagram_key key;
	enum { DATAGRAM_FREE, DATAGRAM_KNOWN, DATAGRAM_WAITING } state;
	int64_t at_ns; /* of the first packet of it that was seen; known: of its first fragment */
	struct finding finding; /* waiting: class unknown, ends as far as they are known */
	uint16_t port[2];
	uint8_t protocol;
	bool ports_known;
	uint64_t packets, bytes;     /* that wait */
	uint64_t loose, loose_bytes; /* of these: not in the pool */
	uint32_t waiting;            /* their list in the pool, last first */
};

struct waiting {
	struct packet packet;
	uint32_t next;
};

struct fragments {
	struct datagram *datagrams; /* sets × WAYS */
	uint32_t n_sets;
	struct waiting *pool;
	uint32_t n_pool, n_used, free; /* used so far; a list of those that were given back */
	bool any;                      /* else there is nothing to be looked at in the end */
};

struct fragments *fragments_create(uint32_t datagrams_max)
{
	struct fragments *g = mem_alloc(1, sizeof(*g));

	g->n_sets = 1;
	while (g->n_sets * WAYS < datagrams_max)
		g->n_sets *= 2;
	g->n_pool = g->n_sets * WAYS;
	g->datagrams = mem_alloc(g->n_pool, sizeof(*g->datagrams));
	g->pool = mem_alloc(g->n_pool, sizeof(*g->pool));
	g->free = POOL_NONE;
	return g;
}

void fragments_free(struct fragments *g)
{
	mem_free(g->datagrams);
	mem_free(g->pool);
	mem_free(g);
}

/* --- the pool ------------------------------------------------------------------------ */

static void pool_keep(struct fragments *g, struct datagram *d, const struct packet *p)
{
	uint32_t i = g->free;

	d->packets++;
	d->bytes += p->wire;
	if (i != POOL_NONE) {
		g->free = g->pool[i].next;
	} else if (g->n_used < g->n_pool) {
		i = g->n_used++;
	} else {
		d->loose++;
		d->loose_bytes += p->wire;
		return;
	}
	g->pool[i] = (struct waiting){.packet = *p, .next = d->waiting};
	d->waiting = i;
}

/* In the order in which they came. */
static void pool_reverse(struct fragments *g, struct datagram *d)
{
	uint32_t before = POOL_NONE;

	while (d->waiting != POOL_NONE) {
		uint32_t next = g->pool[d->waiting].next;

		g->pool[d->waiting].next = before;
		before = d->waiting;
		d->waiting = next;
	}
	d->waiting = before;
}

static void pool_drop_first(struct fragments *g, struct datagram *d)
{
	uint32_t i = d->waiting;

	d->waiting = g->pool[i].next;
	g->pool[i].next = g->free;
	g->free = i;
}

/* --- the table ----------------------------------------------------------------------- */

static void key_of(const struct audit_frame *f, struct datagram_key *k)
{
	memset(k, 0, sizeof(*k));
	memcpy(k->address, f->address, sizeof(k->address));
	k->id = f->datagram;
	k->net = (uint8_t)f->net;
	k->protocol = f->net == AUDIT_NET_IPV4 ? f->protocol : 0;
}

static struct datagram *set_of(struct fragments *g, const struct datagram_key *k)
{
	uint64_t w[5], h = 0x9e3779b97f4a7c15u;

	memcpy(w, k, sizeof(w));
	for (unsigned i = 0; i < ARRAY_LEN(w); i++) {
		__uint128_t m = (__uint128_t)(h ^ w[i]) * 0xa0761d6478bd642fu;

		h = (uint64_t)m ^ (uint64_t)(m >> 64) ^ w[i] << 7;
	}
	return g->datagrams + (size_t)((uint32_t)(h ^ h >> 32) & (g->n_sets - 1)) * WAYS;
}

static bool is_old(const struct datagram *d, int64_t at_ns)
{
	return at_ns > d->at_ns ? at_ns - d->at_ns > LIFE_NS : d->at_ns - at_ns > LIFE_NS;
}

/* Fragments that waited, and nobody says what they are. */
static void give_up(struct audit *a, struct datagram *d)
{
	if (d->state == DATAGRAM_WAITING) {
		while (d->waiting != POOL_NONE)
			pool_drop_first(a->fragments, d);
		count_packets(a, &d->finding, d->packets, d->bytes);
		a->result.doubts[DOUBT_FRAGMENTS] += d->packets;
	}
	d->state = DATAGRAM_FREE;
}

/* Which one goes if the set is full: the oldest of those that are known, else the oldest. */
static struct datagram *victim(struct datagram *set)
{
	struct datagram *best = &set[0];

	for (unsigned i = 1; i < WAYS; i++) {
		bool known = set[i].state == DATAGRAM_KNOWN;
		bool best_known = best->state == DATAGRAM_KNOWN;

		if (known != best_known ? known : set[i].at_ns < best->at_ns)
			best = &set[i];
	}
	return best;
}

/* The datagram, or a free place for it with its key set. */
static struct datagram *find(struct audit *a, const struct datagram_key *k, int64_t at_ns)
{
	struct datagram *set = set_of(a->fragments, k), *room = NULL;

	a->fragments->any = true;
	for (unsigned i = 0; i < WAYS; i++) {
		struct datagram *d = &set[i];

		if (d->state != DATAGRAM_FREE && is_old(d, at_ns))
			give_up(a, d);
		if (d->state == DATAGRAM_FREE)
			room = d;
		else if (memcmp(&d->key, k, sizeof(*k)) == 0)
			return d;
	}
	if (!room) {
		room = victim(set);
		give_up(a, room);
	}
	*room = (struct datagram){.key = *k, .at_ns = at_ns, .waiting = POOL_NONE};
	return room;
}

/* --- fragments ----------------------------------------------------------------------- */

/* Those that waited are what the first one is. */
static void settle(struct audit *a, struct datagram *d, const struct audit_frame *f)
{
	struct fragments *g = a->fragments;

	count_packets(a, &d->finding, d->packets, d->bytes);
	pool_reverse(g, d);
	for (; d->waiting != POOL_NONE; pool_drop_first(g, d))
		audit_note(a, &d->finding, &g->pool[d->waiting].packet, f, false);
	audit_note_loose(a, &d->finding, d->loose, d->loose_bytes, f);
	d->packets = d->bytes = d->loose = d->loose_bytes = 0;
}

void fragment_first(struct audit *a, const struct audit_frame *f, const struct finding *x,
        const struct packet *p)
{
	struct datagram_key k;
	struct datagram *d;

	key_of(f, &k);
	d = find(a, &k, p->at_ns);
	d->finding = *x;
	d->at_ns = p->at_ns;
	d->port[0] = f->port[0];
	d->port[1] = f->port[1];
	d->protocol = f->protocol;
	d->ports_known = f->ports_known;
	if (d->state == DATAGRAM_WAITING)
		settle(a, d, f);
	d->state = DATAGRAM_KNOWN;
}

static void wait(
        struct audit *a, struct datagram *d, const struct audit_frame *f, const struct packet *p)
{
	if (d->state == DATAGRAM_FREE) {
		d->finding = (struct finding){.class = AUDIT_UNKNOWN_CLASS,
		        .rack = {audit_rack_of(a->topology, f, 0),
		                audit_rack_of(a->topology, f, 1)}};
		classify_close(a->topology, &d->finding);
		d->state = DATAGRAM_WAITING;
	}
	pool_keep(a->fragments, d, p);
}

void fragment_later(struct audit *a, const struct audit_frame *f, const struct packet *p)
{
	struct audit_frame whole = *f;
	struct datagram_key k;
	struct datagram *d;

	key_of(f, &k);
	d = find(a, &k, p->at_ns);
	if (d->state != DATAGRAM_KNOWN) {
		wait(a, d, f, p);
		return;
	}
	whole.port[0] = d->port[0];
	whole.port[1] = d->port[1];
	whole.protocol = d->protocol;
	whole.ports_known = d->ports_known;
	count_packets(a, &d->finding, 1, p->wire);
	audit_note(a, &d->finding, p, &whole, false);
}

void fragments_finish(struct audit *a)
{
	for (uint32_t i = 0; a->fragments->any && i < a->fragments->n_pool; i++)
		give_up(a, &a->fragments->datagrams[i]);
}
