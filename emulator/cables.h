/* Cables as ordered: the ports of the machine, and the plan that says by serial number which two
 * ports a cable joins. What is plugged in where is the rack's (emulator/wiring.c).
 *
 * Ports follow from the topology. A chip has one a neighbour: r0.n3.c5.p6 faces chip 6. A node's
 * are numbered by the other end: r0.n1.p0 … p3 face r0.n0, p4 … p7 r0.n2 and so on (four cables a
 * pair; the node itself is left out), then come those to its namesakes in the other racks of the
 * pod. Ethernet has no ports here. */
#ifndef LPC_EMULATOR_CABLES_H
#define LPC_EMULATOR_CABLES_H

#include <stdbool.h>
#include <stdint.h>
#include "emulator/hardware.h"
#include "emulator/topology.h"

struct planned_cable {
	const char *serial;
	uint32_t link; /* whose two ports it joins */
};

struct cable_plan {
	bool check; /* bring-up of a C2C link compares serials with the plan */
	uint32_t n_cables;
	struct planned_cable *cables; /* by link; those that were given */
};

enum { PORT_NAME_MAX = 48, CABLE_REFUSAL_MAX = 256 };

/* Name of the port of a C2C link's end: of node_a or chip_a, or with `far` of the other. Returns
 * buf. */
const char *cables_port(
        const struct topology *t, uint32_t link, bool far, char buf[static PORT_NAME_MAX]);

/* The serial on the cable of a link: the plan's, or the link's own name where it gives none. */
const char *cables_serial(const struct cable_plan *p, const struct topology *t, uint32_t link);

/* The cable that a swap takes when none is named: from the near end of this one to another far
 * end, else one of the same kind with other ends, else a parallel one; COMPONENT_NONE if this is
 * the only one of its kind. Links by index, C2C only. */
uint32_t cables_neighbour(const struct topology *t, uint32_t link);

/* What bring-up says of a cable whose far end is where that of `other` should be: its serial, the
 * port it is in and the planned one. Returns buf. */
const char *cables_refusal(const struct cable_plan *p, const struct topology *t, uint32_t link,
        uint32_t other, char buf[static CABLE_REFUSAL_MAX]);

/* v: the deployment's "cable_plan" or nothing. Every cable given must join the two ports that a
 * cable of the topology joins, in either order; serials and cables at most once. */
enum status cables_parse(struct jval v, const struct topology *t, struct arena *arena,
        struct cable_plan *out, struct error *err) LPC_MUST_USE;
/* Writes nothing for the default: checked, all serials generated. */
void cables_out(const struct cable_plan *p, const struct topology *t, struct json_out *o);
size_t cables_tables(struct field_table *tables); /* appends, returns how many */

#endif
