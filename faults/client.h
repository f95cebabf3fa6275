/* The parameter record of the family `client`, which the load side reads from fault_sink.habit. */
#ifndef LPC_FAULTS_CLIENT_H
#define LPC_FAULTS_CLIENT_H

#include <stdint.h>

/* What a client does that is picked when its request is planned. Zero = it does not. */
struct client_habit {
	double share; /* of the clients, 0 … 1 */
	/* disconnect: leaves when so many tokens have come, or so long after the planned instant */
	int64_t leave_tokens, leave_ns;
	/* slow_reader: stops reading for a while when so many tokens have come; sockets hold
	 * `buffered` further ones before the server's own queue fills */
	int64_t pause_tokens, pause_ns, buffered;
};

#endif
