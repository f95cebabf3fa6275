/* The parameter records of the family `load`, which the load side reads from fault_sink. */
#ifndef LPC_FAULTS_LOAD_H
#define LPC_FAULTS_LOAD_H

#include <stdint.h>

/* load.burst, load.step: fault_sink.surge */
struct load_surge {
	double factor;   /* > 1 */
	int64_t ramp_ns; /* from the entry's own rate to factor times that */
};

/* load.retry_storm: fault_sink.storm */
struct load_storm {
	int64_t retries; /* >= 1 */
	int64_t back_off_ns;
	int64_t patience_ns; /* 0 = it waits */
};

#endif
