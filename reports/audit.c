/* From packets to a verdict. What a packet is, is found out once a flow and remembered
 * (audit_cache.c); most packets are a key, a hit and two additions. Those that cross racks are
 * timed, violations are told, and of fragments only the first is asked what it is
 * (audit_fragment.c).
 *
 * With thousands of flows each of these looks at a few lines of memory that no cache of the
 * processor holds, one found by way of the other. So packets stand in a short line: whoever joins
 * it has its places fetched, some steps on its entry, then its flow, and when its turn comes all is
 * there. They are taken in the order in which they came; one that cannot wait (a fragment, one that
 * is long) has all before it taken first. */
#include "reports/audit.h"
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "reports/audit_private.h"

enum { PACKET_MAX = AUDIT_FRAME_MAX - 64 };

static const char *const doubt_names[] = {
        "dropped", "truncated", "broken", "fragments", "cut", "time", "empty"};
static const char *const reason_names[] = {
        "cross_rack", "cross_pod", "end_outside", "unclassified_cross_rack"};

_Static_assert(ARRAY_LEN(doubt_names) == DOUBT_KINDS, "a name for each doubt");
_Static_assert(ARRAY_LEN(reason_names) == AUDIT_REASONS, "a name for each reason");

const char *audit_doubt_name(enum audit_doubt d)
{
	CHECK(d < DOUBT_KINDS);
	return doubt_names[d];
}

const char *audit_reason_name(enum audit_reason r)
{
	CHECK(r < AUDIT_REASONS);
	return reason_names[r];
}

/* --- life ---------------------------------------------------------------------------- */

static void flows_init(struct flows *w, uint32_t n_max)
{
	uint32_t slots = 16;

	while (slots < 2 * n_max)
		slots *= 2;
	w->n_max = n_max;
	w->slots = mem_alloc(n_max, sizeof(*w->slots));
	w->index = mem_alloc(slots, sizeof(*w->index));
	w->mask = slots - 1;
}

struct audit *audit_create(const struct audit_config *config)
{
	struct audit *a = mem_alloc(1, sizeof(*a));
	struct audit_config *c = &a->config;

	*c = *config;
	c->violations_max = c->violations_max ? c->violations_max : AUDIT_VIOLATIONS_DEFAULT;
	c->flows_max = c->flows_max ? c->flows_max : AUDIT_FLOWS_DEFAULT;
	c->datagrams_max = c->datagrams_max ? c->datagrams_max : AUDIT_DATAGRAMS_DEFAULT;
	c->remembered_max = c->remembered_max ? c->remembered_max : AUDIT_REMEMBERED_DEFAULT;
	CHECK(c->topology && c->flows_max <= 1 << 24 && c->datagrams_max <= 1 << 24 &&
	        c->remembered_max <= 1 << 24);
	a->topology = c->topology;
	arena_init(&a->names, 0);
	a->result = (struct audit_result){.topology = c->topology, .first_ns = -1, .last_ns = -1};
	a->kept = mem_alloc(c->violations_max, sizeof(*a->kept));
	flows_init(&a->flows, c->flows_max);
	cache_init(&a->cache, c->remembered_max);
	a->fragments = fragments_create(c->datagrams_max);
	a->scratch = mem_alloc(AUDIT_FRAME_MAX + 64, 1);
	a->line = mem_alloc(IN_LINE_MAX, sizeof(*a->line));
	return a;
}

void audit_free(struct audit *a)
{
	if (!a)
		return;
	arena_free(&a->names);
	mem_free(a->sources);
	mem_free(a->kept);
	mem_free(a->cells.cell);
	mem_free(a->cells.slots);
	mem_free(a->flows.slots);
	mem_free(a->flows.index);
	mem_free(a->flows_out);
	cache_free(&a->cache);
	fragments_free(a->fragments);
	mem_free(a->scratch);
	mem_free(a->line);
	mem_free(a);
}

void audit_begin(struct audit *a, const char *name, int link_type, const char *link_name,
        uint32_t snaplen, bool live)
{
	uint32_t n = a->result.n_sources;

	CHECK(!a->finished && audit_link_known(link_type));
	a->sources = mem_room(a->sources, n, &a->sources_capacity, sizeof(*a->sources));
	a->sources[n] = (struct audit_source){.name = arena_strndup(&a->names, name, strlen(name)),
	        .link_name = arena_strndup(&a->names, link_name, strlen(link_name)),
	        .link_type = link_type,
	        .first_ns = -1,
	        .last_ns = -1,
	        .snaplen = snaplen,
	        .live = live};
	a->source = &a->sources[n];
	a->result.n_sources = n + 1;
}

void audit_doubt(struct audit *a, enum audit_doubt d, uint64_t n)
{
	CHECK(d < DOUBT_KINDS && !a->finished);
	a->result.doubts[d] += n;
}

void audit_dropped(struct audit *a, uint64_t n)
{
	CHECK(a->source);
	a->source->dropped += n;
	audit_doubt(a, DOUBT_DROPPED, n);
}

/* --- packets ------------------------------------------------------------------------- */

/* The flow of what crosses, at *flow once it is known. */
static void note(struct audit *a, const struct finding *x, const struct packet *p,
        const struct audit_frame *f, bool timed, uint32_t *flow)
{
	if (x->reason >= 0)
		count_violation(a, x, p, f);
	if (!x->crosses || x->class == AUDIT_UNKNOWN_CLASS)
		return;
	if (*flow == AUDIT_NO_FLOW)
		*flow = flow_of(&a->flows, x, p, f);
	if (*flow == AUDIT_NO_FLOW) /* the table is full, and stays so */
		*flow = AUDIT_FLOW_FORGOTTEN;
	if (*flow == AUDIT_FLOW_FORGOTTEN)
		a->result.flows_forgotten++;
	else
		flow_packet(&a->flows.slots[*flow], x, p, timed ? f : NULL);
}

void audit_note(struct audit *a, const struct finding *x, const struct packet *p,
        const struct audit_frame *f, bool timed)
{
	uint32_t flow = AUDIT_NO_FLOW;

	note(a, x, p, f, timed, &flow);
}

void audit_note_loose(struct audit *a, const struct finding *x, uint64_t n, uint64_t bytes,
        const struct audit_frame *f)
{
	uint32_t flow;

	if (!n)
		return;
	if (x->reason >= 0)
		count_violations(a, x, n);
	if (!x->crosses || x->class == AUDIT_UNKNOWN_CLASS)
		return;
	flow = flow_of(&a->flows, x, &(struct packet){.at_ns = a->source->last_ns}, f);
	if (flow == AUDIT_NO_FLOW)
		a->result.flows_forgotten += n;
	else
		flow_packets(&a->flows.slots[flow], x, n, bytes);
}

/* Counts what an entry has gathered. */
static void empty(struct audit *a, struct cache_entry *e)
{
	if (e->packets)
		count_packets(a, &e->finding, e->packets, e->bytes);
	e->packets = e->bytes = 0;
}

static struct cache_entry *remember(struct audit *a, const struct audit_frame *f, uint64_t hash)
{
	struct cache_entry *e = cache_take(&a->cache, hash);

	empty(a, e);
	e->key = f->flow;
	e->flow = AUDIT_NO_FLOW;
	classify(a->topology, f, &e->finding, &e->beyond);
	return e;
}

/* A packet that the cache does not know all about. */
static void take_alone(struct audit *a, const struct audit_frame *f, const struct packet *p,
        const struct finding *x)
{
	count_packets(a, x, 1, p->wire);
	audit_note(a, x, p, f, true);
}

/* A packet with a key, of which that is the hash. *x: what it is. */
static void take_hashed(struct audit *a, const struct audit_frame *f, const struct packet *p,
        uint64_t hash, struct finding *x)
{
	struct cache_entry *e = cache_find(&a->cache, &f->flow, hash);

	if (!e)
		e = remember(a, f, hash);
	*x = e->finding;
	if (LPC_UNLIKELY(e->beyond)) {
		classify_again(a->topology, f, e->beyond, x);
		take_alone(a, f, p, x);
		return;
	}
	e->packets++;
	e->bytes += p->wire;
	if (x->reason >= 0 || x->crosses)
		note(a, x, p, f, true, &e->flow);
}

/* A whole packet or a first fragment. */
static void take(
        struct audit *a, const struct audit_frame *f, const struct packet *p, struct finding *x)
{
	uint64_t beyond;

	if (f->flow.n) {
		take_hashed(a, f, p, audit_flow_hash(&f->flow, 0), x);
		return;
	}
	classify(a->topology, f, x, &beyond);
	take_alone(a, f, p, x);
}

/* --- packets that wait --------------------------------------------------------------- */

/* The i-th from the front, or the place behind the last. */
static struct in_line *waiting(struct audit *a, uint32_t i)
{
	return &a->line[(a->first + i) % IN_LINE_MAX];
}

static void take_next(struct audit *a)
{
	struct in_line *w = waiting(a, 0);
	struct finding x;

	take_hashed(a, &w->frame, &w->packet, w->hash, &x);
	a->first = (a->first + 1) % IN_LINE_MAX;
	a->n_waiting--;
}

static void take_all(struct audit *a)
{
	while (a->n_waiting)
		take_next(a);
}

/* What flow_packet will look at. */
static void expect_flow(const struct audit *a, const struct cache_entry *e)
{
	const struct flow_slot *s;

	if (!e || e->flow >= AUDIT_FLOW_FORGOTTEN)
		return;
	s = &a->flows.slots[e->flow];
	__builtin_prefetch(&s->flow.packets, 1);
	__builtin_prefetch(&s->flow.gap_max_ns, 1);
	__builtin_prefetch(&s->gaps_ns, 1);
}

/* w, behind the last, joins. */
static void join(struct audit *a, struct in_line *w)
{
	uint32_t n = a->n_waiting++;

	memcpy(w->bytes, w->frame.bytes, w->frame.captured);
	w->frame.bytes = w->bytes;
	w->hash = audit_flow_hash(&w->frame.flow, 0);
	w->expected = NULL;
	cache_expect(&a->cache, w->hash);
	if (n >= IN_LINE_STEP) {
		w = waiting(a, n - IN_LINE_STEP);
		w->expected = cache_expect_entry(&a->cache, w->hash);
	}
	if (n >= 2 * IN_LINE_STEP)
		expect_flow(a, waiting(a, n - 2 * IN_LINE_STEP)->expected);
	if (a->n_waiting == IN_LINE_MAX)
		take_next(a);
}

static void clock_packet(struct audit *a, int64_t at_ns)
{
	struct audit_source *s = a->source;
	struct audit_result *r = &a->result;

	if (s->packets > 1 && at_ns < s->last_ns - AUDIT_TIME_SLACK_NS)
		r->doubts[DOUBT_TIME]++;
	if (s->packets == 1 || at_ns < s->first_ns)
		s->first_ns = at_ns;
	if (s->packets == 1 || at_ns > s->last_ns)
		s->last_ns = at_ns;
	if (r->packets == 1 || at_ns < r->first_ns)
		r->first_ns = at_ns;
	if (r->packets == 1 || at_ns > r->last_ns)
		r->last_ns = at_ns;
}

static void sample(struct audit_result *r, uint32_t sampling)
{
	if (!r->sampling_max || sampling < r->sampling_min)
		r->sampling_min = sampling;
	if (sampling > r->sampling_max)
		r->sampling_max = sampling;
}

/* Tells of a packet before anything in it is looked at. Returns its wire length. */
static uint32_t announce(struct audit *a, int64_t at_ns, uint32_t captured, uint32_t wire)
{
	struct audit_source *s = a->source;

	wire = wire > captured ? wire : captured;
	s->packets++;
	s->bytes += wire;
	a->result.packets++;
	a->result.bytes += wire;
	clock_packet(a, at_ns);
	if (captured < wire || captured > PACKET_MAX) {
		s->truncated++;
		a->result.doubts[DOUBT_TRUNCATED]++;
	}
	return wire;
}

/* One that cannot wait; all before it are taken. */
static void take_now(struct audit *a, const struct audit_frame *f, const struct packet *p)
{
	struct finding x;

	if (f->state == FRAME_BROKEN || !f->fragment) {
		take(a, f, p, &x);
	} else if (f->first) {
		take(a, f, p, &x);
		fragment_first(a, f, &x, p);
	} else {
		fragment_later(a, f, p);
	}
}

void audit_packet(
        struct audit *a, int64_t at_ns, const uint8_t *bytes, uint32_t captured, uint32_t wire)
{
	struct in_line *w = waiting(a, a->n_waiting);
	const struct audit_frame *f = &w->frame;

	CHECK(a->source && !a->finished);
	at_ns = at_ns < -AUDIT_TIME_MAX_NS  ? -AUDIT_TIME_MAX_NS
	        : at_ns > AUDIT_TIME_MAX_NS ? AUDIT_TIME_MAX_NS
	                                    : at_ns;
	w->packet.wire = announce(a, at_ns, captured, wire);
	w->packet.number = a->source->packets;
	w->packet.at_ns = at_ns;
	w->packet.source = a->result.n_sources - 1;
	captured = captured < PACKET_MAX ? captured : PACKET_MAX;
	CHECK(audit_frame_read(a->source->link_type, bytes, captured, wire, a->scratch, &w->frame));
	if (f->state == FRAME_BROKEN)
		a->result.doubts[DOUBT_BROKEN]++;
	if (f->ours_valid)
		sample(&a->result, f->ours.sampling);
	if (f->flow.n && !f->fragment && f->captured <= IN_LINE_BYTES) {
		join(a, w);
		return;
	}
	take_all(a);
	take_now(a, f, &w->packet);
}

/* --- the end ------------------------------------------------------------------------- */

static int order_of_class(int class)
{
	if (class >= 0)
		return class;
	return class == AUDIT_NO_CLASS ? AUDIT_CLASSES_MAX : AUDIT_CLASSES_MAX + 1;
}

static int by_class_and_racks(const void *a, const void *b)
{
	const struct audit_cell *p = a, *q = b;

	if (p->class != q->class)
		return order_of_class(p->class) < order_of_class(q->class) ? -1 : 1;
	if (p->rack[0] != q->rack[0])
		return p->rack[0] < q->rack[0] ? -1 : 1;
	return (p->rack[1] > q->rack[1]) - (p->rack[1] < q->rack[1]);
}

static int by_place(const void *a, const void *b)
{
	const struct audit_violation *p = a, *q = b;

	if (p->source != q->source)
		return p->source < q->source ? -1 : 1;
	return (p->number > q->number) - (p->number < q->number);
}

static int by_bytes(const void *a, const void *b)
{
	const struct audit_flow *p = a, *q = b;

	if (p->bytes != q->bytes)
		return p->bytes > q->bytes ? -1 : 1;
	return by_place(&p->who, &q->who);
}

static void finish_flows(struct audit *a)
{
	uint32_t n = a->flows.n;

	a->flows_out = mem_alloc(n + 1, sizeof(*a->flows_out));
	for (uint32_t i = 0; i < n; i++) {
		flow_close(&a->flows.slots[i]);
		a->flows_out[i] = a->flows.slots[i].flow;
	}
	qsort(a->flows_out, n, sizeof(*a->flows_out), by_bytes);
	a->result.flows = a->flows_out;
	a->result.n_flows = n;
}

static void judge(struct audit_result *r)
{
	bool doubt = false;

	if (!r->packets)
		r->doubts[DOUBT_EMPTY]++;
	for (unsigned i = 0; i < DOUBT_KINDS; i++)
		doubt = doubt || r->doubts[i];
	r->fail = r->violations > 0;
	r->pass = !r->fail && !doubt;
}

const struct audit_result *audit_finish(struct audit *a)
{
	struct audit_result *r = &a->result;

	CHECK(!a->finished);
	take_all(a);
	for (uint32_t i = 0; i < a->cache.n; i++)
		empty(a, &a->cache.entries[i]);
	fragments_finish(a);
	finish_flows(a);
	qsort(a->kept, r->n_kept, sizeof(*a->kept), by_place);
	if (a->cells.n)
		qsort(a->cells.cell, a->cells.n, sizeof(*a->cells.cell), by_class_and_racks);
	r->kept = a->kept;
	r->cells = a->cells.cell;
	r->n_cells = a->cells.n;
	r->sources = a->sources;
	judge(r);
	a->finished = true;
	return r;
}
