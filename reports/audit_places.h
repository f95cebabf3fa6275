/* Addresses of a topology: from text to a key, and from a packet's end to a rack. Inside of the
 * topology (audit_topology.h): nobody else needs it but its tests.
 *
 * A place is one thing that an end can be known by. All of its bytes count when two are compared,
 * those that a kind does not use are zero. */
#ifndef LPC_REPORTS_AUDIT_PLACES_H
#define LPC_REPORTS_AUDIT_PLACES_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/base/json.h"
#include "reports/audit_topology.h"

enum place_kind {
	PLACE_COMPONENT, /* value: rack, node, chip, 2 bytes each as in struct wire_end */
	PLACE_SOCKET,    /* address (bits 32 or 128 = its family) and port */
	PLACE_IPV4,      /* bits: of the prefix, 0 to 32; the address in the last 4 bytes */
	PLACE_IPV6,      /* 0 to 128 */
	PLACE_PORT,      /* protocol 0 = any */
	PLACE_MAC,       /* 0 to 48; value: the first 6 bytes */
	PLACE_KINDS
};

struct place {
	uint8_t kind, bits, protocol, unused;
	uint16_t port;
	uint8_t value[16];
};
_Static_assert(sizeof(struct place) == 22, "places are compared byte by byte");

/* NULL, or what was expected instead ("an IPv4 address of four numbers up to 255"), which lives in
 * buf or for ever. */
enum { PLACE_EXPECTED_MAX = 160 };
const char *place_parse(const char *text, struct place *out, char buf[static PLACE_EXPECTED_MAX]);

/* Room for n places. */
struct audit_places *audit_places_create(struct arena *arena, uint32_t n);
/* The rack that has it already (then nothing is added, and *first is where it stands there), or
 * AUDIT_OUTSIDE: it has been added. */
int audit_places_add(struct audit_places *p, const struct place *place, int rack, struct jval where,
        struct jval *first);
int audit_places_find(const struct audit_places *p, const struct place *place);

/* Whether an end's rack may depend on it: what a frame that is cut off may lack. */
bool audit_places_have(const struct audit_places *p, enum place_kind kind);

#endif
