/* Inside of the deployment parser: deployment.c (the object), deployment_pool.c (its pools),
 * deployment_out.c (canonical form). Nobody else includes this. */
#ifndef LPC_EMULATOR_DEPLOYMENT_PARTS_H
#define LPC_EMULATOR_DEPLOYMENT_PARTS_H

#include "emulator/deployment.h"

extern const char *const entry_names[],
        *const policy_names[], *const overflow_names[],
                                       *const oversize_names[],
                                               *const loss_names[], *const weights_from_names[],
                                                                            *const position_names[];

/* Reads the list of pools, assigns nodes, compiles artifacts. d's hardware, topology, model,
 * Ethernet are in place. */
enum status pools_parse(struct jval list, struct arena *arena, struct deployment *d,
        struct error *err) LPC_MUST_USE;

/* Appends the tables of the pools; returns how many. */
size_t pool_tables(struct field_table *tables);

/* One of the pool's instances: its nodes in path order. */
static inline const uint32_t *pool_nodes(const struct pool_spec *p, uint32_t instance)
{
	return p->nodes + (size_t)instance * p->nodes_per_instance;
}

#endif
