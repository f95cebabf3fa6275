/* Which contingencies a deployment has, and which of them need not be run because the topology
 * proves them the same as another (the essay is in contingency_cells.c).
 *
 * Units are numbered once, in this order, each in component order: chips, nodes, C2C cables (those
 * inside nodes are cables, too), PDUs, fan zones. Cells are the units (n-1), the ordered pairs of
 * units (n-1-1: by the first, then the second) or the unordered ones (n-2: likewise, first <
 * second), each in that order; of symmetric ones only the first, unless all are wanted.
 *
 * Thread: built on one, then only read. */
#ifndef LPC_RUN_CONTINGENCY_CELLS_H
#define LPC_RUN_CONTINGENCY_CELLS_H

#include "emulator/deployment.h"
#include "harness/run/campaign.h"

enum unit_class { UNIT_CHIP, UNIT_NODE, UNIT_CABLE, UNIT_PDU, UNIT_FAN, UNIT_CLASSES };
const char *unit_class_name(enum unit_class class); /* "chip" … */

/* What a unit is to the instances, as deployed. */
enum unit_role {
	UNIT_USED,    /* on the path of an instance, or feeds or cools a node that is */
	UNIT_RESERVE, /* on none now, but a failover may bring it there */
	UNIT_UNUSED,  /* and none can */
};
const char *unit_role_name(enum unit_role role);

struct unit {
	uint32_t component; /* of the topology */
	enum unit_class class;
	enum unit_role role;
	uint32_t pools; /* bit p: pool p has an instance that uses it, as deployed */
	uint32_t block; /* units of one block are symmetric */
};

/* Pairs beyond that are refused: their campaign would not end. */
#define CONTINGENCY_PAIRS_MAX UINT64_C(30000000)

struct contingency_cell {
	uint32_t unit[2];    /* [1]: UINT32_MAX with n-1 */
	uint64_t stands_for; /* how many cells, with itself */
};

struct contingency_cells {
	const struct topology *topology;
	enum contingency kind;
	bool all;
	uint32_t n_units, n_blocks;
	struct unit *units;
	uint32_t by_class[UNIT_CLASSES];
	uint64_t n_all, n;              /* contingencies; cells that are run */
	struct contingency_cell *cells; /* of the symmetric ones; NULL with all */
	struct arena arena;
};

/* ERR_USAGE: too many. The deployment is borrowed. */
enum status contingency_cells_init(struct contingency_cells *c, const struct deployment *d,
        enum contingency kind, bool all, struct error *err) LPC_MUST_USE;
void contingency_cells_free(struct contingency_cells *c);

struct contingency_cell contingency_cell_at(const struct contingency_cells *c, uint64_t index);
/* The cell that is run for this pair (b UINT32_MAX with n-1; a < b with n-2): an index. Not with
 * all. For tests: it looks for it. */
uint64_t contingency_cell_of(const struct contingency_cells *c, uint32_t a, uint32_t b);
/* "r0.n1.c0", "r0.n1+r0.pdu0", "r0.n1 then r0.pdu0". */
void contingency_cell_name(const struct contingency_cells *c, const struct contingency_cell *cell,
        char buf[static CAMPAIGN_CELL_NAME]);
static inline const char *contingency_unit_name(const struct contingency_cells *c, uint32_t unit)
{
	return c->topology->components[c->units[unit].component].name;
}

#endif
