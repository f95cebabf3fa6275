/* The critical-path audit: from packets to a verdict.
 *
 * Every packet has a class (the first whose filter it meets, or none) and two ends, each in a rack
 * or outside of all. It is cross-rack when its ends lie in different racks, cross-domain when in
 * different pods; direction, tags and address family play no part. A violation is
 *   - a packet of a critical class with an end outside of every rack,
 *   - a packet of a critical class that is cross-rack (scope rack) or cross-domain (scope pod),
 *   - a cross-rack packet of no class, where the policy says fail.
 *
 * Verdict: fail if there is a violation (what was seen was seen, whatever else was missed); else
 * inconclusive if anything could have been missed (enum audit_doubt); else pass.
 *
 * Memory is bounded and independent of the number of packets: a flow cache that may forget, a table
 * of datagrams and a table of cross-rack flows that say when they overflow. */
#ifndef LPC_REPORTS_AUDIT_H
#define LPC_REPORTS_AUDIT_H

#include <stdbool.h>
#include <stdint.h>
#include "reports/audit_topology.h"

struct json_out;
struct text;

/* What stands where a class's index stands. */
enum {
	AUDIT_NO_CLASS = -1, /* no filter is met */
	/* Which filters are met cannot be told: headers are cut off, or it is a fragment of a
	 * datagram whose first one is not known. No violation is told of such a packet; there is
	 * a doubt of it instead. */
	AUDIT_UNKNOWN_CLASS = -2,
};

enum audit_doubt {
	DOUBT_DROPPED,   /* packets that the kernel or the interface dropped */
	DOUBT_TRUNCATED, /* packets that were captured in part */
	DOUBT_BROKEN,    /* headers that contradict themselves */
	DOUBT_FRAGMENTS, /* fragments whose first one was not seen, or no longer remembered */
	DOUBT_CUT,       /* the capture ends in the middle of a record */
	DOUBT_TIME,      /* a packet is older than one before it by more than AUDIT_TIME_SLACK */
	DOUBT_EMPTY,     /* not one packet */
	DOUBT_KINDS,
};
const char *audit_doubt_name(enum audit_doubt d);

/* Captures of several processors interleave within microseconds; a second is no interleaving. */
#define AUDIT_TIME_SLACK_NS INT64_C(1000000000)

/* Instants beyond these, in the years 1823 and 2116, are taken to be these: a capture may say any,
 * and the time between two must be a number. */
#define AUDIT_TIME_MAX_NS ((INT64_C(1) << 62) - 1)

enum audit_reason {
	AUDIT_CROSS_RACK,
	AUDIT_CROSS_POD,
	AUDIT_END_OUTSIDE,
	AUDIT_UNCLASSIFIED_CROSSES,
	AUDIT_REASONS,
};
const char *audit_reason_name(enum audit_reason r);

struct audit_violation {
	uint64_t number; /* of the packet in its source, from 1, as Wireshark counts */
	uint32_t source; /* index of the capture */
	int64_t at_ns;   /* as captured */
	int class;       /* index, −1 = none */
	int rack[2];
	enum audit_reason reason;
	enum audit_net net;
	uint8_t protocol;
	bool ports_known;
	uint16_t port[2];
	struct audit_address address[2];
	bool macs_known[2];
	uint8_t mac[2][6];
	bool ours;
	struct wire_end end[2];
	uint64_t request; /* ours */
	uint32_t token;
};

enum { AUDIT_CELLS_MAX = 1 << 20 };

struct audit_cell { /* class × unordered rack pair; rack[0] <= rack[1], AUDIT_OUTSIDE first */
	int class, rack[2];
	uint64_t packets, bytes; /* on the wire */
	uint64_t forward;        /* of the packets: from rack[0] to rack[1] */
};

/* A cross-rack flow: class and five-tuple, component pair (ours) or pair of MACs (no IP), one
 * direction. Jitter is RFC 3550, section 6.4.1, J += (|D| − J) / 16; D is exact where the packets
 * carry their instant of sending (ours), else the sender is taken to be steady: D = this gap − the
 * one before. Packets are timed within one capture, never from one to the next; later fragments
 * are counted and not timed, as a datagram leaves once. */
struct audit_flow {
	struct audit_violation who; /* its first packet; `reason` only if there are violations */
	uint64_t packets, bytes, violations;
	int64_t first_ns, last_ns;
	bool sent_known;
	uint64_t gaps;                   /* that were timed */
	double jitter_ns, jitter_max_ns; /* J at the end, and the largest that it was */
	int64_t gap_max_ns;
	double gap_mean_ns;
};

/* What there is of one class. */
struct audit_total {
	uint64_t packets, bytes;           /* it is the first whose filter they meet */
	uint64_t matched;                  /* packets that meet its filter, first or not */
	uint64_t crossing, crossing_bytes; /* cross-rack ones of its packets */
	uint64_t crossing_pods;            /* packets: cross-domain ones */
	uint64_t outside;                  /* packets with an end in no rack */
	uint64_t violations;
};

struct audit_source {
	const char *name;
	int link_type;
	const char *link_name;
	uint64_t packets, bytes, dropped, truncated;
	int64_t first_ns, last_ns; /* earliest and latest instant; −1: no packet */
	uint32_t snaplen;
	bool live;
};

struct audit_result {
	const struct audit_topology *topology;
	bool pass, fail; /* neither: inconclusive */
	uint32_t n_sources;
	const struct audit_source *sources;
	uint64_t packets, bytes;
	int64_t first_ns, last_ns;
	uint32_t sampling_min, sampling_max; /* as our own frames say; 0 = none of them seen */
	uint64_t doubts[DOUBT_KINDS];
	uint64_t violations; /* all of them; the first n_kept are kept, by source and number */
	uint64_t violations_by[AUDIT_REASONS];
	uint32_t n_kept;
	const struct audit_violation *kept;
	uint32_t n_cells;
	const struct audit_cell *cells;              /* by class (none, unknown last), then racks */
	uint64_t cells_forgotten;                    /* packets of cells beyond AUDIT_CELLS_MAX */
	struct audit_total total[AUDIT_CLASSES_MAX]; /* by class */
	struct audit_total unclassified, unknown;    /* `matched` is 0 */
	uint32_t n_flows;
	uint64_t flows_forgotten;       /* cross-rack packets of flows beyond the table */
	const struct audit_flow *flows; /* by bytes, most first */
};

struct audit;

struct audit_config {
	const struct audit_topology *topology; /* borrowed */
	uint32_t violations_max;               /* kept; 0 = 100 */
	uint32_t flows_max;                    /* 0 = 4096 */
	uint32_t datagrams_max;                /* 0 = 65536 */
	uint32_t remembered_max; /* flows whose class is remembered; 0 = 262144. Speed alone depends
	                            on it */
};

struct audit *audit_create(const struct audit_config *config);
void audit_free(struct audit *a);

/* The packets that follow are of another capture. The name is copied. */
void audit_begin(struct audit *a, const char *name, int link_type, const char *link_name,
        uint32_t snaplen, bool live);
void audit_packet(
        struct audit *a, int64_t at_ns, const uint8_t *bytes, uint32_t captured, uint32_t wire);
void audit_dropped(struct audit *a, uint64_t n); /* of the capture that was begun */
void audit_doubt(struct audit *a, enum audit_doubt d, uint64_t n);

/* Once. The result lives as long as the audit. */
const struct audit_result *audit_finish(struct audit *a);

/* "lpuchaos.audit/1"; docs/AUDIT.md names the members. */
void render_audit(const struct audit_result *r, struct json_out *o, const char *key);
void render_audit_text(const struct audit_result *r, struct text *t);

#endif
