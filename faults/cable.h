/* What link.miswire says; read by whoever tells beforehand what bring-up will refuse. */
#ifndef LPC_FAULTS_CABLE_H
#define LPC_FAULTS_CABLE_H

#include <stdint.h>

struct miswire_fault {
	const char *with;
	int64_t reseat_ns;
	uint32_t with_id; /* component, UINT32_MAX = the rack's choice */
};

#endif
