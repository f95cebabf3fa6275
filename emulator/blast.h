/* Blast radius: which instances stop when one component fails, before any failover (DESIGN §5). A
 * pool is down when none of its instances is left. Borrows the deployment; blast_free() frees the
 * counts. */
#ifndef LPC_EMULATOR_BLAST_H
#define LPC_EMULATOR_BLAST_H

#include <stdbool.h>
#include <stdint.h>
#include "emulator/deployment.h"

struct blast {
	const struct deployment *d;
	uint32_t *stopped; /* [pool][component]: instances that stop */
};

void blast_init(struct blast *b, const struct deployment *d);
void blast_free(struct blast *b);

uint32_t blast_instances(const struct blast *b, uint32_t pool, uint32_t component);
bool blast_pool_down(const struct blast *b, uint32_t pool, uint32_t component);
bool blast_any(const struct blast *b, uint32_t component); /* some instance stops */

/* Whether a hot spare of the component's rack can stand in for what fails: one node, or an end of a
 * C2C link. Never for a whole rack, nor for Ethernet. */
bool blast_spare(const struct deployment *d, uint32_t component);

#endif
