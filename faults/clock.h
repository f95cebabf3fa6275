/* What clock.drift says; read by whoever warns of a drift that is within the budget. */
#ifndef LPC_FAULTS_CLOCK_H
#define LPC_FAULTS_CLOCK_H

#include <stdint.h>

struct drift_fault {
	double ppm;
	int64_t deskew_ns;
};

#endif
