/* Who is where: the topology file of an audit (DESIGN §8).
 *
 *   { "version": 1,
 *     "racks": [ { "name": "r0", "pod": "p0", "addresses": [ … ] } ],
 *     "classes": [ { "name": "model", "filter": "udp port 4700", "critical": true } ],
 *     "policy": { "scope": "rack", "unclassified_cross_rack": "fail" } }
 *
 * An address is one of: "10.0.0.7", "10.0.0.0/24", "fd00::/64" · "02:00:00:00:00:01", with a prefix
 * "02:4c:00:00:00:00/32" · a port ":4700" or "port 4700", of TCP or UDP or whatever has ports, or
 * of one: "tcp:4700", "udp:4700"; with an address "10.0.0.7:4700", "[fd00::1]:4700" · a component
 * as the emulator names it: "r0", "r0.n3", "r0.n3.c5" (what is in it is in the rack, too).
 *
 * One end of a packet is found by the first of these that knows it: component, address with port,
 * address (longest prefix), port, MAC (longest prefix). The same address in two racks is an error.
 *
 * A packet belongs to the first class, in order of the file, whose filter it meets. */
#ifndef LPC_REPORTS_AUDIT_TOPOLOGY_H
#define LPC_REPORTS_AUDIT_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/json.h"
#include "reports/audit_frame.h"
#include "reports/filter.h"

enum {
	AUDIT_CLASSES_MAX = 64,
	AUDIT_RACKS_MAX = 4096,
	AUDIT_ADDRESSES_MAX = 1 << 20,
	AUDIT_OUTSIDE = -1, /* rack of an end that no rack has */
};

enum audit_scope { AUDIT_SCOPE_RACK, AUDIT_SCOPE_POD };
enum audit_unclassified {
	AUDIT_UNCLASSIFIED_FAIL,
	AUDIT_UNCLASSIFIED_WARN,
	AUDIT_UNCLASSIFIED_IGNORE
};

struct audit_rack {
	const char *name;
	uint32_t pod; /* index; racks of one pod share it */
};

struct audit_class {
	const char *name, *expression;
	bool critical;
	struct filter filter;
};

struct audit_places; /* address lookup, audit_topology.c's own */

struct audit_topology {
	const char *file; /* for messages and results */
	uint32_t n_racks, n_pods, n_classes;
	struct audit_rack *racks;
	const char **pods;
	struct audit_class *classes;
	enum audit_scope scope;
	enum audit_unclassified unclassified;
	struct audit_places *places;
};

/* Compiles a class filter (reports/capture.h: libpcap; tests: by hand). An error stands at v. */
struct audit_compiler {
	void *ctx;
	enum status (*compile)(void *ctx, struct jval v, const char *expression,
	        struct arena *arena, struct filter *out, struct error *err);
};

/* Everything lives in the arena, borrowed texts in the document. */
enum status audit_topology_parse(struct jval v, const struct audit_compiler *compiler,
        struct arena *arena, struct audit_topology *out, struct error *err) LPC_MUST_USE;

/* Rack index of one end of the packet (0 = source, 1 = destination), or AUDIT_OUTSIDE. Later
 * fragments have no ports: the caller gives the frame those of the first one. */
int audit_rack_of(const struct audit_topology *t, const struct audit_frame *f, unsigned end);

/* The tables that a topology is read by, for docs and schema. */
enum { AUDIT_TABLES = 4 };
void audit_topology_tables(struct field_table tables[static AUDIT_TABLES]);

#endif
