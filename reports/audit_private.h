/* Inside of the audit core: audit.c takes packets in and judges, audit_classify.c says what one is,
 * audit_cache.c remembers that for a flow, audit_fragment.c for a datagram, audit_count.c adds up,
 * audit_flow.c times what crosses.
 *
 * A packet's way: read → finding (of the cache, of its datagram, or made) → counted. */
#ifndef LPC_REPORTS_AUDIT_PRIVATE_H
#define LPC_REPORTS_AUDIT_PRIVATE_H

#include "reports/audit.h"

enum {
	AUDIT_VIOLATIONS_DEFAULT = 100,
	AUDIT_FLOWS_DEFAULT = 4096,
	AUDIT_DATAGRAMS_DEFAULT = 65536,
	AUDIT_REMEMBERED_DEFAULT = 262144,
	AUDIT_NO_REASON = -1,
};
#define AUDIT_NO_FLOW        UINT32_MAX
#define AUDIT_FLOW_FORGOTTEN (UINT32_MAX - 1) /* looked for, and no room for it */

/* What a packet is. Plain: a function of its class and its ends. */
struct finding {
	uint64_t matched; /* classes whose filter it meets */
	int16_t class;
	int16_t reason; /* enum audit_reason or AUDIT_NO_REASON */
	int rack[2];
	bool crosses, crosses_pods, outside;
};

/* A packet, apart from what it says. */
struct packet {
	uint64_t number;
	int64_t at_ns;
	uint32_t source, wire;
};

/* --- audit_classify.c --- */

/* From the frame itself: all filters, both ends. *beyond gets the classes whose answer rests on
 * more than the key. */
void classify(const struct audit_topology *t, const struct audit_frame *f, struct finding *out,
        uint64_t *beyond);
/* Answers the filters of `which` anew for a frame with the same key. */
void classify_again(const struct audit_topology *t, const struct audit_frame *f, uint64_t which,
        struct finding *x);
/* Sets what follows from class and ends. */
void classify_close(const struct audit_topology *t, struct finding *x);

/* --- audit_cache.c --- */

enum { CACHE_WAYS = 4 };

struct cache_entry { /* two lines of a processor's cache, and they begin with one */
	struct audit_flow_key key;
	struct finding finding;
	uint64_t beyond;
	uint64_t packets, bytes; /* not counted yet */
	uint32_t flow;           /* of what crosses: index, or one of the two above */
};

struct cache_place {
	uint32_t tag;   /* of the hash */
	uint32_t entry; /* index + 1, 0 = free; and CACHE_RECENT */
};

struct cache {
	void *memory; /* that entries lie in */
	struct cache_entry *entries;
	uint32_t n;                 /* entries in use, the first ones */
	uint32_t n_sets;            /* a power of two */
	struct cache_place *places; /* CACHE_WAYS a set */
};

void cache_init(struct cache *c, uint32_t entries); /* or a few more */
void cache_free(struct cache *c);
/* Tells the processor what cache_find will look at: the places; later, when they have come, the
 * entry, which is returned if there seems to be one. */
void cache_expect(const struct cache *c, uint64_t hash);
const struct cache_entry *cache_expect_entry(const struct cache *c, uint64_t hash);
struct cache_entry *cache_find(struct cache *c, const struct audit_flow_key *k, uint64_t hash);
/* An entry for a key that is not there: free, or the one to be thrown out, which the caller counts
 * (`packets`) before it fills it. */
struct cache_entry *cache_take(struct cache *c, uint64_t hash);

/* --- audit_count.c --- */

struct cells {
	struct audit_cell *cell;
	uint32_t n, capacity;
	uint32_t *slots; /* index + 1; 0 = free */
	uint32_t mask;
};

struct audit_total *count_total(struct audit *a, int class);
void count_packets(struct audit *a, const struct finding *x, uint64_t packets, uint64_t bytes);
/* One; kept if there is room for it. */
void count_violation(struct audit *a, const struct finding *x, const struct packet *p,
        const struct audit_frame *f);
/* n that are only counted. */
void count_violations(struct audit *a, const struct finding *x, uint64_t n);
void describe(struct audit_violation *v, const struct finding *x, const struct packet *p,
        const struct audit_frame *f);

/* --- audit_flow.c --- */

struct flow_id {
	uint8_t address[2][16];
	uint16_t port[2];
	uint8_t net, protocol, form; /* form: what is in `address` */
	uint8_t class;               /* + 2, so that all fit */
};

struct flow_slot {
	struct flow_id id;
	struct audit_flow flow;
	uint32_t source; /* of the last packet that was timed */
	bool timed, gapped;
	int64_t last_at_ns, last_sent_ns, last_gap_ns;
	double gaps_ns; /* sum */
};

struct flows {
	struct flow_slot *slots; /* n_max */
	uint32_t n, n_max;
	uint32_t *index; /* slot + 1; 0 = free */
	uint32_t mask;
};

uint32_t flow_of(struct flows *w, const struct finding *x, const struct packet *p,
        const struct audit_frame *f);
/* One packet more; timed, with f's instant of sending if the flow's packets say that, unless f is
 * NULL. */
void flow_packet(struct flow_slot *s, const struct finding *x, const struct packet *p,
        const struct audit_frame *f);
/* n packets more of which nothing else is known. */
void flow_packets(struct flow_slot *s, const struct finding *x, uint64_t n, uint64_t bytes);
/* Fills what is known at the end only. */
void flow_close(struct flow_slot *s);

/* --- audit_fragment.c --- */

struct fragments;

struct fragments *fragments_create(uint32_t datagrams_max);
void fragments_free(struct fragments *g);
void fragment_first(struct audit *a, const struct audit_frame *f, const struct finding *x,
        const struct packet *p);
void fragment_later(struct audit *a, const struct audit_frame *f, const struct packet *p);
void fragments_finish(struct audit *a);

/* --- audit.c --- */

enum { IN_LINE_MAX = 12, IN_LINE_STEP = 4, IN_LINE_BYTES = 512 };

struct in_line {
	struct audit_frame frame; /* its bytes are those below */
	struct packet packet;
	uint64_t hash;
	const struct cache_entry *expected; /* NULL, or what its entry may be */
	uint8_t bytes[IN_LINE_BYTES];
};

struct audit {
	struct audit_config config;
	const struct audit_topology *topology;
	struct audit_result result;
	struct arena names; /* of sources */
	struct audit_source *sources;
	uint32_t sources_capacity;
	struct audit_source *source; /* that was begun */
	struct audit_violation *kept;
	struct cells cells;
	struct flows flows;
	struct audit_flow *flows_out;
	struct cache cache;
	struct fragments *fragments;
	uint8_t *scratch;
	struct in_line *line; /* IN_LINE_MAX, a ring */
	uint32_t first, n_waiting;
	bool finished;
};

/* One packet of finding x, counted already: what it is as a violation and as part of a flow. Timed
 * unless it is a later fragment. f: whose addresses are shown. */
void audit_note(struct audit *a, const struct finding *x, const struct packet *p,
        const struct audit_frame *f, bool timed);
/* n more of which no number is known. */
void audit_note_loose(struct audit *a, const struct finding *x, uint64_t n, uint64_t bytes,
        const struct audit_frame *f);

#endif
